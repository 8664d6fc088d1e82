/*
 * The requests that wait for a write of the state. No request waits longer than
 * mds_state_timeout: it is then answered 503; its writes are completed if a
 * commit has them, and dropped otherwise.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_failure.h"

/* Limits of the requests that wait. While a commit is slow, half of the
 * connections are left to other requests. */
#define NGX_HTTP_MDS_WAITING_MAX 10000
#define NGX_HTTP_MDS_SLOW_MS 1000

void
ngx_http_mds_commit_queue_init(ngx_http_mds_commit_queue_t *queue,
                               ngx_http_mds_depot_t        *depot)
{
    ngx_queue_init(&queue->waiting);
    queue->depot = depot;
}

ngx_uint_t
ngx_http_mds_commit_queue_is_busy(const ngx_http_mds_commit_queue_t *queue)
{
    return queue->busy || !ngx_queue_empty(&queue->waiting);
}

/* Takes the request out of the queue; a commit that has its writes goes on. */
static void
ngx_http_mds_write_req_leave(ngx_http_mds_write_req_t *write_req)
{
    if (write_req->queue == NULL) {
        return;
    }

    write_req->queue->count--;
    write_req->queue = NULL;

    if (write_req->timeout.timer_set) {
        ngx_del_timer(&write_req->timeout);
    }

    if (write_req->timeout.posted) {
        ngx_delete_posted_event(&write_req->timeout);
    }

    if (write_req->commit != NULL) {
        ngx_http_mds_commit_forget(write_req->commit, write_req);
        write_req->commit = NULL;

    } else if (write_req->link.next != NULL) {
        ngx_queue_remove(&write_req->link);
    }
}

static void
ngx_http_mds_write_req_cleanup(void *data)
{
    ngx_http_mds_write_req_leave(data);
}

void
ngx_http_mds_write_req_finish(ngx_http_mds_write_req_t *write_req)
{
    ngx_http_request_t *r = write_req->r;
    ngx_connection_t   *c;

    ngx_http_mds_write_req_leave(write_req);

    if (r == NULL) {
        (void) write_req->done(write_req);
        return;
    }

    c = r->connection;
    ngx_http_set_log_request(c->log, r);
    ngx_http_finalize_request(r, write_req->done(write_req));
    ngx_http_run_posted_requests(c);
}

/* Logs that requests wait too long, if they did not before: at most once in
 * NGX_HTTP_MDS_FAILURE_OVER_S, however often clients cause it. */
static void
ngx_http_mds_commit_queue_log_late(ngx_http_mds_commit_queue_t *queue)
{
    if (queue->late
        || (queue->late_logged != 0
            && ngx_time() - queue->late_logged < NGX_HTTP_MDS_FAILURE_OVER_S))
    {
        return;
    }

    queue->late = 1;
    queue->late_logged = ngx_time();
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "mds depot \"%V\": a write of the state takes longer than %M"
                  " ms: requests that need it are answered 503",
                  &queue->depot->path, ngx_current_msec - queue->began);
}

/* Fails a request that has waited too long. */
static void
ngx_http_mds_write_req_timeout(ngx_event_t *event)
{
    ngx_http_mds_write_req_t *write_req = event->data;

    ngx_http_mds_commit_queue_log_late(write_req->queue);

    for (size_t i = 0; i < write_req->count; i++) {
        write_req->writes[i].status = MDS_AGAIN;
    }

    ngx_http_mds_write_req_finish(write_req);
}

static ngx_uint_t
ngx_http_mds_commit_queue_is_full(const ngx_http_mds_commit_queue_t *queue)
{
    ngx_uint_t slow
        = queue->busy && ngx_current_msec - queue->began > NGX_HTTP_MDS_SLOW_MS;

    return queue->count > NGX_HTTP_MDS_WAITING_MAX
           || (slow && queue->count > ngx_cycle->connection_n / 2);
}

ngx_http_mds_write_req_t *
ngx_http_mds_write_req_create(ngx_http_request_t *r, size_t count)
{
    ngx_http_mds_write_req_t *write_req;

    write_req = ngx_pcalloc(r->pool, sizeof(*write_req)
                                         + count * sizeof(*write_req->writes));
    if (write_req != NULL) {
        write_req->r = r;
        write_req->writes = (mds_write_t *) (write_req + 1);
        write_req->count = count;
    }

    return write_req;
}

ngx_http_mds_write_req_t *
ngx_http_mds_write_own_create(size_t count, size_t bytes)
{
    ngx_http_mds_write_req_t *write_req;

    write_req = ngx_calloc(sizeof(*write_req)
                               + count * sizeof(*write_req->writes) + bytes,
                           ngx_cycle->log);
    if (write_req != NULL) {
        write_req->writes = (mds_write_t *) (write_req + 1);
        write_req->count = count;
    }

    return write_req;
}

void
ngx_http_mds_write_own(ngx_http_mds_depot_t     *depot,
                       ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_commit_queue_t *queue = &depot->queue;

    write_req->queue = queue;
    queue->count++;

    if (!ngx_http_mds_commit_queue_is_busy(queue)) {
        queue->began = ngx_current_msec;
    }

    ngx_queue_insert_tail(&queue->waiting, &write_req->link);
    ngx_http_mds_commit_start(queue);
}

ngx_int_t
ngx_http_mds_write_wait(ngx_http_mds_depot_t     *depot,
                        ngx_http_mds_write_req_t *write_req,
                        ngx_event_handler_pt timeout, ngx_msec_t ms)
{
    ngx_http_request_t *r = write_req->r;
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, 0);

    if (cleanup == NULL) {
        return NGX_ERROR;
    }

    cleanup->handler = ngx_http_mds_write_req_cleanup;
    cleanup->data = write_req;

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    write_req->timeout.handler = timeout;
    write_req->timeout.data = write_req;
    write_req->timeout.log = ngx_cycle->log;
    write_req->queue = &depot->queue;
    write_req->queue->count++;

    /* A request that cannot wait is answered from the event loop as well. */
    if (ngx_http_mds_commit_queue_is_full(write_req->queue)) {
        ngx_post_event(&write_req->timeout, &ngx_posted_events);
    } else {
        ngx_add_timer(&write_req->timeout, ms);
    }

    return NGX_OK;
}

static ngx_msec_t
ngx_http_mds_write_timeout(const ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(write_req->r, ngx_http_mds_module);

    return mlcf->state_timeout;
}

void
ngx_http_mds_write_enqueue(ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_commit_queue_t *queue = write_req->queue;

    if (!ngx_http_mds_commit_queue_is_busy(queue)) {
        queue->began = ngx_current_msec;
    }

    write_req->timeout.handler = ngx_http_mds_write_req_timeout;
    ngx_add_timer(&write_req->timeout, ngx_http_mds_write_timeout(write_req));
    ngx_queue_insert_tail(&queue->waiting, &write_req->link);
    ngx_http_mds_commit_start(queue);
}

ngx_int_t
ngx_http_mds_write_state(ngx_http_mds_depot_t     *depot,
                         ngx_http_mds_write_req_t *write_req)
{
    if (ngx_http_mds_write_wait(depot, write_req,
                                ngx_http_mds_write_req_timeout,
                                ngx_http_mds_write_timeout(write_req))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (write_req->timeout.timer_set) {
        ngx_http_mds_write_enqueue(write_req);
    }

    return NGX_DONE;
}
