/*
 * Admissions of windows: a worker queues what its requests ask for, and a
 * thread of the pool writes all that has gathered in one durable transaction,
 * while the next batch gathers. The event loop never waits; a batch owns
 * copies of all it needs, so that a client may leave in the meantime.
 */

#include "ngx_http_mds_module.h"

#include <ngx_thread_pool.h>

#include "mds_time.h"

/* Without a timer, a worker that is to go would not wait for its thread. */
#define NGX_HTTP_MDS_BATCH_MS 60000

/* Of one transaction; what is more waits for the next. */
#define NGX_HTTP_MDS_BATCH_ADMISSIONS 1024

typedef struct {
    ngx_http_mds_ticket_t *ticket; /* NULL: its client has left */
    size_t                 count;  /* of its admissions */
} ngx_http_mds_seat_t;

struct ngx_http_mds_batch_s {
    ngx_thread_task_t     task;
    ngx_http_mds_queue_t *queue;
    mds_state_t          *state;
    ngx_http_mds_seat_t  *seats;
    size_t                seat_count;
    mds_admission_t      *admissions; /* of all seats, in order */
    size_t                count;
    mds_status_t          status;
    mds_error_t           err;
};

struct ngx_http_mds_queue_s {
    ngx_queue_t           waiting; /* ngx_http_mds_ticket_t */
    ngx_http_mds_depot_t *depot;
    ngx_uint_t            busy;   /* a batch is in its thread */
    mds_status_t          failed; /* as it was logged last */
};

static ngx_str_t ngx_http_mds_pool_name = ngx_string("default");

static void ngx_http_mds_queue_run(ngx_http_mds_queue_t *queue);

ngx_int_t
ngx_http_mds_admission_init(ngx_conf_t *cf)
{
    return ngx_thread_pool_add(cf, &ngx_http_mds_pool_name) == NULL ? NGX_ERROR
                                                                    : NGX_OK;
}

/* The client has left: its admissions stand, if they are under way. */
static void
ngx_http_mds_ticket_cleanup(void *data)
{
    ngx_http_mds_ticket_t *ticket = data;

    if (ticket->batch == NULL) {
        if (ticket->queue.next != NULL) {
            ngx_queue_remove(&ticket->queue);
        }
        return;
    }

    for (size_t i = 0; i < ticket->batch->seat_count; i++) {
        if (ticket->batch->seats[i].ticket == ticket) {
            ticket->batch->seats[i].ticket = NULL;
        }
    }
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
    }

    return *queue;
}

ngx_int_t
ngx_http_mds_admit(ngx_http_mds_depot_t *depot, ngx_http_mds_ticket_t *ticket)
{
    ngx_http_request_t   *r = ticket->r;
    ngx_http_mds_queue_t *queue = ngx_http_mds_queue(depot);
    ngx_pool_cleanup_t   *cleanup = ngx_pool_cleanup_add(r->pool, 0);

    if (queue == NULL || cleanup == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cleanup->handler = ngx_http_mds_ticket_cleanup;
    cleanup->data = ticket;

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

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

        if (tickets > 0
            && *count + ticket->count > NGX_HTTP_MDS_BATCH_ADMISSIONS) {
            break;
        }

        tickets++;
        *count += ticket->count;

        for (size_t i = 0; i < ticket->count; i++) {
            *bytes += ticket->admissions[i].window.len
                      + ticket->admissions[i].id.len;
        }
    }

    return tickets;
}

static void
ngx_http_mds_copy_view(mds_str_t *view, u_char **p)
{
    u_char *copy = *p;

    *p = ngx_cpymem(copy, view->data, view->len);
    view->data = (char *) copy;
}

static void
ngx_http_mds_batch_take(ngx_http_mds_batch_t *batch, size_t tickets, u_char *p)
{
    ngx_queue_t *waiting = &batch->queue->waiting;

    for (; tickets > 0; tickets--) {
        ngx_queue_t           *q = ngx_queue_head(waiting);
        ngx_http_mds_ticket_t *ticket
            = ngx_queue_data(q, ngx_http_mds_ticket_t, queue);

        ngx_queue_remove(q);
        ticket->batch = batch;
        batch->seats[batch->seat_count++]
            = (ngx_http_mds_seat_t){ ticket, ticket->count };

        for (size_t i = 0; i < ticket->count; i++) {
            mds_admission_t *admission = &batch->admissions[batch->count++];

            *admission = ticket->admissions[i];
            ngx_http_mds_copy_view(&admission->window, &p);
            ngx_http_mds_copy_view(&admission->id, &p);
        }
    }
}

/* In a thread: the batch is all that it may touch. */
static void
ngx_http_mds_batch_write(void *data, ngx_log_t *log)
{
    ngx_http_mds_batch_t *batch = data;

    (void) log;
    batch->status
        = mds_state_admit(batch->state, batch->admissions, batch->count,
                          mds_time_now_ms(), &batch->err);
}

/* One line for each change of what fails, not one for each batch. */
static void
ngx_http_mds_batch_log(ngx_http_mds_batch_t *batch)
{
    if (batch->status != MDS_OK && batch->queue->failed != batch->status) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds: admissions cannot be written: %s", batch->err.text);
    }

    batch->queue->failed = batch->status;
}

/* Results go to the tickets that are still there. */
static void
ngx_http_mds_batch_hand_out(ngx_http_mds_batch_t *batch)
{
    mds_admission_t *admission = batch->admissions;

    for (size_t i = 0; i < batch->seat_count; i++) {
        ngx_http_mds_ticket_t *ticket = batch->seats[i].ticket;

        for (size_t k = 0; ticket != NULL && k < ticket->count; k++) {
            ticket->admissions[k].admitted = admission[k].admitted;
        }

        if (ticket != NULL) {
            ticket->status = batch->status;
        }

        admission += batch->seats[i].count;
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

    ngx_http_mds_batch_log(batch);
    ngx_http_mds_batch_hand_out(batch);

    /* The next batch is under way before the answers of this one go out. */
    queue->busy = 0;
    ngx_http_mds_queue_run(queue);

    for (size_t i = 0; i < batch->seat_count; i++) {
        ngx_http_mds_ticket_t *ticket = batch->seats[i].ticket;

        if (ticket != NULL) {
            ticket->batch = NULL;
            ticket->queue.next = NULL;
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
                           + count * sizeof(*batch->admissions) + bytes,
                       ngx_cycle->log);
    if (batch == NULL) {
        return NULL;
    }

    batch->queue = queue;
    batch->seats = (ngx_http_mds_seat_t *) (batch + 1);
    batch->admissions = (mds_admission_t *) (batch->seats + tickets);
    ngx_http_mds_batch_take(batch, tickets,
                            (u_char *) (batch->admissions + count));

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

    /* Without memory, they wait for the next one that comes. */
    batch = ngx_http_mds_batch_create(queue);
    if (batch == NULL) {
        return;
    }

    queue->busy = 1;
    batch->state = ngx_http_mds_depot_state(queue->depot);
    pool = ngx_thread_pool_get((ngx_cycle_t *) ngx_cycle,
                               &ngx_http_mds_pool_name);

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

ngx_uint_t
ngx_http_mds_queue_is_busy(ngx_http_mds_queue_t *queue)
{
    return queue != NULL && queue->busy;
}
