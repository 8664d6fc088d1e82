#include "mds_depot.h"

#include <stdlib.h>

#include "mds_current.h"

/* A loader that is quick may have collected what CURRENT named just now. */
#define MDS_DEPOT_TRIES 3

struct mds_depot_s {
    char          *path;
    mds_current_t *current;
    mds_catalog_t *catalog;
    uint64_t       passed_over; /* the serial that failed; see failed */
    bool           failed;
};

mds_status_t
mds_depot_open(const char *path, mds_error_t *err, mds_depot_t **depot)
{
    mds_depot_t *opened = calloc(1, sizeof(*opened));
    mds_status_t status;

    if (opened == NULL || (opened->path = strdup(path)) == NULL) {
        free(opened);
        return mds_fail(err, MDS_NO_MEMORY, "depot \"%s\": no memory", path);
    }

    status = mds_current_open(path, false, err, &opened->current);

    if (status == MDS_OK) {
        status = mds_catalog_open(path, mds_current_serial(opened->current),
                                  true, err, &opened->catalog);
    }

    if (status != MDS_OK) {
        mds_depot_close(opened);
        return status;
    }

    *depot = opened;
    return MDS_OK;
}

void
mds_depot_close(mds_depot_t *depot)
{
    if (depot == NULL) {
        return;
    }

    mds_catalog_close(depot->catalog);
    mds_current_close(depot->current);
    free(depot->path);
    free(depot);
}

/* Opens what CURRENT names; the old generation stays where that fails. */
static mds_status_t
mds_depot_switch(mds_depot_t *depot, mds_error_t *err)
{
    mds_catalog_t *catalog;
    uint64_t       serial = mds_current_serial(depot->current);
    mds_status_t   status = MDS_NOT_FOUND;

    for (int i = 0; i < MDS_DEPOT_TRIES && status == MDS_NOT_FOUND; i++) {
        serial = mds_current_serial(depot->current);
        status = mds_catalog_open(depot->path, serial, false, err, &catalog);
    }

    if (status != MDS_OK) {
        depot->passed_over = serial;
        depot->failed = true;
        return status;
    }

    /* An earlier try may have left its words. */
    err->text[0] = '\0';

    mds_catalog_close(depot->catalog);
    depot->catalog = catalog;
    depot->failed = false;

    return MDS_OK;
}

mds_status_t
mds_depot_begin(mds_depot_t *depot, mds_error_t *warning,
                mds_snapshot_t *snapshot)
{
    uint64_t     serial = mds_current_serial(depot->current);
    mds_status_t status;

    warning->text[0] = '\0';

    if (serial != mds_catalog_serial(depot->catalog)
        && !(depot->failed && serial == depot->passed_over))
    {
        (void) mds_depot_switch(depot, warning);
    }

    status = mds_catalog_begin(depot->catalog, warning);

    if (status == MDS_OK) {
        snapshot->catalog = depot->catalog;
        snapshot->state = NULL;
    }

    return status;
}

void
mds_depot_end(mds_depot_t *depot)
{
    mds_catalog_end(depot->catalog);
}

mds_status_t
mds_depot_check(mds_depot_t *depot, mds_error_t *err)
{
    /* What failed may have been mended: the next look tries it again. */
    depot->failed = false;

    return mds_current_check(depot->current, depot->path, err);
}
