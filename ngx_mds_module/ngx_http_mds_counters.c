/*
 * The counters of a worker. A request adds to its worker's slot with plain
 * stores; the texts of labels are only looked at when a series is not in the
 * worker's cache.
 */

#include "ngx_http_mds_counters.h"

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_zone.h"

#include "base/mds_time.h"

#define NGX_HTTP_MDS_ZONE_DEFAULT (8 * 1024 * 1024)

#define NGX_HTTP_MDS_DCZ_MAGIC "\x5e\x2a\x4d\x18\x20\x00\x00\x00"

static ngx_int_t
ngx_http_mds_counters_init_zone(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_http_mds_counters_log(ngx_http_request_t *r);

/* Of this process; NULL: nothing is counted. */
static mds_counter_zone_t   *ngx_http_mds_zone;
static mds_counter_slot_t   *ngx_http_mds_slot;
static mds_fixed_counters_t *ngx_http_mds_fixed;

/* Files are few: they share one cache, by the first bytes of their digests. */
static mds_series_cache_t ngx_http_mds_file_cache;

char *
ngx_http_mds_check_counters_size(ngx_conf_t *cf, void *post, void *data)
{
    ssize_t *bytes = data;

    return *bytes != 0 && *bytes < (ssize_t) MDS_COUNTERS_BYTES_MIN
               ? "must be 0, or at least 1m"
               : NGX_CONF_OK;
}

/* Returns the number of workers of two cycles: during a reload, those of the
 * old one still answer. */
static ngx_uint_t
ngx_http_mds_counters_slots(ngx_conf_t *cf)
{
    ngx_core_conf_t *ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                                            ngx_core_module);
    ngx_int_t        workers = ngx_max(ccf->worker_processes, ngx_ncpu);

    return 2 * (ngx_uint_t) ngx_max(workers, 1) + 2;
}

ngx_int_t
ngx_http_mds_counters_init(ngx_conf_t *cf)
{
    static ngx_str_t          name = ngx_string("mds_counters");
    ngx_http_mds_main_conf_t *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mds_module);
    ngx_conf_init_size_value(mcf->zone_size, NGX_HTTP_MDS_ZONE_DEFAULT);

    if (mcf->zone_size == 0 || mcf->depot_confs.nelts == 0) {
        return NGX_OK;
    }

    mcf->zone = ngx_shared_memory_add(cf, &name, mcf->zone_size,
                                      &ngx_http_mds_module);
    if (mcf->zone == NULL) {
        return NGX_ERROR;
    }

    mcf->slot_count = ngx_http_mds_counters_slots(cf);
    mcf->zone->init = ngx_http_mds_counters_init_zone;
    mcf->zone->data = mcf;

    return ngx_http_mds_add_handler(cf, NGX_HTTP_LOG_PHASE,
                                    ngx_http_mds_counters_log);
}

/* Initializes the zone. data is the configuration of the cycle before, whose
 * memory is reused; if NULL, the memory is new, and zero. */
static ngx_int_t
ngx_http_mds_counters_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_mds_main_conf_t   *mcf = zone->data, *before = data;
    ngx_http_mds_depot_conf_t **depot_conf = mcf->depot_confs.elts;
    size_t                      bytes;
    u_char                     *memory = ngx_http_mds_zone_memory(zone, &bytes);

    mcf->counters = before != NULL
                        ? before->counters
                        : mds_counters_init(memory, bytes, mcf->slot_count,
                                            mds_time_now_ms());

    if (mcf->counters == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "\"mds_zone\" is too small for %ui workers",
                      mcf->slot_count / 2 - 1);
        return NGX_ERROR;
    }

    for (ngx_uint_t i = 0; i < mcf->depot_confs.nelts; i++) {
        depot_conf[i]->number
            = mds_counters_add_depot(mcf->counters,
                                     ngx_http_mds_view(&depot_conf[i]->path));
    }

    return NGX_OK;
}

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
        mds_counters_release(ngx_http_mds_slot);
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

mds_counter_zone_t *
ngx_http_mds_counters_zone(void)
{
    return ngx_http_mds_zone;
}

uint64_t
ngx_http_mds_counters_clock(void)
{
    struct timespec now;

    if (ngx_http_mds_fixed == NULL) {
        return 0;
    }

    clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
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
ngx_http_mds_count_commit(ngx_msec_t took)
{
    if (ngx_http_mds_fixed != NULL) {
        mds_histogram_add(&ngx_http_mds_fixed->commits,
                          (int64_t) took * 1000000);
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

    series = ngx_http_mds_depot_series(depot);
    __atomic_store_n(&series->values[1], depot->queue.count, __ATOMIC_RELAXED);

    mds_history_update(ngx_http_mds_zone, pid, ngx_http_mds_is_alive, now_ms);
    mds_history_note_serial(ngx_http_mds_zone, pid, depot->number,
                            depot->serial, now_ms);
}

/* Returns 1 if the answer ends with the last byte of the file: it is the whole
 * one, or a range up to its end ("bytes 10-99/100"). */
static ngx_uint_t
ngx_http_mds_ends_with_file(ngx_http_request_t *r)
{
    mds_str_t last, size;

    if (r->headers_out.status == NGX_HTTP_OK) {
        return 1;
    }

    if (r->headers_out.content_range == NULL) {
        return 0;
    }

    size = ngx_http_mds_view(&r->headers_out.content_range->value);
    (void) mds_str_cut(&size, '-');
    last = mds_str_cut(&size, '/');

    return last.len > 0 && size.len > 0
           && ngx_atoof((u_char *) last.data, last.len) + 1
                  == ngx_atoof((u_char *) size.data, size.len);
}

/* Counts the bytes of a file that were sent, and whether its end was. */
static void
ngx_http_mds_count_file(ngx_http_request_t *r, mds_series_t *series)
{
    off_t sent = r->connection->sent - (off_t) r->header_size;

    if (sent <= 0) {
        return;
    }

    mds_series_add(series, 0, sent);

    if (sent == r->headers_out.content_length_n
        && ngx_http_mds_ends_with_file(r)) {
        mds_series_add(series, 1, 1);
    }
}

static ngx_int_t
ngx_http_mds_counters_log(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_http_mds_ctx_t      *ctx;
    mds_endpoint_t           endpoint;
    ngx_uint_t               status;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    if (mlcf->endpoint == NULL || ngx_http_mds_fixed == NULL) {
        return NGX_OK;
    }

    endpoint = mlcf->endpoint->id;
    if (endpoint == MDS_ENDPOINT_CHECK && r->method == NGX_HTTP_POST) {
        endpoint = MDS_ENDPOINT_BATCH;
    }

    status = r->err_status != 0 ? r->err_status : r->headers_out.status;
    mds_counter_add(
        &ngx_http_mds_fixed->responses[endpoint][mds_http_status_index(status)],
        1);

    ctx = ngx_http_get_module_ctx(r, ngx_http_mds_module);
    if (ctx == NULL) {
        return NGX_OK;
    }

    if (ctx->began_ns != 0 && endpoint == MDS_ENDPOINT_CHECK) {
        mds_histogram_add(&ngx_http_mds_fixed->checks,
                          (int64_t) (ngx_http_mds_counters_clock()
                                     - ctx->began_ns));
    }

    if (ctx->file_series != NULL) {
        ngx_http_mds_count_file(r, ctx->file_series);
    }

    return NGX_OK;
}
