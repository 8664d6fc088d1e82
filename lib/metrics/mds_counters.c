/*
 * The zone and its slots: who writes which, and the counters and series in
 * them. A series is published by the count of series, which is stored after it:
 * a process that is killed in between leaves nothing incomplete.
 */

#include "metrics/mds_counters_internal.h"

#include <stdio.h>

/* The parts of a zone for histories of releases, and the bytes that a series
 * takes in a slot with its text and its place in the index, on the average. */
#define MDS_ZONE_RELEASES_PART 16
#define MDS_SLOT_BYTES_MIN 16384
#define MDS_SERIES_TEXT_BYTES 88
#define MDS_SERIES_BYTES                                                       \
    (sizeof(mds_series_t) + 4 * sizeof(uint32_t) + MDS_SERIES_TEXT_BYTES)

#define MDS_TERM_NAME(id, name) name,

const uint16_t mds_http_statuses[MDS_HTTP_STATUS_COUNT] = MDS_HTTP_STATUSES;

const uint64_t mds_histogram_bounds_ns[MDS_HISTOGRAM_BUCKETS - 1] = {
    10000,      25000,      50000,      100000,      250000,
    500000,     1000000,    2500000,    5000000,     10000000,
    25000000,   50000000,   100000000,  250000000,   500000000,
    1000000000, 2500000000, 5000000000, 10000000000,
};

const char *
mds_endpoint_name(mds_endpoint_t endpoint)
{
    static const char *const names[] = { MDS_ENDPOINTS(MDS_TERM_NAME) };

    return names[endpoint];
}

const char *
mds_other_name(mds_other_t other)
{
    static const char *const names[] = { MDS_OTHERS(MDS_TERM_NAME) };

    return names[other];
}

unsigned
mds_http_status_index(unsigned status)
{
    unsigned i = 0;

    while (i < MDS_HTTP_STATUS_COUNT - 1 && mds_http_statuses[i] != status) {
        i++;
    }

    return i;
}

void
mds_histogram_add(mds_histogram_t *histogram, int64_t ns)
{
    uint64_t value = ns > 0 ? (uint64_t) ns : 0; /* the clock may go back */
    unsigned i = 0;

    while (i < MDS_HISTOGRAM_BUCKETS - 1 && value > mds_histogram_bounds_ns[i])
    {
        i++;
    }

    mds_counter_add(&histogram->buckets[i], 1);
    mds_counter_add(&histogram->sum_ns, value);
}

static size_t
mds_align_line(size_t bytes)
{
    return (bytes + MDS_CACHE_LINE - 1) & ~(size_t) (MDS_CACHE_LINE - 1);
}

/* Returns the largest power of two that is not above the number. */
static uint32_t
mds_power_of_two(size_t number)
{
    uint32_t power = 1;

    while (power <= number / 2) {
        power *= 2;
    }

    return power;
}

/* Lays out a slot. The index is at least half empty. */
static void
mds_slot_init(mds_counter_slot_t *slot, size_t bytes)
{
    size_t   room = bytes - sizeof(*slot);
    uint32_t capacity = (uint32_t) (room / MDS_SERIES_BYTES);
    uint32_t index_size = mds_power_of_two(capacity) * 4;

    slot->capacity = capacity;
    slot->index_mask = index_size - 1;
    slot->series = sizeof(*slot);
    slot->index
        = slot->series + slot->capacity * (uint32_t) sizeof(mds_series_t);
    slot->texts = slot->index + index_size * (uint32_t) sizeof(uint32_t);
    slot->texts_bytes = (uint32_t) bytes - slot->texts;
}

/* Creates the series that count what has no room. */
static void
mds_slot_add_other(mds_counter_slot_t *slot)
{
    static const mds_str_t other[MDS_SERIES_FIELDS_MAX]
        = { mds_str(MDS_COUNTERS_DEPOT_OTHER_TEXT),
            { 5, "other" },
            { 5, "other" },
            { 5, "other" },
            { 5, "other" },
            { 5, "other" },
            { 5, "other" } };
    static const uint8_t fields[MDS_SERIES_TYPES] = {
        [MDS_SERIES_DECISION] = 7, [MDS_SERIES_FILE] = 3, [MDS_SERIES_DEPOT] = 1
    };

    for (int type = 0; type < MDS_SERIES_TYPES; type++) {
        mds_series_t *series
            = mds_counters_series(slot, (mds_series_type_t) type, other,
                                  fields[type]);

        slot->other[type] = (uint32_t) (series - mds_slot_series(slot, 0));
    }
}

mds_counter_zone_t *
mds_counters_init(void *memory, size_t bytes, unsigned slot_count,
                  int64_t now_ms)
{
    mds_counter_zone_t *zone = memory;
    size_t              fixed = sizeof(*zone) + bytes / MDS_ZONE_RELEASES_PART
                   + (size_t) 4 * MDS_CACHE_LINE;

    if (bytes < fixed + slot_count * (size_t) MDS_SLOT_BYTES_MIN) {
        return NULL;
    }

    zone->created_ms = now_ms;
    zone->slot_count = slot_count;
    zone->release_count = mds_power_of_two(bytes / MDS_ZONE_RELEASES_PART
                                           / sizeof(mds_release_history_t));
    zone->releases = mds_align_line(sizeof(*zone));
    zone->slots = mds_align_line(
        zone->releases + zone->release_count * sizeof(mds_release_history_t));
    zone->slot_bytes
        = (bytes - zone->slots) / slot_count & ~(size_t) (MDS_CACHE_LINE - 1);

    for (unsigned i = 0; i < slot_count; i++) {
        mds_slot_init(mds_zone_slot(zone, i), zone->slot_bytes);
        mds_slot_add_other(mds_zone_slot(zone, i));
    }

    return zone;
}

unsigned
mds_counters_add_depot(mds_counter_zone_t *zone, mds_str_t path)
{
    unsigned i;

    _Static_assert(MDS_COUNTERS_DEPOT_OTHER == 15,
                   "MDS_COUNTERS_DEPOT_OTHER_TEXT");

    for (i = 0; i < zone->depot_count; i++) {
        if (mds_str_eq(mds_str_of(zone->depots[i]), path)) {
            return i;
        }
    }

    if (i == MDS_COUNTERS_DEPOTS_MAX || path.len >= MDS_COUNTERS_DEPOT_BYTES) {
        return MDS_COUNTERS_DEPOT_OTHER;
    }

    snprintf(zone->depots[i], sizeof(zone->depots[i]), "%.*s", MDS_STR(path));
    zone->depot_count++;

    return i;
}

const char *
mds_counters_depot(const mds_counter_zone_t *zone, unsigned depot)
{
    return depot < zone->depot_count ? zone->depots[depot] : "other";
}

bool
mds_counters_take(int64_t *owner, int64_t pid, bool (*is_alive)(int64_t pid))
{
    int64_t now = __atomic_load_n(owner, __ATOMIC_ACQUIRE);

    return now == pid
           || ((now == 0 || !is_alive(now))
               && __atomic_compare_exchange_n(owner, &now, pid, false,
                                              __ATOMIC_ACQ_REL,
                                              __ATOMIC_RELAXED));
}

/* Sets the gauges of a slot to zero. */
static void
mds_slot_clear_gauges(mds_counter_slot_t *slot)
{
    slot->fixed.watchers = 0;

    for (uint32_t i = 0; i < slot->count; i++) {
        mds_series_t *series = mds_slot_series(slot, i);

        if (series->type == MDS_SERIES_DEPOT) {
            series->values[1] = 0;
        }
    }
}

mds_counter_slot_t *
mds_counters_claim(mds_counter_zone_t *zone, int64_t pid,
                   bool (*is_alive)(int64_t pid))
{
    for (unsigned i = 0; i < zone->slot_count; i++) {
        mds_counter_slot_t *slot = mds_zone_slot(zone, i);

        if (mds_counters_take(&slot->pid, pid, is_alive)) {
            mds_slot_clear_gauges(slot);
            return slot;
        }
    }

    return NULL;
}

void
mds_counters_release(mds_counter_zone_t *zone, mds_counter_slot_t *slot)
{
    int64_t pid = slot->pid;

    mds_slot_clear_gauges(slot);
    (void) __atomic_compare_exchange_n(&zone->history.pid, &pid, 0, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->pid, 0, __ATOMIC_RELEASE);
}

mds_fixed_counters_t *
mds_counters_fixed(mds_counter_slot_t *slot)
{
    return &slot->fixed;
}

uint64_t
mds_counters_hash(uint64_t seed, mds_str_t text)
{
    uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (uint8_t) text.data[i]) * UINT64_C(0x100000001b3);
    }

    return hash ^ hash >> 32;
}

/* Returns the series of the text, and otherwise its free place in the index. */
static mds_series_t *
mds_slot_find(mds_counter_slot_t *slot, uint64_t hash, mds_str_t text,
              uint32_t *place)
{
    uint32_t *index = mds_slot_index(slot);
    uint32_t  i = (uint32_t) hash & slot->index_mask;

    for (; index[i] != 0; i = (i + 1) & slot->index_mask) {
        mds_series_t *series = mds_slot_series(slot, index[i] - 1);

        if (series->hash == hash
            && mds_str_eq(mds_slot_text(slot, series), text)) {
            return series;
        }
    }

    *place = i;
    return NULL;
}

static mds_series_t *
mds_slot_add(mds_counter_slot_t *slot, mds_series_type_t type, uint64_t hash,
             mds_str_t text, uint32_t place)
{
    uint32_t      number = slot->count;
    mds_series_t *series = mds_slot_series(slot, number);

    memcpy((char *) slot + slot->texts + slot->texts_used, text.data, text.len);
    *series = (mds_series_t){ .hash = hash,
                              .text = slot->texts_used,
                              .text_len = (uint16_t) text.len,
                              .type = (uint16_t) type };
    slot->texts_used += (uint32_t) text.len;
    __atomic_store_n(&slot->count, number + 1, __ATOMIC_RELEASE);
    mds_slot_index(slot)[place] = number + 1;

    return series;
}

bool
mds_series_join(const mds_str_t *fields, size_t count,
                char bytes[MDS_SERIES_TEXT_MAX], mds_str_t *text)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        if (fields[i].len >= MDS_SERIES_TEXT_MAX - len) {
            return false;
        }

        if (fields[i].len > 0) {
            memcpy(bytes + len, fields[i].data, fields[i].len);
        }

        len += fields[i].len;
        bytes[len++] = '\0';
    }

    *text = (mds_str_t){ len, bytes };
    return true;
}

mds_series_t *
mds_counters_series(mds_counter_slot_t *slot, mds_series_type_t type,
                    const mds_str_t *fields, size_t count)
{
    char          bytes[MDS_SERIES_TEXT_MAX];
    mds_str_t     text;
    uint64_t      hash;
    uint32_t      place;
    mds_series_t *series;

    if (!mds_series_join(fields, count, bytes, &text)) {
        return mds_slot_series(slot, slot->other[type]);
    }

    hash = mds_counters_hash((uint64_t) type, text);
    series = mds_slot_find(slot, hash, text, &place);

    if (series != NULL) {
        return series;
    }

    return slot->count < slot->capacity
                   && text.len <= slot->texts_bytes - slot->texts_used
               ? mds_slot_add(slot, type, hash, text, place)
               : mds_slot_series(slot, slot->other[type]);
}

void
mds_series_cache_clear(mds_series_cache_t *cache)
{
    memset(cache, 0, sizeof(*cache));
}
