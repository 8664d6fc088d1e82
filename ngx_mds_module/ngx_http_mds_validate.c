/*
 * Proofs that take longer than a request may wait, made in a thread of the
 * pool, while the generation before is served on.
 */

#include "ngx_http_mds_module.h"

struct ngx_http_mds_validation_s {
    ngx_thread_task_t     task;
    ngx_http_mds_depot_t *depot;
    mds_validate_job_t   *job;
};

static void
ngx_http_mds_validation_try(void *data)
{
    mds_validate_job_run(data);
}

/* In a thread. A fault on the way leaves what it was told before: damaged. */
static void
ngx_http_mds_validation_run(void *data, ngx_log_t *log)
{
    ngx_http_mds_validation_t *validation = data;

    (void) log;
    (void) mds_fault_guard_call(ngx_http_mds_validation_try, validation->job);
}

static void
ngx_http_mds_validation_done(ngx_event_t *event)
{
    ngx_http_mds_validation_t *validation = event->data;

    ngx_http_mds_depot_adopt(validation->depot, validation->job);
    ngx_free(validation);
}

ngx_http_mds_validation_t *
ngx_http_mds_validation_start(ngx_http_mds_depot_t *depot, mds_depot_t *of)
{
    ngx_thread_pool_t         *pool = ngx_http_mds_pool();
    ngx_http_mds_validation_t *validation;
    mds_error_t                err;

    validation = ngx_calloc(sizeof(*validation), ngx_cycle->log);
    if (validation == NULL || pool == NULL
        || mds_validate_job_begin(of, &err, &validation->job) != MDS_OK)
    {
        ngx_free(validation);
        return NULL;
    }

    validation->depot = depot;
    validation->task.ctx = validation;
    validation->task.handler = ngx_http_mds_validation_run;
    validation->task.event.handler = ngx_http_mds_validation_done;
    validation->task.event.data = validation;
    validation->task.event.log = ngx_cycle->log;

    if (ngx_thread_task_post(pool, &validation->task) != NGX_OK) {
        mds_validate_job_end(validation->job, NULL);
        ngx_free(validation);
        return NULL;
    }

    return validation;
}
