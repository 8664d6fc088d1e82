/*
 * fleet: what the shared database has, for the commands that show one edge
 * otherwise: devices, versions, windows, reports.
 */

#ifndef MDSCTL_FLEET_H
#define MDSCTL_FLEET_H

#include "database/database.h"
#include "registry/mds_device.h"
#include "state/mds_tally.h"
#include "state/mds_window.h"
#include "json/mds_json.h"

/* The option of those commands. */
#define MDSCTL_FLEET_OPTION(type)                                              \
    {                                                                          \
        "database", "URI", "of edges that share; default $MDS_DATABASE",       \
            MDSCTL_STORE(type, database)                                       \
    }

/* Opens the database that the option or $MDS_DATABASE names. Gives NULL if none
 * is named. */
mds_status_t mdsctl_fleet_open(const char *uri, mds_error_t *err,
                               mdsctl_database_t **db) MDS_MUST_CHECK;

/* Calls visit for each device of a user, by name. */
mds_status_t
mdsctl_fleet_visit_user(mdsctl_database_t *db, const char *app,
                        const char *user, mds_device_visit_t visit, void *data,
                        mds_error_t *err) MDS_MUST_CHECK;

/* Forgets the device of that name, and all devices of the user of that name; a
 * dry run counts them only. */
mds_status_t
mdsctl_fleet_forget(mdsctl_database_t *db, const char *app, const char *name,
                    bool dry_run, mds_error_t *err,
                    uint64_t *count) MDS_MUST_CHECK;

/* Counts an app's devices by platform and version. */
mds_status_t
mdsctl_fleet_versions(mdsctl_database_t *db, const char *app, mds_error_t *err,
                      mds_json_t **counts) MDS_MUST_CHECK;

/* Ends the halt of a release and counts its reports anew. *halted: it was
 * halted. dry_run: nothing is changed. */
mds_status_t mdsctl_fleet_resume(mdsctl_database_t *db, const char *app,
                                 const char *id, bool dry_run, mds_error_t *err,
                                 bool *halted) MDS_MUST_CHECK;

/* The windows and reports of an app. */
typedef struct {
    mdsctl_rows_t *windows; /* ordered by release, as the others are */
    mdsctl_rows_t *tallies;
    mdsctl_rows_t *details; /* and the most frequent first */
} mdsctl_fleet_app_t;

mds_status_t
mdsctl_fleet_read_app(mdsctl_database_t *db, mds_str_t app, mds_error_t *err,
                      mdsctl_fleet_app_t *fleet) MDS_MUST_CHECK;

void mdsctl_fleet_free_app(mdsctl_fleet_app_t *fleet);

/* Give what is known of a release; nothing is all zeros. The details are views
 * of the rows. */
void mdsctl_fleet_get_window(const mdsctl_fleet_app_t *fleet, mds_str_t id,
                             mds_window_t *window);
void mdsctl_fleet_get_tally(const mdsctl_fleet_app_t *fleet, mds_str_t id,
                            mds_tally_t *tally, mds_details_t *details);

#endif
