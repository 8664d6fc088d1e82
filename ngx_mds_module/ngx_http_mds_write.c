/*
 * Writes to the state: a worker queues what its requests ask for, and a thread
 * of the pool writes all that has gathered in one durable transaction, while
 * the next batch gathers. The event loop never waits; a batch owns copies of
 * all it needs, so that a client may leave in the meantime.
 *
 * A disk, or another process that holds the state's lock, may take its time.
 * No request waits longer than it was told to: it is answered 503, and what
 * it asked for is left to come to its end, or is dropped if it has not begun.
 */

#include "ngx_http_mds_module.h"

#include "base/mds_time.h"

/* Without a timer, a worker that is to go would not wait for its thread. */
#define NGX_HTTP_MDS_BATCH_MS 60000

/* Until memory for a batch is asked for again. */
#define NGX_HTTP_MDS_RETRY_MS 50

/* Of one transaction; what is more waits for the next. */
#define NGX_HTTP_MDS_BATCH_WRITES 1024

/* So many requests may wait; and half as many as there are connections, once a
 * batch is slow: others need some, too. */
#define NGX_HTTP_MDS_WAITING_MAX 10000
#define NGX_HTTP_MDS_SLOW_MS 1000

typedef struct {
    ngx_http_mds_ticket_t *ticket; /* NULL: its client has left */
    size_t                 count;  /* of its writes */
} ngx_http_mds_seat_t;

struct ngx_http_mds_batch_s {
    ngx_thread_task_t     task;
    ngx_http_mds_queue_t *queue;
    mds_state_t          *state;
    ngx_http_mds_seat_t  *seats;
    size_t                seat_count;
    mds_write_t          *writes; /* of all seats, in order */
    size_t                count;
    mds_status_t          status;
    mds_error_t           err;
};

struct ngx_http_mds_queue_s {
    ngx_queue_t           waiting; /* ngx_http_mds_ticket_t */
    ngx_http_mds_depot_t *depot;
    ngx_uint_t            busy;    /* a batch is in its thread */
    ngx_msec_t            began;   /* when it went there */
    ngx_uint_t            tickets; /* that wait, or are in the batch */
    ngx_uint_t            late;    /* some were given up, and that was logged */
    mds_status_t          failed;  /* as it was logged last */
    ngx_uint_t            damaged; /* a record is, and that was logged */
    ngx_event_t           retry;
};

static ngx_str_t ngx_http_mds_pool_name = ngx_string("default");

static void ngx_http_mds_queue_run(ngx_http_mds_queue_t *queue);
static void ngx_http_mds_queue_retry(ngx_event_t *event);
static void ngx_http_mds_ticket_timeout(ngx_event_t *event);

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

/* The ticket waits for nothing any more; its writes stand, if they are under
 * way. */
static void
ngx_http_mds_ticket_leave(ngx_http_mds_ticket_t *ticket)
{
    ngx_http_mds_batch_t *batch = ticket->batch;

    if (ticket->pending == NULL) {
        return;
    }

    ticket->pending->tickets--;
    ticket->pending = NULL;
    ticket->batch = NULL;

    if (ticket->timeout.timer_set) {
        ngx_del_timer(&ticket->timeout);
    }

    if (ticket->timeout.posted) {
        ngx_delete_posted_event(&ticket->timeout);
    }

    if (ticket->queue.next != NULL) {
        ngx_queue_remove(&ticket->queue);
        ticket->queue.next = NULL;
    }

    for (size_t i = 0; batch != NULL && i < batch->seat_count; i++) {
        if (batch->seats[i].ticket == ticket) {
            batch->seats[i].ticket = NULL;
        }
    }
}

static void
ngx_http_mds_ticket_cleanup(void *data)
{
    ngx_http_mds_ticket_leave(data);
}

static void
ngx_http_mds_ticket_fail(ngx_http_mds_ticket_t *ticket, mds_status_t status)
{
    ngx_http_mds_ticket_leave(ticket);

    for (size_t i = 0; i < ticket->count; i++) {
        ticket->writes[i].status = status;
    }

    ticket->done(ticket);
}

/* One line when requests begin to be given up, not one for each. */
static void
ngx_http_mds_ticket_timeout(ngx_event_t *event)
{
    ngx_http_mds_ticket_t *ticket = event->data;
    ngx_http_mds_queue_t  *queue = ticket->pending;

    if (!queue->late) {
        queue->late = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": a write of the state takes longer"
                      " than %M ms: requests that need it are answered 503",
                      ngx_http_mds_depot_path(queue->depot),
                      ngx_current_msec - queue->began);
    }

    ngx_http_mds_ticket_fail(ticket, MDS_AGAIN);
}

static ngx_http_mds_queue_t *
ngx_http_mds_queue(ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_queue_t **queue = ngx_http_mds_depot_queue(depot);

    if (*queue == NULL) {
        *queue = ngx_calloc(sizeof(**queue), ngx_cycle->log);
        if (*queue == NULL) {
            return NULL;
        }

        ngx_queue_init(&(*queue)->waiting);
        (*queue)->depot = depot;
        (*queue)->retry.handler = ngx_http_mds_queue_retry;
        (*queue)->retry.data = *queue;
    }

    return *queue;
}

void
ngx_http_mds_queue_free(ngx_http_mds_queue_t *queue)
{
    if (queue != NULL && queue->retry.timer_set) {
        ngx_del_timer(&queue->retry);
    }

    ngx_free(queue);
}

static ngx_uint_t
ngx_http_mds_queue_is_full(const ngx_http_mds_queue_t *queue)
{
    ngx_uint_t slow
        = queue->busy && ngx_current_msec - queue->began > NGX_HTTP_MDS_SLOW_MS;

    return queue->tickets > NGX_HTTP_MDS_WAITING_MAX
           || (slow && queue->tickets > ngx_cycle->connection_n / 2);
}

ngx_int_t
ngx_http_mds_write_state(ngx_http_mds_depot_t  *depot,
                         ngx_http_mds_ticket_t *ticket)
{
    ngx_http_request_t      *r = ticket->r;
    ngx_http_mds_queue_t    *queue = ngx_http_mds_queue(depot);
    ngx_pool_cleanup_t      *cleanup = ngx_pool_cleanup_add(r->pool, 0);
    ngx_http_mds_loc_conf_t *mlcf;

    if (queue == NULL || cleanup == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    cleanup->handler = ngx_http_mds_ticket_cleanup;
    cleanup->data = ticket;

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    ticket->timeout.handler = ngx_http_mds_ticket_timeout;
    ticket->timeout.data = ticket;
    ticket->timeout.log = ngx_cycle->log;
    ticket->pending = queue;
    queue->tickets++;

    /* There is nothing to wait for: it is answered from the event loop. */
    if (ngx_http_mds_queue_is_full(queue)) {
        ngx_post_event(&ticket->timeout, &ngx_posted_events);
        return NGX_DONE;
    }

    ngx_add_timer(&ticket->timeout, mlcf->state_timeout);
    ngx_queue_insert_tail(&queue->waiting, &ticket->queue);

    if (!queue->busy) {
        ngx_http_mds_queue_run(queue);
    }

    return NGX_DONE;
}

/* How many tickets from the head fit, and what they need. */
static size_t
ngx_http_mds_queue_measure(ngx_http_mds_queue_t *queue, size_t *count,
                           size_t *bytes)
{
    size_t tickets = 0;

    *count = 0;
    *bytes = 0;

    for (ngx_queue_t *q = ngx_queue_head(&queue->waiting);
         q != ngx_queue_sentinel(&queue->waiting); q = ngx_queue_next(q))
    {
        ngx_http_mds_ticket_t *ticket
            = ngx_queue_data(q, ngx_http_mds_ticket_t, queue);

        if (tickets > 0 && *count + ticket->count > NGX_HTTP_MDS_BATCH_WRITES) {
            break;
        }

        tickets++;
        *count += ticket->count;

        for (size_t i = 0; i < ticket->count; i++) {
            *bytes += mds_write_bytes(&ticket->writes[i]);
        }
    }

    return tickets;
}

static void
ngx_http_mds_batch_take(ngx_http_mds_batch_t *batch, size_t tickets, u_char *p)
{
    ngx_queue_t *waiting = &batch->queue->waiting;

    for (; tickets > 0; tickets--) {
        ngx_queue_t           *q = ngx_queue_head(waiting);
        ngx_http_mds_ticket_t *ticket
            = ngx_queue_data(q, ngx_http_mds_ticket_t, queue);

        /* There are as many tickets as were counted a moment ago. */
        ngx_queue_remove(q); /* NOLINT(clang-analyzer-core.NullDereference) */
        ticket->queue.next = NULL;
        ticket->batch = batch;
        batch->seats[batch->seat_count++]
            = (ngx_http_mds_seat_t){ ticket, ticket->count };

        for (size_t i = 0; i < ticket->count; i++) {
            p = mds_write_copy(&ticket->writes[i], p,
                               &batch->writes[batch->count++]);
        }
    }
}

static void
ngx_http_mds_batch_try(void *data)
{
    ngx_http_mds_batch_t *batch = data;

    batch->status = mds_state_write(batch->state, batch->writes, batch->count,
                                    mds_time_now_ms(), &batch->err);
}

static void
ngx_http_mds_batch_abandon(void *data)
{
    ngx_http_mds_batch_t *batch = data;

    mds_state_abort_write(batch->state);
}

/* In a thread: the batch is all that it may touch. */
static void
ngx_http_mds_batch_write(void *data, ngx_log_t *log)
{
    ngx_http_mds_batch_t *batch = data;

    (void) log;

    if (mds_fault_guard_call(ngx_http_mds_batch_try, batch)) {
        return;
    }

    /* Other writers wait for the lock that it holds. */
    (void) mds_fault_guard_call(ngx_http_mds_batch_abandon, batch);
    batch->status
        = mds_fail(&batch->err, MDS_DAMAGED, "a page of it cannot be read");
}

/* One line for each change of what fails, not one for each batch. */
static void
ngx_http_mds_batch_log(ngx_http_mds_batch_t *batch)
{
    ngx_http_mds_queue_t *queue = batch->queue;

    if (batch->status != MDS_OK && queue->failed != batch->status) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": the state cannot be written: %s",
                      ngx_http_mds_depot_path(queue->depot), batch->err.text);
    }

    queue->failed = batch->status;

    if (batch->status == MDS_OK && batch->err.status != MDS_OK
        && !queue->damaged) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": a record of the state cannot be"
                      " written: %s",
                      ngx_http_mds_depot_path(queue->depot), batch->err.text);
        queue->damaged = 1;
    }
}

/* Results go to the tickets that are still there. */
static void
ngx_http_mds_batch_hand_out(ngx_http_mds_batch_t *batch)
{
    mds_write_t *write = batch->writes;

    for (size_t i = 0; i < batch->seat_count; i++) {
        ngx_http_mds_ticket_t *ticket = batch->seats[i].ticket;

        for (size_t k = 0; ticket != NULL && k < ticket->count; k++) {
            ticket->writes[k].status
                = batch->status != MDS_OK ? batch->status : write[k].status;

            if (write[k].type == MDS_WRITE_ADMISSION) {
                ticket->writes[k].admission.admitted
                    = write[k].admission.admitted;
            }
        }

        write += batch->seats[i].count;
    }
}

static void
ngx_http_mds_batch_done(ngx_event_t *event)
{
    ngx_http_mds_batch_t *batch = event->data;
    ngx_http_mds_queue_t *queue = batch->queue;

    if (event->timedout) {
        event->timedout = 0;
        ngx_add_timer(event, NGX_HTTP_MDS_BATCH_MS);
        return;
    }

    if (event->timer_set) {
        ngx_del_timer(event);
    }

    if (batch->status == MDS_DAMAGED) {
        ngx_http_mds_depot_suspect(queue->depot);
    }

    ngx_http_mds_batch_log(batch);
    ngx_http_mds_batch_hand_out(batch);

    if (queue->late && batch->status == MDS_OK) {
        queue->late = 0;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": the state is written again",
                      ngx_http_mds_depot_path(queue->depot));
    }

    /* The next batch is under way before the answers of this one go out. */
    queue->busy = 0;
    ngx_http_mds_queue_run(queue);

    for (size_t i = 0; i < batch->seat_count; i++) {
        ngx_http_mds_ticket_t *ticket = batch->seats[i].ticket;

        if (ticket != NULL) {
            ngx_http_mds_ticket_leave(ticket);
            ticket->done(ticket);
        }
    }

    ngx_free(batch);
}

/* One piece of memory for the batch and all that it points to. */
static ngx_http_mds_batch_t *
ngx_http_mds_batch_create(ngx_http_mds_queue_t *queue)
{
    ngx_http_mds_batch_t *batch;
    size_t                count, bytes;
    size_t tickets = ngx_http_mds_queue_measure(queue, &count, &bytes);

    batch = ngx_calloc(sizeof(*batch) + tickets * sizeof(*batch->seats)
                           + count * sizeof(*batch->writes) + bytes,
                       ngx_cycle->log);
    if (batch == NULL) {
        return NULL;
    }

    batch->queue = queue;
    batch->seats = (ngx_http_mds_seat_t *) (batch + 1);
    batch->writes = (mds_write_t *) (batch->seats + tickets);
    ngx_http_mds_batch_take(batch, tickets, (u_char *) (batch->writes + count));

    batch->task.ctx = batch;
    batch->task.handler = ngx_http_mds_batch_write;
    batch->task.event.handler = ngx_http_mds_batch_done;
    batch->task.event.data = batch;
    batch->task.event.log = ngx_cycle->log;

    return batch;
}

/* Starts the next batch, if anybody waits. */
static void
ngx_http_mds_queue_run(ngx_http_mds_queue_t *queue)
{
    ngx_thread_pool_t    *pool;
    ngx_http_mds_batch_t *batch;

    if (ngx_queue_empty(&queue->waiting)) {
        return;
    }

    batch = ngx_http_mds_batch_create(queue);
    if (batch == NULL) {
        queue->retry.log = ngx_cycle->log;
        ngx_add_timer(&queue->retry, NGX_HTTP_MDS_RETRY_MS);
        return;
    }

    queue->busy = 1;
    queue->began = ngx_current_msec;
    batch->state = ngx_http_mds_depot_state(queue->depot);
    pool = ngx_http_mds_pool();

    if (batch->state == NULL || pool == NULL
        || ngx_thread_task_post(pool, &batch->task) != NGX_OK)
    {
        batch->status = mds_fail(&batch->err, MDS_NO_SPACE,
                                 "the state or its thread pool is not to be"
                                 " had");
        ngx_post_event(&batch->task.event, &ngx_posted_events);
        return;
    }

    ngx_add_timer(&batch->task.event, NGX_HTTP_MDS_BATCH_MS);
}

/* Where there is no memory even now, nobody is kept waiting for it. */
static void
ngx_http_mds_queue_retry(ngx_event_t *event)
{
    ngx_http_mds_queue_t *queue = event->data;
    ngx_queue_t           waiting;

    if (!queue->busy) {
        ngx_http_mds_queue_run(queue);
    }

    if (queue->busy || ngx_queue_empty(&queue->waiting)) {
        return;
    }

    ngx_queue_init(&waiting);
    ngx_queue_add(&waiting, &queue->waiting);
    ngx_queue_init(&queue->waiting);

    while (!ngx_queue_empty(&waiting)) {
        ngx_http_mds_ticket_fail(ngx_queue_data(ngx_queue_head(&waiting),
                                                ngx_http_mds_ticket_t, queue),
                                 MDS_NO_MEMORY);
    }
}

ngx_uint_t
ngx_http_mds_queue_is_busy(ngx_http_mds_queue_t *queue)
{
    return queue != NULL && (queue->busy || !ngx_queue_empty(&queue->waiting));
}
