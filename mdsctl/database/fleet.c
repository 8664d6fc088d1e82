/*
 * Asks the shared database what commands show of it.
 */

#include "database/fleet.h"

#include <stdio.h>
#include <stdlib.h>

#include "database/schema.h"

mds_status_t
mdsctl_fleet_open(const char *uri, mds_error_t *err, mdsctl_database_t **db)
{
    mdsctl_database_t *opened;
    mds_status_t       status;

    if (uri == NULL) {
        uri = getenv("MDS_DATABASE");
    }

    if (uri == NULL || *uri == '\0') {
        *db = NULL;
        return MDS_OK;
    }

    status = mdsctl_database_open(uri, err, &opened);

    if (status != MDS_OK) {
        return status;
    }

    status = mdsctl_schema_check(opened, err);

    if (status != MDS_OK) {
        mdsctl_database_close(opened);
        return status;
    }

    *db = opened;
    return MDS_OK;
}

mds_status_t
mdsctl_fleet_visit_user(mdsctl_database_t *db, const char *app,
                        const char *user, mds_device_visit_t visit, void *data,
                        mds_error_t *err)
{
    const char    *values[] = { app, user };
    mdsctl_rows_t *rows;
    mds_status_t   status = mdsctl_database_query(
          db,
          "select device, platform, version, seen_at from mds.devices"
            " where app = $1 and user_name = $2 and user_name <> ''"
            " and not forgotten order by device",
          values, 2, err, &rows);

    if (status != MDS_OK) {
        return status;
    }

    for (size_t i = 0; status == MDS_OK && i < mdsctl_rows_count(rows); i++) {
        mds_device_t device = { .app = mds_str_of(app),
                                .user = mds_str_of(user),
                                .device = mdsctl_rows_text(rows, i, 0),
                                .platform = mdsctl_rows_text(rows, i, 1),
                                .version = mdsctl_rows_text(rows, i, 2),
                                .seen_ms = mdsctl_rows_integer(rows, i, 3) };

        status = visit(data, &device, err);
    }

    mdsctl_rows_free(rows);
    return status;
}

/* Gives the number that a function returns. */
static mds_status_t
call(mdsctl_database_t *db, const char *sql, const char *app, const char *name,
     mds_error_t *err, int64_t *number)
{
    const char    *values[] = { app, name };
    mdsctl_rows_t *rows;
    mds_status_t status = mdsctl_database_query(db, sql, values, 2, err, &rows);

    if (status == MDS_OK) {
        *number = mdsctl_rows_integer(rows, 0, 0);
        mdsctl_rows_free(rows);
    }

    return status;
}

mds_status_t
mdsctl_fleet_forget(mdsctl_database_t *db, const char *app, const char *name,
                    bool dry_run, mds_error_t *err, uint64_t *count)
{
    int64_t      number;
    mds_status_t status
        = call(db,
               dry_run ? "select count(*) from mds.devices where app = $1 and"
                         " not forgotten and (device = $2 or user_name = $2)"
                       : "select mds.forget($1, $2)",
               app, name, err, &number);

    if (status == MDS_OK) {
        *count = (uint64_t) number;
    }

    return status;
}

mds_status_t
mdsctl_fleet_resume(mdsctl_database_t *db, const char *app, const char *id,
                    bool dry_run, mds_error_t *err, bool *halted)
{
    int64_t      number;
    mds_status_t status
        = call(db,
               dry_run ? "select count(*) from mds.tallies where app = $1 and"
                         " release = $2 and halted"
                       : "select mds.resume($1, $2)::integer",
               app, id, err, &number);

    if (status == MDS_OK) {
        *halted = number != 0;
    }

    return status;
}

mds_status_t
mdsctl_fleet_versions(mdsctl_database_t *db, const char *app, mds_error_t *err,
                      mds_json_t **counts)
{
    mdsctl_rows_t *rows;
    mds_status_t   status = mdsctl_database_query(
          db,
          "select coalesce(json_agg(json_build_object('platform', platform,"
            " 'version', version, 'devices', devices)), '[]') from"
            " (select platform, version, count(*) as devices from mds.devices"
            " where app = $1 and not forgotten group by 1, 2 order by 1, 2) q",
          &app, 1, err, &rows);

    if (status != MDS_OK) {
        return status;
    }

    status
        = mds_json_parse(mdsctl_rows_text(rows, 0, 0), "database", err, counts);
    mdsctl_rows_free(rows);

    return status;
}

/* --- windows and reports of an app */

#define WINDOWS                                                                \
    "select release, admitted, full_at from mds.windows where app = $1"        \
    " order by release"

#define TALLIES                                                                \
    "select release, tally_id, halted::integer, halted_at, halted_ends,"       \
    " halted_failures, resumed_at, events[1], events[2], events[3],"           \
    " events[4], events[5], ends[1], ends[2], ends[3], ends[4]"                \
    " from mds.tallies where app = $1 order by release"

#define DETAILS                                                                \
    "select release, detail, count from mds.tallies join mds.details"          \
    " using (tally_id) where app = $1 order by release, count desc, detail"

_Static_assert(MDS_EVENT_COUNT == 5 && MDS_ENDS == 4,
               "the columns of TALLIES are those of the events and ends");

void
mdsctl_fleet_free_app(mdsctl_fleet_app_t *fleet)
{
    mdsctl_rows_free(fleet->windows);
    mdsctl_rows_free(fleet->tallies);
    mdsctl_rows_free(fleet->details);
    *fleet = (mdsctl_fleet_app_t){ 0 };
}

mds_status_t
mdsctl_fleet_read_app(mdsctl_database_t *db, mds_str_t app, mds_error_t *err,
                      mdsctl_fleet_app_t *fleet)
{
    char               name[MDS_APP_MAX + 1];
    const char        *values[] = { name };
    mdsctl_fleet_app_t read = { 0 };
    mds_status_t       status;

    (void) snprintf(name, sizeof(name), "%.*s", MDS_STR(app));
    status = mdsctl_database_query(db, WINDOWS, values, 1, err, &read.windows);

    if (status == MDS_OK) {
        status
            = mdsctl_database_query(db, TALLIES, values, 1, err, &read.tallies);
    }

    if (status == MDS_OK) {
        status
            = mdsctl_database_query(db, DETAILS, values, 1, err, &read.details);
    }

    if (status != MDS_OK) {
        mdsctl_fleet_free_app(&read);
        return status;
    }

    *fleet = read;
    return MDS_OK;
}

/* Returns the first row of a release; the count of rows if there is none. */
static size_t
find(const mdsctl_rows_t *rows, mds_str_t id)
{
    size_t count = mdsctl_rows_count(rows), low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mds_str_cmp(mdsctl_rows_text(rows, middle, 0), id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return low < count && mds_str_eq(mdsctl_rows_text(rows, low, 0), id)
               ? low
               : count;
}

void
mdsctl_fleet_get_window(const mdsctl_fleet_app_t *fleet, mds_str_t id,
                        mds_window_t *window)
{
    size_t row = find(fleet->windows, id);

    *window = (mds_window_t){ 0 };

    if (row < mdsctl_rows_count(fleet->windows)) {
        window->number = 1;
        window->count = (uint64_t) mdsctl_rows_integer(fleet->windows, row, 1);
        window->full_ms = mdsctl_rows_integer(fleet->windows, row, 2);
    }
}

void
mdsctl_fleet_get_tally(const mdsctl_fleet_app_t *fleet, mds_str_t id,
                       mds_tally_t *tally, mds_details_t *details)
{
    const mdsctl_rows_t *rows = fleet->tallies;
    size_t               row = find(rows, id);
    int                  column = 1;

    *tally = (mds_tally_t){ 0 };
    details->count = 0;

    if (row == mdsctl_rows_count(rows)) {
        return;
    }

    tally->number = (uint32_t) mdsctl_rows_integer(rows, row, column++);
    tally->halted = mdsctl_rows_integer(rows, row, column++) != 0;
    tally->halted_ms = mdsctl_rows_integer(rows, row, column++);
    tally->halted_ends = (uint64_t) mdsctl_rows_integer(rows, row, column++);
    tally->halted_failures
        = (uint64_t) mdsctl_rows_integer(rows, row, column++);
    tally->resumed_ms = mdsctl_rows_integer(rows, row, column++);

    for (int i = 0; i < MDS_EVENT_COUNT; i++) {
        tally->events[i] = (uint64_t) mdsctl_rows_integer(rows, row, column++);
    }

    for (int i = 0; i < MDS_ENDS; i++) {
        tally->ends[i] = (uint64_t) mdsctl_rows_integer(rows, row, column++);
    }

    rows = fleet->details;

    for (row = find(rows, id);
         row < mdsctl_rows_count(rows) && details->count < MDS_DETAILS_SHOWN
         && mds_str_eq(mdsctl_rows_text(rows, row, 0), id);
         row++)
    {
        details->items[details->count++]
            = (mds_detail_t){ .text = mdsctl_rows_text(rows, row, 1),
                              .count
                              = (uint64_t) mdsctl_rows_integer(rows, row, 2) };
    }
}
