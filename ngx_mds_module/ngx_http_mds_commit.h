/*
 * Group commit: the writes that requests wait for, queued for each depot, and
 * the transaction that makes many of them durable at once.
 */

#ifndef NGX_HTTP_MDS_COMMIT_H
#define NGX_HTTP_MDS_COMMIT_H

#include "ngx_http_mds_module.h"

#include <ngx_thread_pool.h>

#include "state/mds_state.h"

typedef struct ngx_http_mds_commit_s    ngx_http_mds_commit_t;
typedef struct ngx_http_mds_write_req_s ngx_http_mds_write_req_t;

typedef struct {
    ngx_queue_t           waiting; /* ngx_http_mds_write_req_t */
    ngx_http_mds_depot_t *depot;
    ngx_uint_t            busy;  /* a thread runs a commit */
    ngx_msec_t            began; /* time of its start */
    ngx_uint_t            count; /* of requests, waiting or in the commit */
    ngx_uint_t            late;  /* requests have timed out, which was logged */
    time_t                late_logged; /* time of that; 0: never */
} ngx_http_mds_commit_queue_t;

/* The writes of one request, in its pool; or those of the worker itself, which
 * are allocated without one. */
struct ngx_http_mds_write_req_s {
    ngx_http_request_t *r; /* NULL: the worker itself */
    mds_write_t        *writes;
    size_t              count;

    /* Answers the request, when each write has its status; returns what a
     * content handler returns. */
    ngx_int_t (*done)(ngx_http_mds_write_req_t *write_req);
    void *data;

    ngx_queue_t                  link;
    ngx_http_mds_commit_queue_t *queue;  /* NULL: done */
    ngx_http_mds_commit_t       *commit; /* NULL: waiting, or done */
    ngx_event_t                  timeout;

    uint32_t frame; /* the ADMIT that asks the fleet; 0: none */
    size_t   first; /* of its admissions there */
};

/* Adds the thread pool to the configuration. */
ngx_int_t ngx_http_mds_pool_init(ngx_conf_t *cf);

/* Returns the thread pool; NULL: there is none, or none with threads. That is
 * so after a reload with "master_process off": nginx reads a new configuration,
 * and starts no threads for it. */
ngx_thread_pool_t *ngx_http_mds_pool(void);

void ngx_http_mds_commit_queue_init(ngx_http_mds_commit_queue_t *queue,
                                    ngx_http_mds_depot_t        *depot);

/* Returns 1 if a thread writes the depot's state, or has to. */
ngx_uint_t
ngx_http_mds_commit_queue_is_busy(const ngx_http_mds_commit_queue_t *queue);

/* Creates zeroed writes for a request; NULL: out of memory. */
ngx_http_mds_write_req_t *
ngx_http_mds_write_req_create(ngx_http_request_t *r, size_t count);

/*
 * Queues the writes and lets the request wait; returns NGX_DONE. done is called
 * from the event loop once they are durable, or have failed, or after the
 * location's mds_state_timeout (MDS_AGAIN: they may still be written). It is
 * not called if the request ends before.
 */
ngx_int_t ngx_http_mds_write_state(ngx_http_mds_depot_t     *depot,
                                   ngx_http_mds_write_req_t *write_req);

/* Queues writes of the worker itself. done is called once they are durable, or
 * have failed; it frees them. */
void ngx_http_mds_write_own(ngx_http_mds_depot_t     *depot,
                            ngx_http_mds_write_req_t *write_req);

/* Creates zeroed writes of the worker itself, with so many bytes behind them;
 * NULL: out of memory. */
ngx_http_mds_write_req_t *
ngx_http_mds_write_own_create(size_t count, size_t bytes);

/* Lets the request wait before its writes are queued, for at most that time;
 * then timeout is called. NGX_ERROR: out of memory. */
ngx_int_t ngx_http_mds_write_wait(ngx_http_mds_depot_t     *depot,
                                  ngx_http_mds_write_req_t *write_req,
                                  ngx_event_handler_pt timeout, ngx_msec_t ms);

/* Queues the writes of a request that waits. */
void ngx_http_mds_write_enqueue(ngx_http_mds_write_req_t *write_req);

/* Takes the request out of the queue and answers it. */
void ngx_http_mds_write_req_finish(ngx_http_mds_write_req_t *write_req);

/* Starts the next commit if requests wait. If memory runs out, the depot's
 * timer tries again. */
void ngx_http_mds_commit_start(ngx_http_mds_commit_queue_t *queue);

/* Makes the commit forget a request that does not wait any more. */
void ngx_http_mds_commit_forget(ngx_http_mds_commit_t          *commit,
                                const ngx_http_mds_write_req_t *write_req);

#endif
