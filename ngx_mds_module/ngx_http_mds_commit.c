/*
 * One commit: the writes of the requests that wait are copied, a thread of the
 * pool writes them in one durable transaction, and the requests are answered,
 * while the next commit is under way. The event loop never waits, and since the
 * commit owns its copies, a client may leave meanwhile.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_failure.h"

#include "base/mds_fault_guard.h"
#include "base/mds_time.h"

/* The timer keeps a worker that shuts down until its thread has finished. */
#define NGX_HTTP_MDS_COMMIT_MS 60000

/* Limit of the writes of one transaction; the rest waits for the next. */
#define NGX_HTTP_MDS_COMMIT_WRITES 1024

typedef struct {
    ngx_http_mds_write_req_t *write_req; /* NULL: does not wait any more */
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
    uint64_t                     took_ns; /* 0: it was not run */
    mds_status_t                 status;
    mds_error_t                  err;
};

static ngx_str_t ngx_http_mds_pool_name = ngx_string("default");

ngx_int_t
ngx_http_mds_pool_init(ngx_conf_t *cf)
{
    return ngx_thread_pool_add(cf, &ngx_http_mds_pool_name) == NULL ? NGX_ERROR
                                                                    : NGX_OK;
}

ngx_thread_pool_t *
ngx_http_mds_pool(void)
{
    ngx_http_mds_main_conf_t *mcf
        = ngx_http_cycle_get_module_main_conf(ngx_cycle, ngx_http_mds_module);

    return mcf != NULL && mcf->has_threads
               ? ngx_thread_pool_get((ngx_cycle_t *) ngx_cycle,
                                     &ngx_http_mds_pool_name)
               : NULL;
}

void
ngx_http_mds_commit_forget(ngx_http_mds_commit_t          *commit,
                           const ngx_http_mds_write_req_t *write_req)
{
    for (size_t i = 0; i < commit->slot_count; i++) {
        if (commit->slots[i].write_req == write_req) {
            commit->slots[i].write_req = NULL;
        }
    }
}

/* Counts the requests from the head that fit into one commit, their writes, and
 * the bytes of the copies. */
static size_t
ngx_http_mds_commit_measure(ngx_queue_t *waiting, size_t *count, size_t *bytes)
{
    size_t slots = 0;

    *count = 0;
    *bytes = 0;

    for (ngx_queue_t *q = ngx_queue_head(waiting);
         q != ngx_queue_sentinel(waiting); q = ngx_queue_next(q))
    {
        ngx_http_mds_write_req_t *write_req
            = ngx_queue_data(q, ngx_http_mds_write_req_t, link);

        if (slots > 0 && *count + write_req->count > NGX_HTTP_MDS_COMMIT_WRITES)
        {
            break;
        }

        slots++;
        *count += write_req->count;

        for (size_t i = 0; i < write_req->count; i++) {
            *bytes += mds_write_bytes(&write_req->writes[i]);
        }
    }

    return slots;
}

/* Moves so many requests from the queue to the commit, and copies their writes
 * to p. */
static void
ngx_http_mds_commit_fill(ngx_http_mds_commit_t *commit, size_t slots, u_char *p)
{
    for (; slots > 0; slots--) {
        ngx_queue_t              *q = ngx_queue_head(&commit->queue->waiting);
        ngx_http_mds_write_req_t *write_req
            = ngx_queue_data(q, ngx_http_mds_write_req_t, link);

        /* The queue holds as many requests as were counted. */
        ngx_queue_remove(q); /* NOLINT(clang-analyzer-core.NullDereference) */
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
ngx_http_mds_commit_abort(void *data)
{
    ngx_http_mds_commit_t *commit = data;

    mds_state_abort_write(commit->state);
}

/* Runs in a thread, which touches nothing but the commit. */
static void
ngx_http_mds_commit_run(void *data, ngx_log_t *log)
{
    ngx_http_mds_commit_t *commit = data;
    uint64_t               began_ns = ngx_http_mds_clock_ns();
    bool guarded = mds_fault_guard_call(ngx_http_mds_commit_try, commit);

    commit->took_ns = ngx_http_mds_clock_ns() - began_ns;

    if (guarded) {
        return;
    }

    /* Other writers wait for the lock that the transaction holds. */
    (void) mds_fault_guard_call(ngx_http_mds_commit_abort, commit);
    commit->status
        = mds_fail(&commit->err, MDS_DAMAGED, "a page of it cannot be read");
}

/* Logs the releases that a report has halted. */
static void
ngx_http_mds_commit_log_halts(const ngx_http_mds_commit_t *commit)
{
    for (size_t i = 0; i < commit->count; i++) {
        const mds_report_t *report = &commit->writes[i].report;
        mds_str_t           id = report->release, app;

        if (commit->writes[i].type != MDS_WRITE_REPORT
            || commit->writes[i].status != MDS_OK || !report->halted)
        {
            continue;
        }

        app = mds_str_cut(&id, '\0');
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "mds depot \"%V\": release %*s of %*s is halted: %uL of"
                      " %uL devices failed",
                      &commit->queue->depot->path, id.len, id.data, app.len,
                      app.data, report->failures, report->ends);
    }
}

/* Logs what has failed. A client that lets commits fail and succeed in turn
 * does not fill the log. */
static void
ngx_http_mds_commit_log(ngx_http_mds_commit_t *commit)
{
    ngx_http_mds_commit_queue_t *queue = commit->queue;
    ngx_str_t                   *path = &queue->depot->path;
    ngx_log_t                   *log = ngx_cycle->log;

    if (commit->status != MDS_OK) {
        ngx_http_mds_log_failure(log, NGX_LOG_ERR,
                                 "mds depot \"%V\": the state cannot be"
                                 " written: %s",
                                 path, commit->err.text);
        return;
    }

    ngx_http_mds_commit_log_halts(commit);

    if (commit->err.status != MDS_OK) {
        ngx_http_mds_log_failure(log, NGX_LOG_ERR,
                                 "mds depot \"%V\": a record of the state"
                                 " cannot be written: %s",
                                 path, commit->err.text);
    }

    if (queue->late) {
        queue->late = 0;
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "mds depot \"%V\": the state is written again", path);
    }
}

/* Copies the results to the requests that still wait. */
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
                write_req->writes[k].admission.verdict
                    = write[k].admission.verdict;
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
        ngx_http_mds_env_quarantine(&queue->depot->state);
    }

    if (commit->took_ns != 0) {
        ngx_http_mds_count_commit(commit->took_ns);
    }

    ngx_http_mds_commit_log(commit);
    ngx_http_mds_commit_deliver(commit);

    /* The next commit starts before the answers of this one are sent. */
    queue->busy = 0;
    ngx_http_mds_commit_start(queue);

    for (size_t i = 0; i < commit->slot_count; i++) {
        ngx_http_mds_write_req_t *write_req = commit->slots[i].write_req;

        if (write_req != NULL) {
            ngx_http_mds_write_req_finish(write_req);
        }
    }

    ngx_free(commit);
}

/* Creates a commit of the requests that wait, in one piece of memory. */
static ngx_http_mds_commit_t *
ngx_http_mds_commit_create(ngx_http_mds_commit_queue_t *queue)
{
    ngx_http_mds_commit_t *commit;
    size_t                 slots, count, bytes;

    slots = ngx_http_mds_commit_measure(&queue->waiting, &count, &bytes);

    commit = ngx_calloc(sizeof(*commit) + slots * sizeof(*commit->slots)
                            + count * sizeof(*commit->writes) + bytes,
                        ngx_cycle->log);
    if (commit == NULL) {
        return NULL;
    }

    commit->queue = queue;
    commit->state = ngx_http_mds_env_get(&queue->depot->state);
    commit->slots = (ngx_http_mds_slot_t *) (commit + 1);
    commit->writes = (mds_write_t *) (commit->slots + slots);
    ngx_http_mds_commit_fill(commit, slots,
                             (u_char *) (commit->writes + count));

    commit->task.ctx = commit;
    commit->task.handler = ngx_http_mds_commit_run;
    commit->task.event.handler = ngx_http_mds_commit_done;
    commit->task.event.data = commit;
    commit->task.event.log = ngx_cycle->log;

    return commit;
}

void
ngx_http_mds_commit_start(ngx_http_mds_commit_queue_t *queue)
{
    ngx_thread_pool_t     *pool = ngx_http_mds_pool();
    ngx_http_mds_commit_t *commit;

    if (queue->busy || ngx_queue_empty(&queue->waiting)) {
        return;
    }

    commit = ngx_http_mds_commit_create(queue);
    if (commit == NULL) {
        return;
    }

    queue->busy = 1;
    queue->began = ngx_current_msec;

    if (commit->state == NULL || pool == NULL
        || ngx_thread_task_post(pool, &commit->task) != NGX_OK)
    {
        commit->status = mds_fail(&commit->err, MDS_NO_SPACE,
                                  "the state or its thread pool is not"
                                  " available");
        ngx_post_event(&commit->task.event, &ngx_posted_events);
        return;
    }

    ngx_add_timer(&commit->task.event, NGX_HTTP_MDS_COMMIT_MS);
}
