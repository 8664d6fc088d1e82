/* The layout of a zone, for the files of this folder. */

#ifndef MDS_COUNTERS_INTERNAL_H
#define MDS_COUNTERS_INTERNAL_H

#include "metrics/mds_counters.h"

#define MDS_CACHE_LINE 64

struct mds_counter_slot_s {
    int64_t  pid;      /* 0: free */
    uint32_t capacity; /* of series */
    uint32_t count;    /* of series; published after they are
                        * complete */
    uint32_t index_mask;
    uint32_t texts_bytes;
    uint32_t texts_used;
    uint32_t index;  /* offsets from the slot: uint32_t, the number */
    uint32_t series; /* of a series plus 1, by hash; the series; */
    uint32_t texts;  /* their texts */
    uint32_t other[MDS_SERIES_TYPES]; /* numbers of series */
    mds_fixed_counters_t fixed;
} __attribute__((aligned(MDS_CACHE_LINE)));

typedef struct {
    int64_t  pid;    /* that writes it; 0: none */
    int64_t  minute; /* since 1970, that is under way; 0: none yet */
    int64_t  first;  /* minute of the first update */
    uint64_t totals[MDS_HISTORY_COUNT]; /* at its beginning */
    uint64_t minutes[MDS_HISTORY_MINUTES][MDS_HISTORY_COUNT];

    uint64_t other; /* installs of releases without a history */

    uint64_t     serials[MDS_COUNTERS_DEPOTS_MAX]; /* noted last */
    uint64_t     change_count;                     /* ever noted */
    mds_change_t changes[MDS_CHANGES_MAX];
} mds_history_t;

typedef struct {
    uint64_t hash;  /* of the first five fields; 0: free */
    uint64_t sum;   /* now */
    uint64_t total; /* the sum before */
    int64_t  point; /* ten minutes since 1970, of the last addition */
    uint32_t points[MDS_HISTORY_POINTS];
} mds_release_history_t;

struct mds_counter_zone_s {
    unsigned      slot_count;
    unsigned      release_count; /* of release histories: a power of two */
    unsigned      depot_count;
    size_t        slot_bytes;
    size_t        slots; /* offsets from the zone */
    size_t        releases;
    int64_t       created_ms;
    char          depots[MDS_COUNTERS_DEPOTS_MAX][MDS_COUNTERS_DEPOT_BYTES];
    mds_history_t history;
};

static inline mds_counter_slot_t *
mds_zone_slot(const mds_counter_zone_t *zone, unsigned i)
{
    return (mds_counter_slot_t *) ((char *) zone + zone->slots
                                   + i * zone->slot_bytes);
}

static inline mds_series_t *
mds_slot_series(const mds_counter_slot_t *slot, uint32_t i)
{
    return (mds_series_t *) ((char *) slot + slot->series) + i;
}

static inline uint32_t *
mds_slot_index(mds_counter_slot_t *slot)
{
    return (uint32_t *) ((char *) slot + slot->index);
}

/* Returns the number of series that are complete. */
static inline uint32_t
mds_slot_count(const mds_counter_slot_t *slot)
{
    return __atomic_load_n(&slot->count, __ATOMIC_ACQUIRE);
}

static inline mds_str_t
mds_slot_text(const mds_counter_slot_t *slot, const mds_series_t *series)
{
    return (mds_str_t){ series->text_len,
                        (const char *) slot + slot->texts + series->text };
}

static inline uint64_t
mds_counter_get(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* Writes the text of a series: its fields, with a zero behind each. Returns
 * false if it is too long. */
bool mds_series_join(const mds_str_t *fields, size_t count,
                     char bytes[MDS_SERIES_TEXT_MAX], mds_str_t *text);

/* Takes over a word that says which process does something, if nobody does;
 * returns whether the process has it now. */
bool
mds_counters_take(int64_t *owner, int64_t pid, bool (*is_alive)(int64_t pid));

#endif
