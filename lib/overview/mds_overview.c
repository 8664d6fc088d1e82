/*
 * Reads a depot for the overview: each release of the catalog is found again
 * among the series of decisions, and each file that its manifests name among
 * the series of files.
 */

#include "overview/mds_overview_internal.h"

#include <stdio.h>

#include "base/mds_kind.h"
#include "base/mds_time.h"

/* Returns whether the overview has the release. */
static bool
mds_is_wanted(mds_overview_reading_t *reading, const mds_record_t *record,
              const mds_release_record_t *release)
{
    mds_tally_t tally;

    return !reading->overview->state_only
           || (release->flags & MDS_AUDIENCE_WINDOW) != 0
           || release->halt != MDS_RECORD_NONE
           || mds_overview_read_tally(reading, record, release, &tally);
}

/* Counts the releases of a record that the overview has. */
static size_t
mds_count_wanted(mds_overview_reading_t *reading, const mds_record_t *record)
{
    uint32_t count = record->tables[MDS_TABLE_RELEASES].count;
    size_t   wanted = 0;

    if (!reading->overview->state_only) {
        return count;
    }

    for (uint32_t i = 0; i < count; i++) {
        wanted += mds_is_wanted(reading, record,
                                mds_record_item(record, MDS_TABLE_RELEASES, i))
                      ? 1
                      : 0;
    }

    return wanted;
}

static mds_status_t
mds_read_record(mds_overview_reading_t *reading, const mds_record_t *record,
                mds_writer_t *shared)
{
    uint32_t     count = record->tables[MDS_TABLE_RELEASES].count;
    mds_str_t    key = mds_record_bytes(record, record->key);
    bool         ok = true;
    mds_str_t    names[3];
    mds_status_t status = MDS_OK;

    names[0] = mds_str_cut(&key, '\0');
    names[1] = mds_str_cut(&key, '\0');
    names[2] = key;

    if (mds_kind_has(names[1], MDS_KIND_IS_CONFIG)) {
        reading->depot->setting_count += count;
        return MDS_OK;
    }

    if (mds_count_wanted(reading, record) == 0) {
        return MDS_OK;
    }

    for (int i = 0; i < 3; i++) {
        names[i] = mds_overview_copy(reading->alloc, names[i], &ok);
    }

    if (!ok) {
        return mds_fail_memory(reading->err);
    }

    for (uint32_t i = 0; status == MDS_OK && i < count; i++) {
        const mds_release_record_t *from
            = mds_record_item(record, MDS_TABLE_RELEASES, i);

        if (!mds_is_wanted(reading, record, from)) {
            continue;
        }

        if (reading->depot->release_count == reading->releases_max) {
            reading->depot->omitted++;
            continue;
        }

        status
            = mds_overview_read_release(reading, record, from, names, shared);
    }

    return status;
}

/* Adds what was decided to the releases. */
static void
mds_read_decisions(const mds_overview_reading_t *reading)
{
    const mds_totals_t *totals = &reading->overview->totals;

    for (size_t i = 0; i < totals->count; i++) {
        const mds_total_t      *total = &totals->series[i];
        mds_overview_release_t *release;

        if (total->type != MDS_SERIES_DECISION
            || !mds_str_eq(total->fields[0], reading->number))
        {
            continue;
        }

        release = mds_overview_find_release(reading, &total->fields[1]);

        if (release == NULL) {
            continue;
        }

        if (mds_str_eq(total->fields[5], mds_str("install"))) {
            release->installs += total->values[0];
        } else if (mds_str_eq(total->fields[5], mds_str("rollback"))) {
            release->rollbacks += total->values[0];
        } else if (mds_str_eq(total->fields[6], mds_str("current"))) {
            release->current += total->values[0];
        }
    }
}

/* Reads the last day of the releases that somebody was told to install. */
static mds_status_t
mds_read_histories(const mds_overview_reading_t *reading)
{
    mds_overview_depot_t *depot = reading->depot;
    mds_str_t             fields[5] = { reading->number };

    for (size_t i = 0; i < depot->release_count; i++) {
        mds_overview_release_t *release = &depot->releases[i];
        uint32_t               *points;

        if (release->installs == 0) {
            continue;
        }

        points = reading->alloc->alloc(reading->alloc->data,
                                       MDS_HISTORY_POINTS * sizeof(*points));
        if (points == NULL) {
            return mds_fail_memory(reading->err);
        }

        mds_overview_release_texts(release, &fields[1]);

        if (mds_history_get_release(reading->overview->zone, fields, points)) {
            release->installs_by_time = points;
        }
    }

    return MDS_OK;
}

static mds_status_t
mds_read_records(mds_overview_reading_t *reading, mds_catalog_t *catalog)
{
    mds_writer_t         shared = { .alloc = reading->alloc };
    mds_catalog_cursor_t cursor;
    mds_status_t         status = MDS_OK;
    mds_str_t            key, value;

    mds_catalog_walk(catalog, MDS_CATALOG_RESOURCES, MDS_LAYERS_MAX,
                     mds_null_str, &cursor);

    while (status == MDS_OK && mds_catalog_next(&cursor, &key, &value)) {
        status = mds_read_record(reading, (const void *) value.data, &shared);
    }

    mds_catalog_walk_end(&cursor);

    return status == MDS_OK ? mds_catalog_status(catalog, reading->err)
                            : status;
}

/* Counts the releases of the catalog, to make room for them, as far as there is
 * room. */
static size_t
mds_count_releases(mds_overview_reading_t *reading, mds_catalog_t *catalog)
{
    mds_catalog_cursor_t cursor;
    size_t               count = 0;
    mds_str_t            key, value;

    mds_catalog_walk(catalog, MDS_CATALOG_RESOURCES, MDS_LAYERS_MAX,
                     mds_null_str, &cursor);

    while (count < MDS_OVERVIEW_RELEASES_MAX
           && mds_catalog_next(&cursor, &key, &value))
    {
        const mds_record_t *record = (const void *) value.data;

        count += mds_count_wanted(reading, record);
    }

    mds_catalog_walk_end(&cursor);

    return count < MDS_OVERVIEW_RELEASES_MAX ? count
                                             : MDS_OVERVIEW_RELEASES_MAX;
}

static mds_status_t
mds_read_fleet(mds_overview_reading_t *reading)
{
    mds_overview_depot_t *depot = reading->depot;
    mds_fleet_t           fleet;
    int64_t               since_ms = 0, now_ms = mds_time_now_ms();
    mds_status_t status = mds_state_begin(reading->state, reading->err);

    if (status == MDS_OK) {
        status = mds_state_get_fleet(reading->state, reading->err, &fleet);
    }

    if (status != MDS_OK || !mds_fleet_is_shared(&fleet)) {
        return status;
    }

    status
        = mds_state_get_outbox_oldest(reading->state, reading->err, &since_ms);
    if (status != MDS_OK) {
        return status;
    }

    depot->has_fleet = true;
    depot->fleet_position = fleet.position;
    depot->fleet_lag
        = fleet.last > fleet.position ? fleet.last - fleet.position : 0;
    depot->outbox_entries = fleet.outbox_count;
    depot->outbox_bytes = fleet.outbox_bytes;
    depot->outbox_age_s = since_ms > 0 && since_ms < now_ms
                              ? (uint64_t) (now_ms - since_ms) / 1000
                              : 0;
    depot->outbox_dropped = fleet.dropped;

    return MDS_OK;
}

mds_status_t
mds_overview_read_depot(const mds_overview_t *overview, mds_catalog_t *catalog,
                        mds_state_t *state, const mds_alloc_t *alloc,
                        mds_error_t *err, mds_overview_depot_t *depot)
{
    char                   number[16];
    mds_overview_reading_t reading = { .overview = overview,
                                       .depot = depot,
                                       .state = state,
                                       .alloc = alloc,
                                       .err = err };
    mds_path_t             path;
    mds_status_t           status;

    reading.number = (mds_str_t){
        (size_t) snprintf(number, sizeof(number), "%u", depot->number), number
    };
    reading.releases_max = mds_count_releases(&reading, catalog);
    depot->releases = alloc->alloc(alloc->data, (reading.releases_max + 1)
                                                    * sizeof(*depot->releases));

    if (depot->releases == NULL || !mds_overview_index_init(&reading)) {
        return mds_fail_memory(err);
    }

    depot->open = true;
    depot->serial = mds_catalog_serial(catalog);
    depot->created_ms = mds_catalog_chain(catalog)->layers[0]->meta.created_ms;

    status = mds_read_records(&reading, catalog);

    if (status == MDS_OK && !overview->state_only
        && mds_overview_is_counted(overview, depot))
    {
        mds_read_decisions(&reading);
        status = mds_read_histories(&reading);
    }

    depot->has_agent
        = mds_path(&path, NULL, "%.*s", MDS_STR(depot->path)) == MDS_OK
          && mds_agent_status_read(path.text, &depot->agent);

    if (status == MDS_OK && reading.state != NULL) {
        depot->has_state = true;
        depot->state_bytes = mds_state_bytes(state);
        status = mds_read_fleet(&reading);
    }

    return status;
}

uint64_t
mds_overview_depot_value(const mds_overview_t       *overview,
                         const mds_overview_depot_t *depot, unsigned value)
{
    char      text[16];
    mds_str_t number
        = { (size_t) snprintf(text, sizeof(text), "%u", depot->number), text };

    if (!mds_overview_is_counted(overview, depot)) {
        return 0;
    }

    for (size_t i = 0; i < overview->totals.count; i++) {
        const mds_total_t *total = &overview->totals.series[i];

        if (total->type == MDS_SERIES_DEPOT
            && mds_str_eq(total->fields[0], number)) {
            return total->values[value];
        }
    }

    return 0;
}

uint64_t
mds_overview_quantile(const mds_histogram_t *histogram, double fraction)
{
    uint64_t count = 0, seen = 0;

    for (int i = 0; i < MDS_HISTOGRAM_BUCKETS; i++) {
        count += histogram->buckets[i];
    }

    for (int i = 0; i < MDS_HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->buckets[i];

        if (count > 0 && (double) seen >= fraction * (double) count) {
            return mds_histogram_bounds_ns[i];
        }
    }

    return count > 0 ? UINT64_MAX : 0;
}
