/*
 * Validates a generation in a thread of the pool, if that takes longer than a
 * request may wait. The previous generation is served meanwhile.
 */

#include "ngx_http_mds_depot.h"

#include "base/mds_fault_guard.h"

typedef struct {
    ngx_thread_task_t     task;
    ngx_http_mds_depot_t *depot;
    ngx_uint_t            opening; /* of the depot that it is for */
    mds_validate_job_t   *job;
} ngx_http_mds_validation_t;

static void
ngx_http_mds_validation_try(void *data)
{
    mds_validate_job_run(data);
}

/* Runs in a thread. After a fault the job's result is still "damaged". */
static void
ngx_http_mds_validation_run(void *data, ngx_log_t *log)
{
    ngx_http_mds_validation_t *validation = data;

    (void) mds_fault_guard_call(ngx_http_mds_validation_try, validation->job);
}

/* Hands the result to the depot, unless it was opened again meanwhile. This
 * writes to a mapped file, in which other processes see it. */
static void
ngx_http_mds_validation_adopt(void *data)
{
    ngx_http_mds_validation_t *validation = data;
    ngx_http_mds_depot_t      *depot = validation->depot;

    mds_validate_job_end(validation->job, validation->opening == depot->openings
                                              ? depot->handle
                                              : NULL);
}

static void
ngx_http_mds_validation_done(ngx_event_t *event)
{
    ngx_http_mds_validation_t *validation = event->data;

    validation->depot->validating = 0;
    ngx_http_mds_depot_guard_call(validation->depot,
                                  ngx_http_mds_validation_adopt, validation);
    ngx_free(validation);
}

void
ngx_http_mds_validation_start(ngx_http_mds_depot_t *depot)
{
    ngx_thread_pool_t         *pool = ngx_http_mds_pool();
    ngx_http_mds_validation_t *validation;
    mds_error_t                err;

    validation = ngx_calloc(sizeof(*validation), ngx_cycle->log);
    if (validation == NULL || pool == NULL
        || mds_validate_job_begin(depot->handle, &err, &validation->job)
               != MDS_OK)
    {
        ngx_free(validation);
        return;
    }

    validation->depot = depot;
    validation->opening = depot->openings;
    validation->task.ctx = validation;
    validation->task.handler = ngx_http_mds_validation_run;
    validation->task.event.handler = ngx_http_mds_validation_done;
    validation->task.event.data = validation;
    validation->task.event.log = ngx_cycle->log;

    if (ngx_thread_task_post(pool, &validation->task) != NGX_OK) {
        mds_validate_job_end(validation->job, NULL);
        ngx_free(validation);
        return;
    }

    depot->validating = 1;
}
