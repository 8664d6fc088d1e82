/*
 * Admissions by the fleet. All that the requests of one turn of the event loop
 * ask goes to the agent in one frame. What it grants is written to the state
 * before the device is told, so that the edge knows it for good; what comes too
 * late is in the database, and comes back by the feed.
 */

#include "ngx_http_mds_fleet_internal.h"

/* Takes a request out of the queue that it is in. */
static void
ngx_http_mds_fleet_take(ngx_http_mds_write_req_t *write_req)
{
    ngx_queue_remove(&write_req->link);
    write_req->link.next = NULL;
}

/* Answers a request that was not asked for in time. */
static void
ngx_http_mds_fleet_set_unknown(ngx_http_mds_write_req_t *write_req)
{
    for (size_t i = 0; i < write_req->count; i++) {
        write_req->writes[i].status = MDS_OK;
        write_req->writes[i].admission.admitted = false;
        write_req->writes[i].admission.verdict = MDS_VERDICT_UNKNOWN;
    }
}

static void
ngx_http_mds_fleet_give_up_queue(ngx_queue_t *queue)
{
    ngx_queue_t all;

    if (ngx_queue_empty(queue)) {
        return;
    }

    /* An answer may let the next request of its connection ask. */
    ngx_queue_init(&all);
    ngx_queue_add(&all, queue);
    ngx_queue_init(queue);

    while (!ngx_queue_empty(&all)) {
        ngx_http_mds_write_req_t *write_req
            = ngx_queue_data(ngx_queue_head(&all), ngx_http_mds_write_req_t,
                             link);

        ngx_http_mds_fleet_take(write_req);
        ngx_http_mds_fleet_set_unknown(write_req);
        ngx_http_mds_write_req_finish(write_req);
    }
}

void
ngx_http_mds_fleet_give_up(ngx_http_mds_fleet_t *fleet)
{
    ngx_http_mds_fleet_give_up_queue(&fleet->asked);
    ngx_http_mds_fleet_give_up_queue(&fleet->asking);
}

/* Answers a request whose budget is used up. Until the agent answers, nothing
 * else is asked. */
static void
ngx_http_mds_fleet_timeout(ngx_event_t *event)
{
    ngx_http_mds_write_req_t *write_req = event->data;
    ngx_http_mds_fleet_t     *fleet = write_req->queue->depot->fleet;

    if (write_req->frame != 0 && fleet->late == 0 && fleet->connection != NULL)
    {
        fleet->late = ngx_max(ngx_current_msec, 1);
    }

    ngx_http_mds_fleet_set_unknown(write_req);
    ngx_http_mds_write_req_finish(write_req);
}

/* Returns a free place for the next ADMIT; NULL: too many are on their way. */
static ngx_http_mds_fleet_frame_t *
ngx_http_mds_fleet_free_frame(ngx_http_mds_fleet_t *fleet)
{
    for (size_t i = 0; i < NGX_HTTP_MDS_FLEET_FRAMES; i++) {
        if (fleet->frames[i].number == 0) {
            return &fleet->frames[i];
        }
    }

    return NULL;
}

/* Adds the admissions of a request to the frame, all or none. */
static ngx_int_t
ngx_http_mds_fleet_add(mds_frame_writer_t       *frame,
                       ngx_http_mds_write_req_t *write_req)
{
    mds_frame_writer_t added = *frame;

    for (size_t i = 0; i < write_req->count; i++) {
        const mds_admission_t  *admission = &write_req->writes[i].admission;
        const mds_frame_admit_t admit = { .window = admission->window,
                                          .id = admission->id,
                                          .limit = admission->limit,
                                          .until_ms = admission->until_ms };

        if (!mds_frame_add_admit(&added, &admit)) {
            return NGX_DECLINED;
        }
    }

    write_req->first = frame->count;
    *frame = added;

    return NGX_OK;
}

/* Sends one ADMIT of as many requests as it takes. NGX_DECLINED: it cannot be
 * sent now. */
static ngx_int_t
ngx_http_mds_fleet_ask_some(ngx_http_mds_fleet_t *fleet)
{
    ngx_http_mds_fleet_frame_t *place = ngx_http_mds_fleet_free_frame(fleet);
    size_t                      size = 0;
    u_char                     *room = ngx_http_mds_fleet_room(fleet, &size);
    mds_frame_writer_t          frame;

    if (place == NULL || room == NULL) {
        return NGX_DECLINED;
    }

    fleet->number = fleet->number == UINT32_MAX ? 1 : fleet->number + 1;
    frame = mds_frame_begin(MDS_FRAME_ADMIT, fleet->number, room, size);

    while (!ngx_queue_empty(&fleet->asking)) {
        ngx_queue_t              *q = ngx_queue_head(&fleet->asking);
        ngx_http_mds_write_req_t *write_req
            = ngx_queue_data(q, ngx_http_mds_write_req_t, link);

        if (ngx_http_mds_fleet_add(&frame, write_req) != NGX_OK) {
            break;
        }

        ngx_http_mds_fleet_take(write_req);
        write_req->frame = fleet->number;
        ngx_queue_insert_tail(&fleet->asked, &write_req->link);
    }

    if (frame.count == 0) {
        return NGX_DECLINED;
    }

    place->number = fleet->number;
    place->count = frame.count;
    ngx_http_mds_fleet_send(fleet, mds_frame_end(&frame));

    return NGX_OK;
}

void
ngx_http_mds_fleet_ask_handler(ngx_event_t *event)
{
    ngx_http_mds_fleet_t *fleet = event->data;

    while (!ngx_queue_empty(&fleet->asking)) {
        if (!ngx_http_mds_fleet_is_reachable(fleet)
            || ngx_http_mds_fleet_ask_some(fleet) != NGX_OK)
        {
            ngx_http_mds_fleet_give_up_queue(&fleet->asking);
            return;
        }
    }
}

ngx_int_t
ngx_http_mds_fleet_admit(ngx_http_mds_depot_t     *depot,
                         ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_fleet_t    *fleet = depot->fleet;
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_msec_t               budget;

    if (!ngx_http_mds_fleet_is_reachable(fleet)) {
        ngx_http_mds_fleet_set_unknown(write_req);
        return write_req->done(write_req);
    }

    mlcf = ngx_http_get_module_loc_conf(write_req->r, ngx_http_mds_module);
    budget = ngx_min(mlcf->state_timeout,
                     (ngx_msec_t) NGX_HTTP_MDS_FLEET_BUDGET_MS);

    if (ngx_http_mds_write_wait(depot, write_req, ngx_http_mds_fleet_timeout,
                                budget)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (write_req->timeout.timer_set) {
        ngx_queue_insert_tail(&fleet->asking, &write_req->link);
        ngx_post_event(&fleet->ask, &ngx_posted_events);
    }

    return NGX_DONE;
}

/* Gives a request its verdicts. What was granted is written; a request for
 * which nothing was is answered at once. */
static void
ngx_http_mds_fleet_give(ngx_http_mds_write_req_t *write_req,
                        const u_char             *verdicts)
{
    ngx_uint_t granted = 0;

    ngx_http_mds_fleet_take(write_req);
    ngx_del_timer(&write_req->timeout);

    for (size_t i = 0; i < write_req->count; i++) {
        write_req->writes[i].status = MDS_OK;
        write_req->writes[i].admission.verdict = verdicts[i];
        granted = granted || verdicts[i] == MDS_VERDICT_YES;
    }

    if (granted) {
        ngx_http_mds_write_enqueue(write_req);
    } else {
        ngx_http_mds_write_req_finish(write_req);
    }
}

/* Finds the ADMIT that the frame answers, which is over then. Gives the
 * verdicts, a byte each. */
static ngx_int_t
ngx_http_mds_fleet_match(ngx_http_mds_fleet_t *fleet, const mds_frame_t *frame,
                         const u_char **verdicts)
{
    mds_frame_list_t list;
    mds_verdict_t    verdict;
    size_t           count;

    if (frame->number == 0 || !mds_frame_read_admitted(frame, &list)) {
        return NGX_ERROR;
    }

    count = list.count;
    *verdicts = list.fields.p;

    while (mds_frame_next_verdict(&list, &verdict)) {
    }

    for (size_t i = 0; i < NGX_HTTP_MDS_FLEET_FRAMES; i++) {
        if (fleet->frames[i].number == frame->number) {
            fleet->frames[i].number = 0;
            return mds_frame_list_is_whole(&list)
                           && fleet->frames[i].count == count
                       ? NGX_OK
                       : NGX_ERROR;
        }
    }

    return NGX_ERROR;
}

/* Moves the requests that wait for the ADMIT to a queue of their own: to answer
 * one may end others, as streams of one connection do. */
static void
ngx_http_mds_fleet_collect(ngx_http_mds_fleet_t *fleet, uint32_t number,
                           ngx_queue_t *answered)
{
    ngx_queue_t *q, *next;

    ngx_queue_init(answered);

    for (q = ngx_queue_head(&fleet->asked);
         q != ngx_queue_sentinel(&fleet->asked); q = next)
    {
        ngx_http_mds_write_req_t *write_req
            = ngx_queue_data(q, ngx_http_mds_write_req_t, link);

        next = ngx_queue_next(q);

        if (write_req->frame == number) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(answered, q);
        }
    }
}

ngx_int_t
ngx_http_mds_fleet_on_admitted(ngx_http_mds_fleet_t *fleet,
                               const mds_frame_t    *frame)
{
    const u_char *verdicts;
    ngx_queue_t   answered;

    if (ngx_http_mds_fleet_match(fleet, frame, &verdicts) != NGX_OK) {
        return NGX_ERROR;
    }

    fleet->late = 0;
    ngx_http_mds_fleet_collect(fleet, frame->number, &answered);

    /* One that ends takes itself out of the queue. */
    while (!ngx_queue_empty(&answered)) {
        ngx_http_mds_write_req_t *write_req
            = ngx_queue_data(ngx_queue_head(&answered),
                             ngx_http_mds_write_req_t, link);

        ngx_http_mds_fleet_give(write_req, verdicts + write_req->first);
    }

    return NGX_OK;
}
