/*
 * Writes to the state: a worker queues what its requests ask for, and a thread
 * of the pool writes all that has gathered in one durable transaction, while
 * the next commit gathers. The event loop never waits; a commit owns copies of
 * all it needs, so that a client may leave in the meantime.
 *
 * A disk, or another process that holds the state's lock, may take its time.
 * No request waits longer than it was told to: it is answered 503, and what
 * it asked for is left to come to its end, or is dropped if it has not begun.
 */

#include "ngx_http_mds_module.h"

#include "base/mds_time.h"

/* Without a timer, a worker that is to go would not wait for its thread. */
#define NGX_HTTP_MDS_COMMIT_MS 60000

/* Until memory for a commit is asked for again. */
#define NGX_HTTP_MDS_RETRY_MS 50

/* Of one transaction; what is more waits for the next. */
#define NGX_HTTP_MDS_COMMIT_WRITES 1024

/* So many requests may wait; and half as many as there are connections, once a
 * commit is slow: others need some, too. */
#define NGX_HTTP_MDS_WAITING_MAX 10000
#define NGX_HTTP_MDS_SLOW_MS 1000

typedef struct {
    ngx_http_mds_write_req_t *write_req; /* NULL: its client has left */
    size_t                    count;     /* of its writes */
} ngx_http_mds_slot_t;

struct ngx_http_mds_commit_s {
    ngx_thread_task_t            task;
    ngx_http_mds_commit_queue_t *queue;
    mds_state_t                 *state;
    ngx_http_mds_slot_t         *slots;
    size_t                       slot_count;
    mds_write_t                 *writes; /* of all slots, in order */
    size_t                       count;
    mds_status_t                 status;
    mds_error_t                  err;
};

struct ngx_http_mds_commit_queue_s {
    ngx_queue_t           waiting; /* ngx_http_mds_write_req_t */
    ngx_http_mds_depot_t *depot;
    ngx_uint_t            busy;       /* a commit is in its thread */
    ngx_msec_t            began;      /* when it went there */
    ngx_uint_t            write_reqs; /* that wait, or are in the commit */
    ngx_uint_t            late;    /* some were given up, and that was logged */
    mds_status_t          failed;  /* as it was logged last */
    ngx_uint_t            damaged; /* a record is, and that was logged */
    ngx_event_t           retry;
};

static ngx_str_t ngx_http_mds_pool_name = ngx_string("default");

static void ngx_http_mds_commit_queue_run(ngx_http_mds_commit_queue_t *queue);
static void ngx_http_mds_commit_queue_retry(ngx_event_t *event);
static void ngx_http_mds_write_req_timeout(ngx_event_t *event);

ngx_int_t
ngx_http_mds_pool_init(ngx_conf_t *cf)
{
    return ngx_thread_pool_add(cf, &ngx_http_mds_pool_name) == NULL ? NGX_ERROR
                                                                    : NGX_OK;
}

ngx_thread_pool_t *
ngx_http_mds_pool(void)
{
    return ngx_thread_pool_get((ngx_cycle_t *) ngx_cycle,
                               &ngx_http_mds_pool_name);
}

/* The write_req waits for nothing any more; its writes stand, if they are under
 * way. */
static void
ngx_http_mds_write_req_leave(ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_commit_t *commit = write_req->commit;

    if (write_req->pending == NULL) {
        return;
    }

    write_req->pending->write_reqs--;
    write_req->pending = NULL;
    write_req->commit = NULL;

    if (write_req->timeout.timer_set) {
        ngx_del_timer(&write_req->timeout);
    }

    if (write_req->timeout.posted) {
        ngx_delete_posted_event(&write_req->timeout);
    }

    if (write_req->queue.next != NULL) {
        ngx_queue_remove(&write_req->queue);
        write_req->queue.next = NULL;
    }

    for (size_t i = 0; commit != NULL && i < commit->slot_count; i++) {
        if (commit->slots[i].write_req == write_req) {
            commit->slots[i].write_req = NULL;
        }
    }
}

static void
ngx_http_mds_write_req_cleanup(void *data)
{
    ngx_http_mds_write_req_leave(data);
}

static void
ngx_http_mds_write_req_fail(ngx_http_mds_write_req_t *write_req,
                            mds_status_t              status)
{
    ngx_http_mds_write_req_leave(write_req);

    for (size_t i = 0; i < write_req->count; i++) {
        write_req->writes[i].status = status;
    }

    write_req->done(write_req);
}

/* One line when requests begin to be given up, not one for each. */
static void
ngx_http_mds_write_req_timeout(ngx_event_t *event)
{
    ngx_http_mds_write_req_t    *write_req = event->data;
    ngx_http_mds_commit_queue_t *queue = write_req->pending;

    if (!queue->late) {
        queue->late = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": a write of the state takes longer"
                      " than %M ms: requests that need it are answered 503",
                      ngx_http_mds_depot_path(queue->depot),
                      ngx_current_msec - queue->began);
    }

    ngx_http_mds_write_req_fail(write_req, MDS_AGAIN);
}

static ngx_http_mds_commit_queue_t *
ngx_http_mds_commit_queue(ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_commit_queue_t **queue = ngx_http_mds_depot_queue(depot);

    if (*queue == NULL) {
        *queue = ngx_calloc(sizeof(**queue), ngx_cycle->log);
        if (*queue == NULL) {
            return NULL;
        }

        ngx_queue_init(&(*queue)->waiting);
        (*queue)->depot = depot;
        (*queue)->retry.handler = ngx_http_mds_commit_queue_retry;
        (*queue)->retry.data = *queue;
    }

    return *queue;
}

void
ngx_http_mds_commit_queue_free(ngx_http_mds_commit_queue_t *queue)
{
    if (queue != NULL && queue->retry.timer_set) {
        ngx_del_timer(&queue->retry);
    }

    ngx_free(queue);
}

static ngx_uint_t
ngx_http_mds_commit_queue_is_full(const ngx_http_mds_commit_queue_t *queue)
{
    ngx_uint_t slow
        = queue->busy && ngx_current_msec - queue->began > NGX_HTTP_MDS_SLOW_MS;

    return queue->write_reqs > NGX_HTTP_MDS_WAITING_MAX
           || (slow && queue->write_reqs > ngx_cycle->connection_n / 2);
}

ngx_int_t
ngx_http_mds_write_state(ngx_http_mds_depot_t     *depot,
                         ngx_http_mds_write_req_t *write_req)
{
    ngx_http_request_t          *r = write_req->r;
    ngx_http_mds_commit_queue_t *queue = ngx_http_mds_commit_queue(depot);
    ngx_pool_cleanup_t          *cleanup = ngx_pool_cleanup_add(r->pool, 0);
    ngx_http_mds_loc_conf_t     *mlcf;

    if (queue == NULL || cleanup == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    cleanup->handler = ngx_http_mds_write_req_cleanup;
    cleanup->data = write_req;

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    write_req->timeout.handler = ngx_http_mds_write_req_timeout;
    write_req->timeout.data = write_req;
    write_req->timeout.log = ngx_cycle->log;
    write_req->pending = queue;
    queue->write_reqs++;

    /* There is nothing to wait for: it is answered from the event loop. */
    if (ngx_http_mds_commit_queue_is_full(queue)) {
        ngx_post_event(&write_req->timeout, &ngx_posted_events);
        return NGX_DONE;
    }

    ngx_add_timer(&write_req->timeout, mlcf->state_timeout);
    ngx_queue_insert_tail(&queue->waiting, &write_req->queue);

    if (!queue->busy) {
        ngx_http_mds_commit_queue_run(queue);
    }

    return NGX_DONE;
}

/* How many write_reqs from the head fit, and what they need. */
static size_t
ngx_http_mds_commit_queue_measure(ngx_http_mds_commit_queue_t *queue,
                                  size_t *count, size_t *bytes)
{
    size_t write_reqs = 0;

    *count = 0;
    *bytes = 0;

    for (ngx_queue_t *q = ngx_queue_head(&queue->waiting);
         q != ngx_queue_sentinel(&queue->waiting); q = ngx_queue_next(q))
    {
        ngx_http_mds_write_req_t *write_req
            = ngx_queue_data(q, ngx_http_mds_write_req_t, queue);

        if (write_reqs > 0
            && *count + write_req->count > NGX_HTTP_MDS_COMMIT_WRITES) {
            break;
        }

        write_reqs++;
        *count += write_req->count;

        for (size_t i = 0; i < write_req->count; i++) {
            *bytes += mds_write_bytes(&write_req->writes[i]);
        }
    }

    return write_reqs;
}

static void
ngx_http_mds_commit_fill(ngx_http_mds_commit_t *commit, size_t write_reqs,
                         u_char *p)
{
    ngx_queue_t *waiting = &commit->queue->waiting;

    for (; write_reqs > 0; write_reqs--) {
        ngx_queue_t              *q = ngx_queue_head(waiting);
        ngx_http_mds_write_req_t *write_req
            = ngx_queue_data(q, ngx_http_mds_write_req_t, queue);

        /* There are as many write_reqs as were counted a moment ago. */
        ngx_queue_remove(q); /* NOLINT(clang-analyzer-core.NullDereference) */
        write_req->queue.next = NULL;
        write_req->commit = commit;
        commit->slots[commit->slot_count++]
            = (ngx_http_mds_slot_t){ write_req, write_req->count };

        for (size_t i = 0; i < write_req->count; i++) {
            p = mds_write_copy(&write_req->writes[i], p,
                               &commit->writes[commit->count++]);
        }
    }
}

static void
ngx_http_mds_commit_try(void *data)
{
    ngx_http_mds_commit_t *commit = data;

    commit->status
        = mds_state_write(commit->state, commit->writes, commit->count,
                          mds_time_now_ms(), &commit->err);
}

static void
ngx_http_mds_commit_abandon(void *data)
{
    ngx_http_mds_commit_t *commit = data;

    mds_state_abort_write(commit->state);
}

/* In a thread: the commit is all that it may touch. */
static void
ngx_http_mds_commit_write(void *data, ngx_log_t *log)
{
    ngx_http_mds_commit_t *commit = data;

    (void) log;

    if (mds_fault_guard_call(ngx_http_mds_commit_try, commit)) {
        return;
    }

    /* Other writers wait for the lock that it holds. */
    (void) mds_fault_guard_call(ngx_http_mds_commit_abandon, commit);
    commit->status
        = mds_fail(&commit->err, MDS_DAMAGED, "a page of it cannot be read");
}

/* One line for each change of what fails, not one for each commit. */
static void
ngx_http_mds_commit_log(ngx_http_mds_commit_t *commit)
{
    ngx_http_mds_commit_queue_t *queue = commit->queue;

    if (commit->status != MDS_OK && queue->failed != commit->status) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": the state cannot be written: %s",
                      ngx_http_mds_depot_path(queue->depot), commit->err.text);
    }

    queue->failed = commit->status;

    if (commit->status == MDS_OK && commit->err.status != MDS_OK
        && !queue->damaged) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": a record of the state cannot be"
                      " written: %s",
                      ngx_http_mds_depot_path(queue->depot), commit->err.text);
        queue->damaged = 1;
    }
}

/* Results go to the write_reqs that are still there. */
static void
ngx_http_mds_commit_deliver(ngx_http_mds_commit_t *commit)
{
    mds_write_t *write = commit->writes;

    for (size_t i = 0; i < commit->slot_count; i++) {
        ngx_http_mds_write_req_t *write_req = commit->slots[i].write_req;

        for (size_t k = 0; write_req != NULL && k < write_req->count; k++) {
            write_req->writes[k].status
                = commit->status != MDS_OK ? commit->status : write[k].status;

            if (write[k].type == MDS_WRITE_ADMISSION) {
                write_req->writes[k].admission.admitted
                    = write[k].admission.admitted;
            }
        }

        write += commit->slots[i].count;
    }
}

static void
ngx_http_mds_commit_done(ngx_event_t *event)
{
    ngx_http_mds_commit_t       *commit = event->data;
    ngx_http_mds_commit_queue_t *queue = commit->queue;

    if (event->timedout) {
        event->timedout = 0;
        ngx_add_timer(event, NGX_HTTP_MDS_COMMIT_MS);
        return;
    }

    if (event->timer_set) {
        ngx_del_timer(event);
    }

    if (commit->status == MDS_DAMAGED) {
        ngx_http_mds_depot_quarantine_state(queue->depot);
    }

    ngx_http_mds_commit_log(commit);
    ngx_http_mds_commit_deliver(commit);

    if (queue->late && commit->status == MDS_OK) {
        queue->late = 0;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": the state is written again",
                      ngx_http_mds_depot_path(queue->depot));
    }

    /* The next commit is under way before the answers of this one go out. */
    queue->busy = 0;
    ngx_http_mds_commit_queue_run(queue);

    for (size_t i = 0; i < commit->slot_count; i++) {
        ngx_http_mds_write_req_t *write_req = commit->slots[i].write_req;

        if (write_req != NULL) {
            ngx_http_mds_write_req_leave(write_req);
            write_req->done(write_req);
        }
    }

    ngx_free(commit);
}

/* One piece of memory for the commit and all that it points to. */
static ngx_http_mds_commit_t *
ngx_http_mds_commit_create(ngx_http_mds_commit_queue_t *queue)
{
    ngx_http_mds_commit_t *commit;
    size_t                 count, bytes;
    size_t                 write_reqs
        = ngx_http_mds_commit_queue_measure(queue, &count, &bytes);

    commit = ngx_calloc(sizeof(*commit) + write_reqs * sizeof(*commit->slots)
                            + count * sizeof(*commit->writes) + bytes,
                        ngx_cycle->log);
    if (commit == NULL) {
        return NULL;
    }

    commit->queue = queue;
    commit->slots = (ngx_http_mds_slot_t *) (commit + 1);
    commit->writes = (mds_write_t *) (commit->slots + write_reqs);
    ngx_http_mds_commit_fill(commit, write_reqs,
                             (u_char *) (commit->writes + count));

    commit->task.ctx = commit;
    commit->task.handler = ngx_http_mds_commit_write;
    commit->task.event.handler = ngx_http_mds_commit_done;
    commit->task.event.data = commit;
    commit->task.event.log = ngx_cycle->log;

    return commit;
}

/* Starts the next commit, if anybody waits. */
static void
ngx_http_mds_commit_queue_run(ngx_http_mds_commit_queue_t *queue)
{
    ngx_thread_pool_t     *pool;
    ngx_http_mds_commit_t *commit;

    if (ngx_queue_empty(&queue->waiting)) {
        return;
    }

    commit = ngx_http_mds_commit_create(queue);
    if (commit == NULL) {
        queue->retry.log = ngx_cycle->log;
        ngx_add_timer(&queue->retry, NGX_HTTP_MDS_RETRY_MS);
        return;
    }

    queue->busy = 1;
    queue->began = ngx_current_msec;
    commit->state = ngx_http_mds_depot_state(queue->depot);
    pool = ngx_http_mds_pool();

    if (commit->state == NULL || pool == NULL
        || ngx_thread_task_post(pool, &commit->task) != NGX_OK)
    {
        commit->status = mds_fail(&commit->err, MDS_NO_SPACE,
                                  "the state or its thread pool is not to be"
                                  " had");
        ngx_post_event(&commit->task.event, &ngx_posted_events);
        return;
    }

    ngx_add_timer(&commit->task.event, NGX_HTTP_MDS_COMMIT_MS);
}

/* Where there is no memory even now, nobody is kept waiting for it. */
static void
ngx_http_mds_commit_queue_retry(ngx_event_t *event)
{
    ngx_http_mds_commit_queue_t *queue = event->data;
    ngx_queue_t                  waiting;

    if (!queue->busy) {
        ngx_http_mds_commit_queue_run(queue);
    }

    if (queue->busy || ngx_queue_empty(&queue->waiting)) {
        return;
    }

    ngx_queue_init(&waiting);
    ngx_queue_add(&waiting, &queue->waiting);
    ngx_queue_init(&queue->waiting);

    while (!ngx_queue_empty(&waiting)) {
        ngx_http_mds_write_req_fail(ngx_queue_data(ngx_queue_head(&waiting),
                                                   ngx_http_mds_write_req_t,
                                                   queue),
                                    MDS_NO_MEMORY);
    }
}

ngx_uint_t
ngx_http_mds_commit_queue_is_busy(ngx_http_mds_commit_queue_t *queue)
{
    return queue != NULL && (queue->busy || !ngx_queue_empty(&queue->waiting));
}
