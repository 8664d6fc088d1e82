/*
 * The history of a day. The process in charge looks at the sums once a minute,
 * and stores what has been added since. Minutes without any process are zeros;
 * what was counted in them is added to the first minute after them.
 */

#include "metrics/mds_counters_internal.h"

#define MDS_MINUTE_MS 60000
#define MDS_MINUTES_OF_POINT (MDS_HISTORY_MINUTES / MDS_HISTORY_POINTS)
#define MDS_RELEASE_FIELDS 5

/* The places in which a release may have its history. Histories are never
 * freed; a release that finds no place has none. */
#define MDS_RELEASE_PLACES 16

#define MDS_HISTORY_NAME(id, name) name,

const char *
mds_history_name(mds_history_id_t id)
{
    static const char *const names[] = { MDS_HISTORIES(MDS_HISTORY_NAME) };

    return names[id];
}

static mds_release_history_t *
mds_zone_release(const mds_counter_zone_t *zone, uint64_t i)
{
    return (mds_release_history_t *) ((char *) zone + zone->releases)
           + (i & (zone->release_count - 1));
}

/* Returns the history of a release, or its free place; NULL: it has none. */
static mds_release_history_t *
mds_find_release(const mds_counter_zone_t *zone, uint64_t hash)
{
    for (unsigned n = 0; n < MDS_RELEASE_PLACES; n++) {
        mds_release_history_t *release = mds_zone_release(zone, hash + n);

        if (release->hash == hash || release->hash == 0) {
            return release;
        }
    }

    return NULL;
}

/* Cuts off the fields that name the release of a decision, and returns their
 * hash, which is not 0. */
static uint64_t
mds_cut_release(mds_str_t *text)
{
    mds_str_t all = *text;

    for (int i = 0; i < MDS_RELEASE_FIELDS; i++) {
        (void) mds_str_cut(text, '\0');
    }

    all.len -= text->len;
    return mds_counters_hash(MDS_SERIES_DECISION, all) | 1;
}

/* Adds a decision's count to the sums, of which the last is that of installs of
 * releases without a history. */
static void
mds_sum_decision(const mds_counter_zone_t *zone, mds_str_t text, uint64_t count,
                 uint64_t sums[MDS_HISTORY_COUNT + 1])
{
    uint64_t               hash = mds_cut_release(&text);
    mds_release_history_t *release;

    sums[MDS_HISTORY_DECISIONS] += count;

    if (!mds_str_eq(mds_str_cut(&text, '\0'), mds_str("install"))) {
        return;
    }

    sums[MDS_HISTORY_INSTALLS] += count;
    release = mds_find_release(zone, hash);

    if (release == NULL) {
        sums[MDS_HISTORY_COUNT] += count;
        return;
    }

    release->hash = hash;
    release->sum += count;
}

static void
mds_sum_series(const mds_counter_zone_t *zone, const mds_counter_slot_t *slot,
               uint64_t sums[MDS_HISTORY_COUNT + 1])
{
    uint32_t count = mds_slot_count(slot);

    for (uint32_t i = 0; i < count; i++) {
        const mds_series_t *series = mds_slot_series(slot, i);
        uint64_t            value = mds_counter_get(&series->values[0]);

        if (series->type == MDS_SERIES_DECISION) {
            mds_sum_decision(zone, mds_slot_text(slot, series), value, sums);

        } else if (series->type == MDS_SERIES_FILE) {
            sums[MDS_HISTORY_BYTES] += value;
            sums[MDS_HISTORY_FILES] += mds_counter_get(&series->values[1]);
        }
    }
}

static void
mds_sum_responses(const mds_fixed_counters_t *fixed,
                  uint64_t                    sums[MDS_HISTORY_COUNT])
{
    for (int e = 0; e < MDS_ENDPOINT_COUNT; e++) {
        for (int s = 0; s < MDS_HTTP_STATUS_COUNT; s++) {
            uint64_t value = mds_counter_get(&fixed->responses[e][s]);

            sums[MDS_HISTORY_RESPONSES] += value;
            sums[MDS_HISTORY_ERRORS] += mds_http_statuses[s] >= 500 ? value : 0;
        }
    }
}

/* Adds what a release has got since the last time to its point, and sets the
 * points without additions to zero. */
static void
mds_update_release(mds_release_history_t *release, int64_t point)
{
    uint64_t added = release->sum - release->total;
    int64_t  i = release->point;

    if (i < point - MDS_HISTORY_POINTS) {
        i = point - MDS_HISTORY_POINTS;
    }

    while (i < point) {
        release->points[(uint64_t) ++i % MDS_HISTORY_POINTS] = 0;
    }

    release->point = point;
    release->total = release->sum;
    release->points[(uint64_t) point % MDS_HISTORY_POINTS] += (uint32_t) added;
}

static void
mds_update_releases(mds_counter_zone_t *zone, int64_t minute)
{
    for (unsigned i = 0; i < zone->release_count; i++) {
        mds_release_history_t *release = mds_zone_release(zone, i);

        if (release->hash != 0) {
            mds_update_release(release, minute / MDS_MINUTES_OF_POINT);
        }
    }
}

/* Stores what was added in the minutes from the one under way to this one. */
static void
mds_store_minute(mds_history_t *history, const uint64_t sums[MDS_HISTORY_COUNT],
                 int64_t minute)
{
    int64_t skipped = minute - history->minute - 1;
    int64_t i = skipped < MDS_HISTORY_MINUTES ? history->minute
                                              : minute - MDS_HISTORY_MINUTES;

    for (; i < minute; i++) {
        memset(history->minutes[(uint64_t) i % MDS_HISTORY_MINUTES], 0,
               sizeof(history->minutes[0]));
    }

    for (int s = 0; s < MDS_HISTORY_COUNT; s++) {
        history->minutes[(uint64_t) (minute - 1) % MDS_HISTORY_MINUTES][s]
            = sums[s] - history->totals[s];
        history->totals[s] = sums[s];
    }

    __atomic_store_n(&history->minute, minute, __ATOMIC_RELEASE);
}

void
mds_history_update(mds_counter_zone_t *zone, int64_t      pid,
                   bool (*is_alive)(int64_t pid), int64_t now_ms)
{
    mds_history_t *history = &zone->history;
    int64_t        minute = now_ms / MDS_MINUTE_MS;
    uint64_t       sums[MDS_HISTORY_COUNT + 1] = { 0 };

    if (history->minute == minute
        || !mds_counters_take(&history->pid, pid, is_alive))
    {
        return;
    }

    /* The first time, or the clock was set back. */
    if (history->minute == 0 || minute < history->minute) {
        history->first = minute;
        __atomic_store_n(&history->minute, minute, __ATOMIC_RELEASE);
        return;
    }

    for (unsigned i = 0; i < zone->release_count; i++) {
        mds_zone_release(zone, i)->sum = 0;
    }

    for (unsigned i = 0; i < zone->slot_count; i++) {
        mds_counter_slot_t *slot = mds_zone_slot(zone, i);

        mds_sum_responses(&slot->fixed, sums);
        mds_sum_series(zone, slot, sums);
    }

    __atomic_store_n(&history->other, sums[MDS_HISTORY_COUNT],
                     __ATOMIC_RELAXED);
    mds_update_releases(zone, minute - 1);
    mds_store_minute(history, sums, minute);
}

void
mds_history_note_serial(mds_counter_zone_t *zone, int64_t pid, unsigned depot,
                        uint64_t serial, int64_t now_ms)
{
    mds_history_t *history = &zone->history;
    uint64_t       number = history->change_count;

    if (history->pid != pid || depot >= MDS_COUNTERS_DEPOTS_MAX
        || history->serials[depot] == serial)
    {
        return;
    }

    history->serials[depot] = serial;
    history->changes[number % MDS_CHANGES_MAX]
        = (mds_change_t){ serial, now_ms, depot };
    __atomic_store_n(&history->change_count, number + 1, __ATOMIC_RELEASE);
}

size_t
mds_history_changes(const mds_counter_zone_t *zone,
                    mds_change_t              changes[MDS_CHANGES_MAX])
{
    const mds_history_t *history = &zone->history;
    uint64_t number = __atomic_load_n(&history->change_count, __ATOMIC_ACQUIRE);
    size_t count = number < MDS_CHANGES_MAX ? (size_t) number : MDS_CHANGES_MAX;

    for (size_t i = 0; i < count; i++) {
        changes[i] = history->changes[(number - 1 - i) % MDS_CHANGES_MAX];
    }

    return count;
}

int64_t
mds_history_get(const mds_counter_zone_t *zone, mds_history_id_t id,
                uint64_t minutes[MDS_HISTORY_MINUTES])
{
    const mds_history_t *history = &zone->history;
    int64_t minute = __atomic_load_n(&history->minute, __ATOMIC_ACQUIRE);

    for (int64_t i = 0; i < MDS_HISTORY_MINUTES; i++) {
        int64_t m = minute - MDS_HISTORY_MINUTES + i;

        minutes[i] = m < history->first
                         ? 0
                         : mds_counter_get(
                             &history->minutes[m % MDS_HISTORY_MINUTES][id]);
    }

    return minute == history->first ? 0 : (minute - 1) * MDS_MINUTE_MS;
}

bool
mds_history_get_release(const mds_counter_zone_t *zone, const mds_str_t *fields,
                        uint32_t points[MDS_HISTORY_POINTS])
{
    int64_t point
        = (__atomic_load_n(&zone->history.minute, __ATOMIC_ACQUIRE) - 1)
          / MDS_MINUTES_OF_POINT;
    char                         bytes[MDS_SERIES_TEXT_MAX];
    mds_str_t                    text;
    const mds_release_history_t *release;
    uint64_t                     hash;

    if (!mds_series_join(fields, MDS_RELEASE_FIELDS, bytes, &text)) {
        return false;
    }

    hash = mds_counters_hash(MDS_SERIES_DECISION, text) | 1;
    release = mds_find_release(zone, hash);

    if (release == NULL || release->hash != hash) {
        return false;
    }

    for (int64_t i = 0; i < MDS_HISTORY_POINTS; i++) {
        int64_t p = point - MDS_HISTORY_POINTS + 1 + i;

        points[i]
            = p > release->point || p <= release->point - MDS_HISTORY_POINTS
                  ? 0
                  : release->points[(uint64_t) p % MDS_HISTORY_POINTS];
    }

    return true;
}
