/*
 * Serves the newest valid generation of a depot.
 */

#include "catalog/mds_depot.h"

#include <stdlib.h>

#include "catalog/mds_current.h"

/* Another loader may just have removed the generation that CURRENT named. */
#define MDS_DEPOT_TRIES 3

/* This is read and hashed in about 5 ms, for which a request may wait. */
#define MDS_DEPOT_BUDGET_BYTES (4 << 20)

struct mds_depot_s {
    char                  *path;
    mds_current_t         *current;
    mds_validation_hint_t *hint; /* NULL: there is none */
    mds_catalog_t         *catalog;
    uint64_t               skipped; /* the serial that failed, if one has */
    bool                   failed;
    mds_error_t            warning; /* of a job that failed; not yet returned */
    uint64_t job_serial;            /* to be validated in a thread; 0: none */
};

struct mds_validate_job_s {
    char          *path;
    uint64_t       serial;
    mds_chain_t    known;
    mds_status_t   status;
    mds_error_t    err;
    mds_catalog_t *catalog;
};

static void
mds_depot_publish(mds_depot_t *depot, const mds_catalog_t *catalog)
{
    mds_validation_hint_publish(depot->hint, mds_catalog_serial(catalog),
                                mds_current_serial(depot->current),
                                mds_catalog_files(catalog));
}

/* Opens the newest generation, by the hint of others or by its bytes. */
static mds_status_t
mds_depot_first(mds_depot_t *depot, mds_error_t *err)
{
    mds_status_t status
        = mds_validate_open(depot->path, mds_current_serial(depot->current),
                            depot->hint, err, &depot->catalog);

    if (status == MDS_OK) {
        mds_depot_publish(depot, depot->catalog);
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

    if (mds_validation_hint_open(path, false, &alone, &opened->hint) != MDS_OK)
    {
        opened->hint = NULL;
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
    mds_validation_hint_close(depot->hint);
    free(depot->path);
    free(depot);
}

static void
mds_depot_serve(mds_depot_t *depot, mds_catalog_t *catalog)
{
    mds_catalog_take_over(catalog, depot->catalog);
    mds_catalog_close(depot->catalog);
    depot->catalog = catalog;
    depot->failed = false;
    depot->job_serial = 0;
}

static void
mds_depot_skip(mds_depot_t *depot, uint64_t serial)
{
    depot->skipped = serial;
    depot->failed = true;
    depot->job_serial = 0;
}

/* Follows the hint of others, who may be serving that generation. */
static void
mds_depot_follow(mds_depot_t *depot)
{
    uint64_t       serial = mds_validation_hint_serial(depot->hint);
    mds_catalog_t *catalog;
    mds_error_t    err;

    if (serial > mds_catalog_serial(depot->catalog)
        && serial <= mds_current_serial(depot->current)
        && mds_validate_next(depot->path, serial,
                             mds_catalog_chain(depot->catalog), depot->hint,
                             &err, &catalog)
               == MDS_OK)
    {
        mds_depot_serve(depot, catalog);
    }
}

/* Validates the generation that CURRENT names, if it is small; the old one
 * stays if that fails. */
static void
mds_depot_switch(mds_depot_t *depot, mds_error_t *err)
{
    mds_catalog_t *catalog;
    uint64_t       serial = 0;
    mds_status_t   status = MDS_NOT_FOUND;

    for (int i = 0; i < MDS_DEPOT_TRIES && status == MDS_NOT_FOUND; i++) {
        serial = mds_current_serial(depot->current);
        status = mds_validate_generation(depot->path, serial,
                                         mds_catalog_chain(depot->catalog),
                                         INT64_MIN, MDS_DEPOT_BUDGET_BYTES, err,
                                         &catalog);
    }

    if (status == MDS_OK) {
        mds_depot_publish(depot, catalog);
        mds_depot_serve(depot, catalog);

    } else if (status == MDS_AGAIN) {
        depot->job_serial = serial;

    } else {
        mds_depot_skip(depot, serial);
        return;
    }

    /* This try, or an earlier one, may have left a message. */
    err->text[0] = '\0';
}

static void
mds_depot_follow_current(mds_depot_t *depot, mds_error_t *warning)
{
    uint64_t serial = mds_current_serial(depot->current);

    if (serial == mds_catalog_serial(depot->catalog)
        || (depot->failed && serial == depot->skipped))
    {
        return;
    }

    mds_depot_follow(depot);

    if (serial != mds_catalog_serial(depot->catalog)
        && serial != depot->job_serial) {
        mds_depot_switch(depot, warning);
    }
}

mds_status_t
mds_depot_begin(mds_depot_t *depot, uint64_t tick, mds_error_t *warning,
                mds_catalog_t **catalog)
{
    mds_status_t status;

    warning->text[0] = '\0';

    if (depot->warning.text[0] != '\0') {
        *warning = depot->warning;
        depot->warning.text[0] = '\0';
    }

    mds_depot_follow_current(depot, warning);
    status = mds_catalog_watch(depot->catalog, tick, warning);

    if (status == MDS_OK) {
        *catalog = depot->catalog;
    }

    return status;
}

mds_status_t
mds_depot_check(mds_depot_t *depot, mds_error_t *err)
{
    /* A generation that failed may have been mended: it is tried again. */
    depot->failed = false;

    return mds_current_check(depot->current, depot->path, err);
}

/* A validation in a thread */

bool
mds_depot_needs_job(const mds_depot_t *depot)
{
    return depot->job_serial != 0;
}

static void
mds_validate_job_free(mds_validate_job_t *job)
{
    mds_catalog_close(job->catalog);
    mds_chain_release(&job->known);
    free(job->path);
    free(job);
}

mds_status_t
mds_validate_job_begin(mds_depot_t *depot, mds_error_t *err,
                       mds_validate_job_t **job)
{
    mds_validate_job_t *begun = calloc(1, sizeof(*begun));

    if (begun == NULL) {
        return mds_fail_memory(err);
    }

    begun->path = strdup(depot->path);
    if (begun->path == NULL) {
        free(begun);
        return mds_fail_memory(err);
    }

    begun->serial = depot->job_serial;
    begun->known = mds_chain_retain(mds_catalog_chain(depot->catalog));

    /* This stays if a fault ends the thread's work. */
    begun->status = mds_fail(&begun->err, MDS_DAMAGED,
                             "a file of it was cut short while it was read");
    *job = begun;
    return MDS_OK;
}

void
mds_validate_job_run(mds_validate_job_t *job)
{
    job->status = mds_validate_generation(job->path, job->serial, &job->known,
                                          INT64_MIN, MDS_VALIDATE_NO_BUDGET,
                                          &job->err, &job->catalog);
}

void
mds_validate_job_end(mds_validate_job_t *job, mds_depot_t *depot)
{
    if (depot == NULL || job->serial <= mds_catalog_serial(depot->catalog)) {
        mds_validate_job_free(job);
        return;
    }

    if (job->status == MDS_OK) {
        mds_depot_publish(depot, job->catalog);
        mds_depot_serve(depot, job->catalog);
        job->catalog = NULL;

    } else if (job->serial == mds_current_serial(depot->current)) {
        mds_depot_skip(depot, job->serial);
        depot->warning = job->err;

    } else {
        /* It may have been removed, since a later one is in force. */
        depot->job_serial = 0;
    }

    mds_validate_job_free(job);
}
