/*
 * Forgets what devices have reported of releases that the catalog in force does
 * not have.
 */

#include "catalog/mds_catalog.h"
#include "maintain/mds_gc_internal.h"
#include "state/mds_tally.h"

/* Returns whether the release exists; one that cannot be looked up does. */
static bool
mds_gc_release_exists(void *data, mds_str_t app, mds_str_t id)
{
    mds_catalog_release_t release;
    mds_error_t           err;

    return mds_catalog_release(data, app, id, &err, &release) != MDS_NOT_FOUND;
}

mds_status_t
mds_gc_reports(const char *depot, uint64_t serial, mds_error_t *err)
{
    mds_catalog_t *catalog = NULL;
    mds_state_t   *state = NULL;
    mds_status_t   status = mds_state_open(depot, err, &state);

    /* A user who may not write the state has nothing to remove there. */
    if (status == MDS_NOT_FOUND || status == MDS_DENIED) {
        return MDS_OK;
    }

    if (status == MDS_OK) {
        status = mds_catalog_open(depot, serial, false, err, &catalog);
    }

    if (status == MDS_OK) {
        status = mds_state_forget_tallies(state, mds_gc_release_exists, catalog,
                                          err);
    }

    if (status == MDS_OK) {
        status = mds_state_sweep_reporters(state, err);
    }

    mds_catalog_close(catalog);
    mds_state_close(state);

    return status;
}
