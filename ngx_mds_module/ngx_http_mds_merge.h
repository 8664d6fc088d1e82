/*
 * A merge of the registry's files, in a thread of its own: it may take minutes,
 * and those who wait for a write need the threads of the pool.
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
    ngx_msec_t   failed; /* when; 0: it did not */
    mds_status_t last;   /* as the log was told */

    /* The thread has these until it is done. */
    pthread_t             thread;
    atomic_bool           stop;
    atomic_bool           done;
    int                   dir;
    mds_registry_limits_t limits;
    mds_status_t          status;
    mds_error_t           err;
    mds_registry_merged_t merged;
} ngx_http_mds_merge_t;

/* Begins a merge, unless it is under way or has failed a moment ago. */
void ngx_http_mds_merge_start(ngx_http_mds_merge_t *merge, int dir,
                              const mds_registry_limits_t *limits);

/* Takes in a merge that is done, and returns whether there was one. */
ngx_uint_t ngx_http_mds_merge_finish(ngx_http_mds_merge_t *merge);

/* Ends a merge and waits for its thread, which is soon. */
void ngx_http_mds_merge_stop(ngx_http_mds_merge_t *merge);

#endif
