#include "catalog/mds_depot.h"

#include <stdlib.h>

#include "catalog/mds_current.h"

/* A loader that is quick may have collected what CURRENT named just now. */
#define MDS_DEPOT_TRIES 3

/* Read and hashed in some 5 ms: what a request may wait for. */
#define MDS_DEPOT_BUDGET_BYTES (4 << 20)

struct mds_depot_s {
    char                  *path;
    mds_current_t         *current;
    mds_validation_hint_t *proved; /* NULL: nobody tells anybody here */
    mds_catalog_t         *catalog;
    uint64_t               passed_over; /* the serial that failed; see failed */
    bool                   failed;
    mds_error_t            why; /* it failed aside; not yet told */
    uint64_t late; /* the serial that is to be proved aside; 0: none */
};

struct mds_validate_job_s {
    char            *path;
    uint64_t         serial;
    mds_validated_t *known;
    mds_status_t     status;
    mds_error_t      err;
    mds_catalog_t   *catalog;
};

static void
mds_depot_tell(mds_depot_t *depot, const mds_catalog_t *catalog)
{
    mds_validation_hint_publish(depot->proved, mds_catalog_serial(catalog),
                                mds_current_serial(depot->current),
                                mds_catalog_file_id(catalog));
}

/* The newest generation, by what others have proved, or by its bytes. */
static mds_status_t
mds_depot_first(mds_depot_t *depot, mds_error_t *err)
{
    uint64_t     serial = mds_current_serial(depot->current);
    mds_status_t status = MDS_CONFLICT;

    if (mds_validation_hint_serial(depot->proved) == serial) {
        status = mds_validate_next(depot->path, serial, NULL, depot->proved,
                                   err, &depot->catalog);
    }

    if (status != MDS_OK) {
        status = mds_validate_generation(depot->path, serial, NULL, INT64_MIN,
                                         MDS_VALIDATE_NO_BUDGET, err,
                                         &depot->catalog);
    }

    if (status == MDS_OK) {
        mds_depot_tell(depot, depot->catalog);
    }

    return status;
}

mds_status_t
mds_depot_open(const char *path, mds_error_t *err, mds_depot_t **depot)
{
    mds_depot_t *opened = calloc(1, sizeof(*opened));
    mds_error_t  alone;
    mds_status_t status;

    if (opened == NULL || (opened->path = strdup(path)) == NULL) {
        free(opened);
        return mds_fail_memory(err);
    }

    if (mds_validation_hint_open(path, false, &alone, &opened->proved)
        != MDS_OK) {
        opened->proved = NULL;
    }

    status = mds_current_open(path, false, err, &opened->current);

    if (status == MDS_OK) {
        status = mds_depot_first(opened, err);
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
    mds_validation_hint_close(depot->proved);
    free(depot->path);
    free(depot);
}

static void
mds_depot_take(mds_depot_t *depot, mds_catalog_t *catalog)
{
    mds_catalog_close(depot->catalog);
    depot->catalog = catalog;
    depot->failed = false;
    depot->late = 0;
}

static void
mds_depot_skip(mds_depot_t *depot, uint64_t serial)
{
    depot->passed_over = serial;
    depot->failed = true;
    depot->late = 0;
}

/* What others have proved, and may be serving already. */
static void
mds_depot_follow(mds_depot_t *depot)
{
    uint64_t       serial = mds_validation_hint_serial(depot->proved);
    mds_catalog_t *catalog;
    mds_error_t    err;

    if (serial > mds_catalog_serial(depot->catalog)
        && serial <= mds_current_serial(depot->current)
        && mds_validate_next(depot->path, serial,
                             mds_catalog_validated(depot->catalog),
                             depot->proved, &err, &catalog)
               == MDS_OK)
    {
        mds_depot_take(depot, catalog);
    }
}

/* Proves what CURRENT names, if that is quickly done; the old generation stays
 * where it fails. */
static void
mds_depot_switch(mds_depot_t *depot, mds_error_t *err)
{
    mds_catalog_t *catalog;
    uint64_t       serial = 0;
    mds_status_t   status = MDS_NOT_FOUND;

    for (int i = 0; i < MDS_DEPOT_TRIES && status == MDS_NOT_FOUND; i++) {
        serial = mds_current_serial(depot->current);
        status = mds_validate_generation(depot->path, serial,
                                         mds_catalog_validated(depot->catalog),
                                         INT64_MIN, MDS_DEPOT_BUDGET_BYTES, err,
                                         &catalog);
    }

    if (status == MDS_OK) {
        mds_depot_tell(depot, catalog);
        mds_depot_take(depot, catalog);

    } else if (status == MDS_AGAIN) {
        depot->late = serial;

    } else {
        mds_depot_skip(depot, serial);
        return;
    }

    /* This try, or an earlier one, may have left its words. */
    err->text[0] = '\0';
}

static void
mds_depot_follow_current(mds_depot_t *depot, mds_error_t *warning)
{
    uint64_t serial = mds_current_serial(depot->current);

    if (serial == mds_catalog_serial(depot->catalog)
        || (depot->failed && serial == depot->passed_over))
    {
        return;
    }

    mds_depot_follow(depot);

    if (serial != mds_catalog_serial(depot->catalog) && serial != depot->late) {
        mds_depot_switch(depot, warning);
    }
}

mds_status_t
mds_depot_begin(mds_depot_t *depot, uint64_t tick, mds_error_t *warning,
                mds_catalog_t **catalog)
{
    mds_status_t status;

    warning->text[0] = '\0';

    if (depot->why.text[0] != '\0') {
        *warning = depot->why;
        depot->why.text[0] = '\0';
    }

    mds_depot_follow_current(depot, warning);
    status = mds_catalog_watch(depot->catalog, tick, warning);

    if (status == MDS_OK) {
        status = mds_catalog_begin(depot->catalog, warning);
    }

    if (status == MDS_OK) {
        *catalog = depot->catalog;
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

/* A proof aside */

bool
mds_depot_needs_job(const mds_depot_t *depot)
{
    return depot->late != 0;
}

static void
mds_validate_job_free(mds_validate_job_t *proving)
{
    mds_catalog_close(proving->catalog);
    free(proving->known);
    free(proving->path);
    free(proving);
}

mds_status_t
mds_validate_job_begin(mds_depot_t *depot, mds_error_t *err,
                       mds_validate_job_t **proving)
{
    mds_validate_job_t *begun = calloc(1, sizeof(*begun));
    mds_status_t        status;

    if (begun == NULL) {
        return mds_fail_memory(err);
    }

    begun->serial = depot->late;
    begun->path = strdup(depot->path);
    status = begun->path == NULL
                 ? mds_fail_memory(err)
                 : mds_validated_copy(mds_catalog_validated(depot->catalog),
                                      err, &begun->known);

    /* Whoever is ended by a fault has proved nothing. */
    begun->status = mds_fail(&begun->err, MDS_DAMAGED,
                             "a file of it was cut short while it was read");

    if (status != MDS_OK) {
        mds_validate_job_free(begun);
        return status;
    }

    *proving = begun;
    return MDS_OK;
}

void
mds_validate_job_run(mds_validate_job_t *proving)
{
    proving->status = mds_validate_generation(proving->path, proving->serial,
                                              proving->known, INT64_MIN,
                                              MDS_VALIDATE_NO_BUDGET,
                                              &proving->err, &proving->catalog);
}

void
mds_validate_job_end(mds_validate_job_t *proving, mds_depot_t *depot)
{
    if (depot == NULL || proving->serial <= mds_catalog_serial(depot->catalog))
    {
        mds_validate_job_free(proving);
        return;
    }

    if (proving->status == MDS_OK) {
        mds_depot_tell(depot, proving->catalog);
        mds_depot_take(depot, proving->catalog);
        proving->catalog = NULL;

    } else if (proving->serial == mds_current_serial(depot->current)) {
        mds_depot_skip(depot, proving->serial);
        depot->why = proving->err;

    } else {
        /* Collected, perhaps, since a later one is in force. */
        depot->late = 0;
    }

    mds_validate_job_free(proving);
}
