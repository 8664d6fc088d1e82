/*
 * mds_counters: what the workers of an nginx count, in memory that they share
 * and that outlives a reload.
 *
 *   +------+---------+-------------------+--------+--------+----
 *   | zone | history | release histories | slot 0 | slot 1 | …
 *   +------+---------+-------------------+--------+--------+----
 *
 * Each worker writes a slot of its own with plain stores: there is no lock and
 * no atomic addition. A reader adds up all slots. A slot whose worker has ended
 * keeps its numbers, and the next worker goes on with them.
 *
 * A slot has counters that are always there, and series, which are created when
 * something is counted first: a decision with its labels, a file. Their room is
 * bounded; what comes when it is full is counted in a series "other".
 */

#ifndef MDS_COUNTERS_H
#define MDS_COUNTERS_H

#include "base/mds_base.h"

#define MDS_COUNTERS_BYTES_MIN (1024 * 1024) /* of a zone */
#define MDS_COUNTERS_DEPOTS_MAX 15
#define MDS_COUNTERS_DEPOT_OTHER MDS_COUNTERS_DEPOTS_MAX /* all others */
#define MDS_COUNTERS_DEPOT_OTHER_TEXT "15" /* as a field of a series */
#define MDS_COUNTERS_DEPOT_BYTES 256       /* of a path, with a zero */

/* Enumerator, and the label. */
#define MDS_ENDPOINTS(ROW)                                                     \
    ROW(CHECK, "check")                                                        \
    ROW(BATCH, "batch")                                                        \
    ROW(CONFIG, "config")                                                      \
    ROW(MESSAGES, "messages")                                                  \
    ROW(FILES, "files")                                                        \
    ROW(TRUST, "trust")                                                        \
    ROW(FEED, "feed")                                                          \
    ROW(REPORT, "report")                                                      \
    ROW(WATCH, "watch")                                                        \
    ROW(EXPLAIN, "explain")                                                    \
    ROW(STATUS, "status")

#define MDS_ENDPOINT_ID(id, name) MDS_ENDPOINT_##id,

typedef enum {
    MDS_ENDPOINTS(MDS_ENDPOINT_ID) MDS_ENDPOINT_COUNT
} mds_endpoint_t;

const char *mds_endpoint_name(mds_endpoint_t endpoint);

/* The statuses that are counted one by one; the last is any other. */
#define MDS_HTTP_STATUSES                                                      \
    {                                                                          \
        200, 204, 206, 304, 400, 401, 403, 404, 405, 413, 415, 416, 429, 499,  \
            500, 503, 0                                                        \
    }
#define MDS_HTTP_STATUS_COUNT 17

extern const uint16_t mds_http_statuses[MDS_HTTP_STATUS_COUNT];

/* The upper bounds of a histogram's buckets, in nanoseconds; the last bucket
 * has none. */
#define MDS_HISTOGRAM_BUCKETS 20

extern const uint64_t mds_histogram_bounds_ns[MDS_HISTOGRAM_BUCKETS - 1];

typedef struct {
    uint64_t buckets[MDS_HISTOGRAM_BUCKETS]; /* not cumulative */
    uint64_t sum_ns;
} mds_histogram_t;

typedef enum {
    MDS_SERIES_DECISION, /* depot, app, kind, name, release, action, reason;
                          * values[0]: decisions */
    MDS_SERIES_FILE,     /* depot, sha256, format; values[0]: bytes,
                          * values[1]: completed */
    MDS_SERIES_DEPOT,    /* depot; values[0]: faults, values[1]: requests that
                          * wait for a write of the state now */
    MDS_SERIES_TYPES
} mds_series_type_t;

#define MDS_SERIES_FIELDS_MAX 7
#define MDS_SERIES_TEXT_MAX 1024 /* of all fields, with a zero behind each */

typedef struct mds_series_s mds_series_t;

struct mds_series_s {
    uint64_t values[2];
    uint64_t hash; /* of type and text */
    uint32_t text; /* offset in the slot's texts */
    uint16_t text_len;
    uint16_t type;
};

/* The counters that are always there. */
typedef struct {
    uint64_t        responses[MDS_ENDPOINT_COUNT][MDS_HTTP_STATUS_COUNT];
    mds_histogram_t checks;   /* time of checks by GET */
    mds_histogram_t commits;  /* time of writes of the state */
    uint64_t        watchers; /* that are connected now */
} mds_fixed_counters_t;

typedef struct mds_counter_zone_s mds_counter_zone_t;
typedef struct mds_counter_slot_s mds_counter_slot_t;

/*
 * Makes a zone of zeroed memory, aligned to a cache line, with so many slots;
 * NULL: the memory is too small.
 */
mds_counter_zone_t *mds_counters_init(void *memory, size_t bytes,
                                      unsigned slot_count, int64_t now_ms);

/* Returns a depot's number, which is that of its path for as long as the zone
 * exists, and adds the depot if it is new. A depot for which there is no room
 * has MDS_COUNTERS_DEPOT_OTHER. Called before there are workers. */
unsigned mds_counters_add_depot(mds_counter_zone_t *zone, mds_str_t path);

/* Returns the path of a depot by its number, or "other". */
const char *mds_counters_depot(const mds_counter_zone_t *zone, unsigned depot);

/*
 * Claims a slot for the process: its own, a free one, or that of a process that
 * has ended. NULL: there is none.
 */
mds_counter_slot_t *mds_counters_claim(mds_counter_zone_t *zone, int64_t pid,
                                       bool (*is_alive)(int64_t pid));

/* Frees the slot of the process, and takes it off what it is in charge of. */
void mds_counters_release(mds_counter_zone_t *zone, mds_counter_slot_t *slot);

/* Returns the slot's counters that are always there. */
mds_fixed_counters_t *mds_counters_fixed(mds_counter_slot_t *slot);

/* Adds to a counter that no other process writes; others may read it. */
static inline void
mds_counter_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Returns a hash (FNV-1a, mixed) of a text; the texts come from the catalog. */
uint64_t mds_counters_hash(uint64_t seed, mds_str_t text);

/* Returns the index of a status in mds_http_statuses. */
unsigned mds_http_status_index(unsigned status);

void mds_histogram_add(mds_histogram_t *histogram, int64_t ns);

/* Returns the series of these fields; it is created if there is room, and is
 * "other" if there is none. The texts must not have zero bytes. */
mds_series_t *
mds_counters_series(mds_counter_slot_t *slot, mds_series_type_t type,
                    const mds_str_t *fields, size_t count);

/* Counts an addition to the series. */
static inline void
mds_series_add(mds_series_t *series, unsigned value, uint64_t n)
{
    mds_counter_add(&series->values[value], n);
}

/*
 * A cache of the series of decisions, in a process's own memory: the place of a
 * release in the mapped catalog, the action and the reason lead to its series
 * without a look at any text. It is cleared when the catalog changes. Each key
 * has four entries in which it may be, so that keys seldom drive each other
 * out: to find a series by its text takes a thousand instructions.
 */
#define MDS_SERIES_CACHE_SIZE 2048
#define MDS_SERIES_CACHE_WAYS 4

typedef struct {
    const void   *record; /* of the resource; NULL: unknown */
    const void   *release;
    uintptr_t     outcome; /* action and reason, and 1; 0: a free entry */
    mds_series_t *series;
} mds_series_cache_entry_t;

typedef struct {
    uint64_t                 serial;
    unsigned                 next; /* way that is given to another key */
    mds_series_cache_entry_t entries[MDS_SERIES_CACHE_SIZE];
} mds_series_cache_t;

void mds_series_cache_clear(mds_series_cache_t *cache);

/* Returns the entry that has the key, or may have it; series is NULL if it has
 * another one. */
static inline mds_series_cache_entry_t *
mds_series_cache_find(mds_series_cache_t *cache, uint64_t serial,
                      const void *record, const void *release,
                      uintptr_t outcome)
{
    uint64_t                  hash;
    mds_series_cache_entry_t *entry, *end;

    if (cache->serial != serial) {
        mds_series_cache_clear(cache);
        cache->serial = serial;
    }

    hash = ((uint64_t) (uintptr_t) record ^ (uint64_t) (uintptr_t) release << 20
            ^ outcome)
           * UINT64_C(0x9e3779b97f4a7c15);
    entry = &cache->entries[hash >> 32 & (MDS_SERIES_CACHE_SIZE - 1)
                            & ~(MDS_SERIES_CACHE_WAYS - 1)];
    end = entry + MDS_SERIES_CACHE_WAYS;

    for (; entry < end && entry->outcome != 0; entry++) {
        if (entry->record == record && entry->release == release
            && entry->outcome == outcome)
        {
            return entry;
        }
    }

    if (entry == end) {
        entry -= 1 + cache->next++ % MDS_SERIES_CACHE_WAYS;
    }

    entry->record = record;
    entry->release = release;
    entry->outcome = outcome;
    entry->series = NULL;

    return entry;
}

/* What has no room of its own. Enumerator, and the label. */
#define MDS_OTHERS(ROW)                                                        \
    ROW(DECISIONS, "decisions")                                                \
    ROW(BYTES, "sent_bytes")                                                   \
    ROW(DOWNLOADS, "downloads")                                                \
    ROW(HISTORIES, "histories") /* installs of releases without a history */

#define MDS_OTHER_ID(id, name) MDS_OTHER_##id,

typedef enum { MDS_OTHERS(MDS_OTHER_ID) MDS_OTHER_COUNT } mds_other_t;

const char *mds_other_name(mds_other_t other);

/* The sum of all slots. */
typedef struct {
    mds_series_type_t type;
    mds_str_t         fields[MDS_SERIES_FIELDS_MAX]; /* views of the zone */
    size_t            field_count;
    uint64_t          values[2];
    uint64_t          hash;
} mds_total_t;

typedef struct {
    mds_fixed_counters_t fixed;
    mds_total_t         *series;
    size_t               count;
    unsigned             slot_count;
    unsigned             slots_used; /* by processes, now */
    uint64_t             other[MDS_OTHER_COUNT];
    uint64_t             series_max;  /* of a slot */
    uint64_t             series_used; /* of the fullest slot */
    int64_t              created_ms;  /* when the zone was made */
} mds_totals_t;

/* Adds up all slots; the array is from the allocator. */
mds_status_t
mds_counters_sum(const mds_counter_zone_t *zone, const mds_alloc_t *alloc,
                 mds_error_t *err, mds_totals_t *totals) MDS_MUST_CHECK;

/*
 * The history: the main series minute by minute, for a day, and the devices
 * that were told to install each release, by ten minutes. One process writes
 * it: the one that mds_history_update() finds to be in charge.
 */
#define MDS_HISTORY_MINUTES 1440
#define MDS_HISTORY_POINTS 144 /* of a release */

/* Enumerator, and the name in JSON. */
#define MDS_HISTORIES(ROW)                                                     \
    ROW(DECISIONS, "decisions")                                                \
    ROW(INSTALLS, "installs")                                                  \
    ROW(RESPONSES, "responses")                                                \
    ROW(ERRORS, "errors")                                                      \
    ROW(FILES, "files")                                                        \
    ROW(BYTES, "bytes")

#define MDS_HISTORY_ID(id, name) MDS_HISTORY_##id,

typedef enum {
    MDS_HISTORIES(MDS_HISTORY_ID) MDS_HISTORY_COUNT
} mds_history_id_t;

const char *mds_history_name(mds_history_id_t id);

/* Brings the history up to date; called once a second by each process that has
 * a slot. */
void mds_history_update(mds_counter_zone_t *zone, int64_t      pid,
                        bool (*is_alive)(int64_t pid), int64_t now_ms);

/* Notes the serial of a depot's catalog, if it is new and the process is in
 * charge. */
void mds_history_note_serial(mds_counter_zone_t *zone, int64_t pid,
                             unsigned depot, uint64_t serial, int64_t now_ms);

#define MDS_CHANGES_MAX 32

typedef struct {
    uint64_t serial;
    int64_t  seen_ms; /* when it was seen here first */
    unsigned depot;
} mds_change_t;

/* Copies the serials that were noted last, the newest first; returns their
 * number. */
size_t mds_history_changes(const mds_counter_zone_t *zone,
                           mds_change_t              changes[MDS_CHANGES_MAX]);

/* Copies the last day of a series, the oldest minute first; returns the time of
 * the last one, 0: there is none yet. */
int64_t mds_history_get(const mds_counter_zone_t *zone, mds_history_id_t id,
                        uint64_t minutes[MDS_HISTORY_MINUTES]);

/* Copies the last day of a release, whose series has these first five fields;
 * returns whether there is one. */
bool
mds_history_get_release(const mds_counter_zone_t *zone, const mds_str_t *fields,
                        uint32_t points[MDS_HISTORY_POINTS]);

#endif
