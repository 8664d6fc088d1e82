/*
 * status: the parts of `mdsctl status`, which prints the apps, and each release
 * as soon as it is read.
 */

#ifndef MDSCTL_STATUS_H
#define MDSCTL_STATUS_H

#include "catalog/mds_catalog.h"
#include "database/fleet.h"
#include "installed.h"
#include "json_output.h"
#include "last_change.h"
#include "loader/mds_loader.h"
#include "state/mds_state.h"

typedef struct {
    mds_loader_t        *loader;
    mds_state_t         *state;
    mdsctl_database_t   *db;    /* of the fleet; NULL: none is named */
    mdsctl_fleet_app_t   fleet; /* what it has of the app */
    mds_str_t            app;   /* whose releases are printed */
    mdsctl_last_change_t last;
    mds_catalog_t       *catalog; /* of an edge; NULL: the journal is read */

    mds_registry_versions_t *installed; /* NULL: nothing is known */
    mdsctl_json_output_t     out;
    bool                     json;
    const char              *kind;       /* NULL: of all kinds */
    const char              *state_name; /* NULL: in all states */
} mdsctl_status_t;

/* Prints a release, if it is one of those that were asked for; data is a
 * mdsctl_status_t. The release gets members that the document leaves out. */
mds_status_t
mdsctl_status_release(void *data, mds_json_t *release, uint64_t since,
                      mds_error_t *err) MDS_MUST_CHECK;

/* Prints an app and its releases by the journal's records; data is a
 * mdsctl_status_t. */
mds_status_t
mdsctl_status_app(void *data, mds_str_t app, mds_error_t *err) MDS_MUST_CHECK;

/* Prints an app of an edge, whose catalog knows no keys, lists and changes. */
mds_status_t mdsctl_status_served_app(void *data, mds_str_t app,
                                      mds_error_t *err) MDS_MUST_CHECK;

#endif
