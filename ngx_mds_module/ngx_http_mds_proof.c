/*
 * Proofs of generations: what one worker has proved, the others follow, by a
 * few bytes of shared memory for each depot; and a proof that takes longer
 * than a request may wait is made in a thread of the pool.
 */

#include "ngx_http_mds_module.h"

#include <ngx_thread_pool.h>

/* What a slab pool takes at least. */
#define NGX_HTTP_MDS_ZONE_BYTES (8 * ngx_pagesize)

struct ngx_http_mds_proof_s {
    ngx_thread_task_t     task;
    ngx_http_mds_depot_t *depot;
    mds_proving_t        *proving;
};

static ngx_int_t
ngx_http_mds_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t *pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data == NULL && !zone->shm.exists) {
        pool->data = ngx_slab_calloc(pool, sizeof(mds_proved_t));
        if (pool->data == NULL) {
            return NGX_ERROR;
        }
    }

    zone->data = pool->data;
    return NGX_OK;
}

ngx_shm_zone_t *
ngx_http_mds_zone(ngx_conf_t *cf, ngx_str_t *path)
{
    static ngx_str_t prefix = ngx_string("mds depot ");
    ngx_shm_zone_t  *zone;
    ngx_str_t        name;
    u_char          *p;

    name.len = prefix.len + path->len;
    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NULL;
    }

    p = ngx_cpymem(name.data, prefix.data, prefix.len);
    ngx_memcpy(p, path->data, path->len);

    zone = ngx_shared_memory_add(cf, &name, NGX_HTTP_MDS_ZONE_BYTES,
                                 &ngx_http_mds_module);
    if (zone != NULL) {
        zone->init = ngx_http_mds_zone_init;
    }

    return zone;
}

mds_proved_t *
ngx_http_mds_proved(ngx_http_mds_place_t *place)
{
    /* A process that is alone, and outlives its cycles, has nobody to tell. */
    return ngx_process == NGX_PROCESS_SINGLE ? NULL : place->zone->data;
}

static void
ngx_http_mds_proof_try(void *data)
{
    mds_proving_run(data);
}

/* In a thread. A fault on the way leaves what it was told before: damaged. */
static void
ngx_http_mds_proof_run(void *data, ngx_log_t *log)
{
    ngx_http_mds_proof_t *proof = data;

    (void) log;
    (void) ngx_http_mds_guard(ngx_http_mds_proof_try, proof->proving);
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
        || mds_proving_begin(of, &err, &proof->proving) != MDS_OK)
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
        mds_proving_end(proof->proving, NULL);
        ngx_free(proof);
        return NULL;
    }

    return proof;
}
