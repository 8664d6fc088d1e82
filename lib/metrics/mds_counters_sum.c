/*
 * The sum of all slots. The same series is in several of them, and, if a worker
 * was killed while it made one, twice in one.
 */

#include "metrics/mds_counters_internal.h"

typedef struct {
    mds_totals_t *totals;
    uint32_t     *index; /* number of a total plus 1, by hash */
    uint32_t      index_mask;
} mds_summing_t;

static void
mds_sum_histogram(mds_histogram_t *sum, const mds_histogram_t *histogram)
{
    for (int i = 0; i < MDS_HISTOGRAM_BUCKETS; i++) {
        sum->buckets[i] += mds_counter_get(&histogram->buckets[i]);
    }

    sum->sum_ns += mds_counter_get(&histogram->sum_ns);
}

static void
mds_sum_fixed(mds_fixed_counters_t *sum, const mds_fixed_counters_t *fixed)
{
    for (int e = 0; e < MDS_ENDPOINT_COUNT; e++) {
        for (int s = 0; s < MDS_HTTP_STATUS_COUNT; s++) {
            sum->responses[e][s] += mds_counter_get(&fixed->responses[e][s]);
        }
    }

    mds_sum_histogram(&sum->checks, &fixed->checks);
    mds_sum_histogram(&sum->commits, &fixed->commits);
}

static void
mds_set_fields(mds_total_t *total, mds_str_t text)
{
    while (text.len > 0 && total->field_count < MDS_SERIES_FIELDS_MAX) {
        total->fields[total->field_count++] = mds_str_cut(&text, '\0');
    }
}

static bool
mds_is_total(const mds_total_t *total, const mds_series_t *series,
             mds_str_t text)
{
    mds_str_t last = total->fields[total->field_count - 1];
    mds_str_t all
        = { (size_t) (last.data + last.len + 1 - total->fields[0].data),
            total->fields[0].data };

    return total->hash == series->hash && mds_str_eq(all, text);
}

static mds_total_t *
mds_sum_find(mds_summing_t *s, const mds_series_t *series, mds_str_t text)
{
    mds_totals_t *totals = s->totals;
    uint32_t      i = (uint32_t) series->hash & s->index_mask;
    mds_total_t  *total;

    for (; s->index[i] != 0; i = (i + 1) & s->index_mask) {
        total = &totals->series[s->index[i] - 1];
        if (mds_is_total(total, series, text)) {
            return total;
        }
    }

    total = &totals->series[totals->count++];
    *total = (mds_total_t){ .type = (mds_series_type_t) series->type,
                            .hash = series->hash };
    mds_set_fields(total, text);
    s->index[i] = (uint32_t) totals->count;

    return total;
}

/* Adds what a slot has no room for. */
static void
mds_sum_other(const mds_counter_slot_t *slot, uint64_t other[MDS_OTHER_COUNT])
{
    const mds_series_t *decisions
        = mds_slot_series(slot, slot->other[MDS_SERIES_DECISION]);
    const mds_series_t *files
        = mds_slot_series(slot, slot->other[MDS_SERIES_FILE]);

    other[MDS_OTHER_DECISIONS] += mds_counter_get(&decisions->values[0]);
    other[MDS_OTHER_BYTES] += mds_counter_get(&files->values[0]);
    other[MDS_OTHER_DOWNLOADS] += mds_counter_get(&files->values[1]);
}

static void
mds_sum_slot(mds_summing_t *s, const mds_counter_slot_t *slot, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const mds_series_t *series = mds_slot_series(slot, i);
        mds_total_t        *total
            = mds_sum_find(s, series, mds_slot_text(slot, series));

        total->values[0] += mds_counter_get(&series->values[0]);
        total->values[1] += mds_counter_get(&series->values[1]);
    }
}

/* Counts the series of all slots, which may become more meanwhile. */
static size_t
mds_sum_count(const mds_counter_zone_t *zone, uint32_t *counts,
              mds_totals_t *totals)
{
    size_t all = 0;

    for (unsigned i = 0; i < zone->slot_count; i++) {
        mds_counter_slot_t *slot = mds_zone_slot(zone, i);

        counts[i] = mds_slot_count(slot);
        all += counts[i];
        totals->series_max = slot->capacity;

        if (counts[i] > totals->series_used) {
            totals->series_used = counts[i];
        }

        if (__atomic_load_n(&slot->pid, __ATOMIC_RELAXED) != 0) {
            totals->slots_used++;
            totals->fixed.watchers
                += mds_counter_get(&mds_counters_fixed(slot)->watchers);
        }
    }

    return all;
}

mds_status_t
mds_counters_sum(const mds_counter_zone_t *zone, const mds_alloc_t *alloc,
                 mds_error_t *err, mds_totals_t *totals)
{
    mds_totals_t sum
        = { .slot_count = zone->slot_count, .created_ms = zone->created_ms };
    mds_summing_t s = { .totals = &sum, .index_mask = 1 };
    uint32_t     *counts;
    size_t        all;

    counts = alloc->alloc(alloc->data, zone->slot_count * sizeof(*counts));
    if (counts == NULL) {
        return mds_fail_memory(err);
    }

    all = mds_sum_count(zone, counts, &sum);

    while (s.index_mask < 2 * all) {
        s.index_mask = s.index_mask * 2 + 1;
    }

    sum.series = alloc->alloc(alloc->data, (all + 1) * sizeof(*sum.series));
    s.index = alloc->alloc(alloc->data,
                           ((size_t) s.index_mask + 1) * sizeof(*s.index));
    if (sum.series == NULL || s.index == NULL) {
        return mds_fail_memory(err);
    }

    memset(s.index, 0, ((size_t) s.index_mask + 1) * sizeof(*s.index));

    for (unsigned i = 0; i < zone->slot_count; i++) {
        mds_sum_fixed(&sum.fixed, &mds_zone_slot(zone, i)->fixed);
        mds_sum_slot(&s, mds_zone_slot(zone, i), counts[i]);
        mds_sum_other(mds_zone_slot(zone, i), sum.other);
    }

    sum.other[MDS_OTHER_HISTORIES] = mds_counter_get(&zone->history.other);

    *totals = sum;
    return MDS_OK;
}
