/*
 * Proofs that take longer than a request may wait, made in a thread of the
 * pool, while the generation before is served on.
 */

#include "ngx_http_mds_module.h"

struct ngx_http_mds_proof_s {
    ngx_thread_task_t     task;
    ngx_http_mds_depot_t *depot;
    mds_validate_job_t   *proving;
};

static void
ngx_http_mds_proof_try(void *data)
{
    mds_validate_job_run(data);
}

/* In a thread. A fault on the way leaves what it was told before: damaged. */
static void
ngx_http_mds_proof_run(void *data, ngx_log_t *log)
{
    ngx_http_mds_proof_t *proof = data;

    (void) log;
    (void) mds_fault_guard_call(ngx_http_mds_proof_try, proof->proving);
}

static void
ngx_http_mds_proof_done(ngx_event_t *event)
{
    ngx_http_mds_proof_t *proof = event->data;

    ngx_http_mds_depot_proved(proof->depot, proof->proving);
    ngx_free(proof);
}

ngx_http_mds_proof_t *
ngx_http_mds_proof_begin(ngx_http_mds_depot_t *depot, mds_depot_t *of)
{
    ngx_thread_pool_t    *pool = ngx_http_mds_pool();
    ngx_http_mds_proof_t *proof;
    mds_error_t           err;

    proof = ngx_calloc(sizeof(*proof), ngx_cycle->log);
    if (proof == NULL || pool == NULL
        || mds_validate_job_begin(of, &err, &proof->proving) != MDS_OK)
    {
        ngx_free(proof);
        return NULL;
    }

    proof->depot = depot;
    proof->task.ctx = proof;
    proof->task.handler = ngx_http_mds_proof_run;
    proof->task.event.handler = ngx_http_mds_proof_done;
    proof->task.event.data = proof;
    proof->task.event.log = ngx_cycle->log;

    if (ngx_thread_task_post(pool, &proof->task) != NGX_OK) {
        mds_validate_job_end(proof->proving, NULL);
        ngx_free(proof);
        return NULL;
    }

    return proof;
}
