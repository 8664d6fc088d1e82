/*
 * ngx_http_mds_merge: merges the registry's files in a thread of its own: a
 * merge may take minutes, and writes of requests need the threads of the pool.
 */

#ifndef NGX_HTTP_MDS_MERGE_H
#define NGX_HTTP_MDS_MERGE_H

#include "ngx_http_mds_module.h"

#include <pthread.h>

#include "registry/mds_registry_upkeep.h"

typedef struct {
    mds_status_t (*merge)(int dir, const mds_registry_limits_t *limits,
                          int64_t now_ms, const atomic_bool *stop,
                          mds_error_t *err, mds_registry_merged_t *merged);
    ngx_uint_t   begun;
    ngx_uint_t   start_failed; /* which was logged */
    ngx_msec_t   failed;       /* its time; 0: it did not fail */
    mds_status_t last;         /* status that was logged */

    /* Used by the thread alone until it is done. */
    pthread_t             thread;
    atomic_bool           stop;
    atomic_bool           done;
    int                   dir;
    mds_registry_limits_t limits;
    mds_status_t          status;
    mds_error_t           err;
    mds_registry_merged_t merged;
} ngx_http_mds_merge_t;

/* Begins a merge, unless it is under way or has just failed. */
void ngx_http_mds_merge_start(ngx_http_mds_merge_t *merge, int dir,
                              const mds_registry_limits_t *limits);

/* Joins the thread of a merge that is done, and returns whether there was one.
 */
ngx_uint_t ngx_http_mds_merge_finish(ngx_http_mds_merge_t *merge);

/* Stops a merge and waits for its thread, which does not take long. */
void ngx_http_mds_merge_stop(ngx_http_mds_merge_t *merge);

#endif
