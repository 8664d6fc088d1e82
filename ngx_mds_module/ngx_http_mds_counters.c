/*
 * The counters of a worker. A request adds to its worker's slot with plain
 * stores; the texts of labels are only looked at when a series is not in the
 * worker's cache.
 */

#include "ngx_http_mds_counters.h"

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_zone.h"

#include "base/mds_time.h"

#define NGX_HTTP_MDS_DCZ_MAGIC "\x5e\x2a\x4d\x18\x20\x00\x00\x00"

/* Of this process; NULL: nothing is counted. */
static mds_counter_zone_t   *ngx_http_mds_zone;
static mds_counter_slot_t   *ngx_http_mds_slot;
static mds_fixed_counters_t *ngx_http_mds_fixed;

/* Files are few: they share one cache, by the first bytes of their digests. */
static mds_series_cache_t ngx_http_mds_file_cache;

static bool
ngx_http_mds_is_alive(int64_t pid)
{
    return kill((pid_t) pid, 0) == 0 || ngx_errno != ESRCH;
}

/* Returns the counters of this process. Without a master, they are in memory of
 * its own, with one slot. */
static mds_counter_zone_t *
ngx_http_mds_counters_create(const ngx_http_mds_main_conf_t *mcf)
{
    u_char *memory;

    if (mcf->counters == NULL || ngx_process != NGX_PROCESS_SINGLE) {
        return mcf->counters;
    }

    memory = ngx_http_mds_zone_private(mcf->zone_size);

    return memory == NULL ? NULL
                          : mds_counters_init(memory, mcf->zone_size, 1,
                                              mds_time_now_ms());
}

static void
ngx_http_mds_counters_claim(void)
{
    ngx_http_mds_slot = mds_counters_claim(ngx_http_mds_zone, ngx_getpid(),
                                           ngx_http_mds_is_alive);
    ngx_http_mds_fixed = ngx_http_mds_slot == NULL
                             ? NULL
                             : mds_counters_fixed(ngx_http_mds_slot);
}

void
ngx_http_mds_counters_open(ngx_http_mds_main_conf_t *mcf)
{
    ngx_http_mds_zone = ngx_http_mds_counters_create(mcf);
    ngx_http_mds_fixed = NULL;
    mds_series_cache_clear(&ngx_http_mds_file_cache);

    if (ngx_http_mds_zone == NULL) {
        return;
    }

    ngx_http_mds_counters_claim();

    if (ngx_http_mds_fixed == NULL) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "\"mds_zone\" has no slot for this worker, which does"
                      " not count until another one ends");
    }
}

void
ngx_http_mds_counters_close(void)
{
    if (ngx_http_mds_fixed != NULL) {
        mds_counters_release(ngx_http_mds_zone, ngx_http_mds_slot);
        ngx_http_mds_fixed = NULL;
    }
}

ngx_uint_t
ngx_http_mds_counters_depot(const ngx_http_mds_depot_conf_t *depot_conf)
{
    return ngx_process == NGX_PROCESS_SINGLE && ngx_http_mds_zone != NULL
               ? mds_counters_add_depot(ngx_http_mds_zone,
                                        ngx_http_mds_view(&depot_conf->path))
               : depot_conf->number;
}

mds_fixed_counters_t *
ngx_http_mds_counters_fixed(void)
{
    return ngx_http_mds_fixed;
}

mds_counter_zone_t *
ngx_http_mds_counters_zone(void)
{
    return ngx_http_mds_zone;
}

uint64_t
ngx_http_mds_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

uint64_t
ngx_http_mds_counters_clock(void)
{
    return ngx_http_mds_fixed == NULL ? 0 : ngx_http_mds_clock_ns();
}

/* Writes the number of a depot, which is a field of its series. */
static mds_str_t
ngx_http_mds_depot_field(const ngx_http_mds_depot_t *depot, u_char *digits)
{
    return (mds_str_t){ ngx_http_mds_cpy_number(digits, depot->number) - digits,
                        (char *) digits };
}

static mds_series_t *
ngx_http_mds_make_decision_series(ngx_http_mds_depot_t *depot,
                                  const mds_decision_t *decision)
{
    u_char    digits[NGX_INT64_LEN];
    mds_str_t key = mds_null_str;
    mds_str_t fields[MDS_SERIES_FIELDS_MAX];

    if (decision->record != NULL) {
        key = mds_record_bytes(decision->record, decision->record->key);
    }

    fields[0] = ngx_http_mds_depot_field(depot, digits);
    fields[1] = mds_str_cut(&key, '\0');
    fields[2] = mds_str_cut(&key, '\0');
    fields[3] = key;
    fields[4] = decision->release;
    fields[5] = mds_str_of(mds_action_name(decision->action));
    fields[6] = mds_str_of(mds_reason_name(decision->reason));

    return mds_counters_series(ngx_http_mds_slot, MDS_SERIES_DECISION, fields,
                               MDS_SERIES_FIELDS_MAX);
}

mds_series_t *
ngx_http_mds_decision_series(ngx_http_mds_depot_t *depot, uint64_t serial,
                             const mds_decision_t *decision)
{
    mds_series_cache_entry_t *entry;

    if (ngx_http_mds_fixed == NULL) {
        return NULL;
    }

    entry = mds_series_cache_find(depot->series, serial, decision->record,
                                  decision->release.data,
                                  (uintptr_t) decision->action << 16
                                      | (uintptr_t) decision->reason << 1 | 1);

    if (entry->series == NULL) {
        entry->series = ngx_http_mds_make_decision_series(depot, decision);
    }

    return entry->series;
}

static mds_str_t
ngx_http_mds_file_format(ngx_fd_t fd)
{
    char    magic[sizeof(NGX_HTTP_MDS_DCZ_MAGIC) - 1];
    ssize_t n = pread(fd, magic, sizeof(magic), 0);

    /* Direct I/O takes no such buffer. */
    if (n == -1) {
        return mds_str("unknown");
    }

    return n == sizeof(magic)
                   && ngx_memcmp(magic, NGX_HTTP_MDS_DCZ_MAGIC, sizeof(magic))
                          == 0
               ? mds_str("delta")
               : mds_str("full");
}

mds_series_t *
ngx_http_mds_file_series(ngx_http_mds_depot_t *depot, mds_str_t hex,
                         ngx_fd_t fd)
{
    mds_series_cache_entry_t *entry;
    uintptr_t                 words[2];
    u_char                    digits[NGX_INT64_LEN];
    mds_str_t                 fields[3];

    if (ngx_http_mds_fixed == NULL) {
        return NULL;
    }

    /* 16 hexadecimal digits tell files apart, but no more than that. */
    ngx_memcpy(words, hex.data, sizeof(words));
    entry = mds_series_cache_find(&ngx_http_mds_file_cache, 0,
                                  (void *) words[0], (void *) words[1],
                                  (uintptr_t) depot->number << 1 | 1);

    if (entry->series == NULL) {
        fields[0] = ngx_http_mds_depot_field(depot, digits);
        fields[1] = hex;
        fields[2] = ngx_http_mds_file_format(fd);
        entry->series = mds_counters_series(ngx_http_mds_slot, MDS_SERIES_FILE,
                                            fields, mds_nelems(fields));
    }

    return entry->series;
}

static mds_series_t *
ngx_http_mds_depot_series(const ngx_http_mds_depot_t *depot)
{
    u_char    digits[NGX_INT64_LEN];
    mds_str_t field = ngx_http_mds_depot_field(depot, digits);

    return mds_counters_series(ngx_http_mds_slot, MDS_SERIES_DEPOT, &field, 1);
}

void
ngx_http_mds_count_fault(ngx_http_mds_depot_t *depot)
{
    if (ngx_http_mds_fixed != NULL) {
        mds_series_add(ngx_http_mds_depot_series(depot), 0, 1);
    }
}

void
ngx_http_mds_count_commit(uint64_t took_ns)
{
    if (ngx_http_mds_fixed != NULL) {
        mds_histogram_add(&ngx_http_mds_fixed->commits, (int64_t) took_ns);
    }
}

void
ngx_http_mds_count_watchers(ngx_uint_t count)
{
    if (ngx_http_mds_fixed != NULL) {
        __atomic_store_n(&ngx_http_mds_fixed->watchers, count,
                         __ATOMIC_RELAXED);
    }
}

void
ngx_http_mds_counters_refresh(ngx_http_mds_depot_t *depot)
{
    int64_t       pid = ngx_getpid(), now_ms = mds_time_now_ms();
    mds_series_t *series;

    if (ngx_http_mds_zone == NULL) {
        return;
    }

    if (ngx_http_mds_fixed == NULL) {
        ngx_http_mds_counters_claim();
        return;
    }

    /* The depots without a number share a series: it has no gauge. */
    if (depot->number != MDS_COUNTERS_DEPOT_OTHER) {
        series = ngx_http_mds_depot_series(depot);
        __atomic_store_n(&series->values[1], depot->queue.count,
                         __ATOMIC_RELAXED);
    }

    mds_history_update(ngx_http_mds_zone, pid, ngx_http_mds_is_alive, now_ms);
    mds_history_note_serial(ngx_http_mds_zone, pid, depot->number,
                            depot->serial, now_ms);
}
