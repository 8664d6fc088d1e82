/*
 * The feed: what other edges have told the database. Worker 0 writes the
 * entries to the state, some in each commit, each with the position of the feed
 * in the same transaction; then it acknowledges the frame. All workers see them
 * with their next request.
 */

#include "ngx_http_mds_fleet_internal.h"

static void ngx_http_mds_fleet_apply(ngx_http_mds_fleet_t *fleet);

static void
ngx_http_mds_fleet_end_feed(ngx_http_mds_fleet_t *fleet)
{
    ngx_free(fleet->feed.payload);
    fleet->feed.payload = NULL;
}

static void
ngx_http_mds_fleet_acknowledge(ngx_http_mds_fleet_t *fleet, uint64_t position)
{
    size_t  size;
    u_char *room = ngx_http_mds_fleet_room(fleet, &size);

    if (room != NULL) {
        ngx_http_mds_fleet_send(fleet,
                                mds_frame_put_position(MDS_FRAME_FEED_ACK,
                                                       position, room, size));
    }
}

/* Goes on with the next entries, or acknowledges the frame. */
static ngx_int_t
ngx_http_mds_fleet_on_applied(ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_fleet_t *fleet = write_req->data;
    mds_status_t          status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < write_req->count; i++) {
        status = write_req->writes[i].status;

        /* It was logged; the feed goes on without it. */
        if (status == MDS_DAMAGED) {
            status = MDS_OK;
        }
    }

    ngx_free(write_req);

    if (status != MDS_OK) {
        ngx_http_mds_fleet_end_feed(fleet);
        ngx_http_mds_fleet_disconnect(fleet, "its feed cannot be applied");

    } else if (fleet->feed.list.count > 0) {
        ngx_http_mds_fleet_apply(fleet);

    } else {
        uint64_t position = fleet->feed.after;

        ngx_http_mds_fleet_end_feed(fleet);
        ngx_http_mds_fleet_read_state(fleet);
        ngx_http_mds_fleet_forget(fleet);
        ngx_http_mds_fleet_acknowledge(fleet, position);
    }

    return NGX_OK;
}

/* Queues the next entries. A frame without any has the number of the feed's
 * latest entry only. */
static void
ngx_http_mds_fleet_apply(ngx_http_mds_fleet_t *fleet)
{
    ngx_http_mds_fleet_feed_t *feed = &fleet->feed;
    size_t count = ngx_min(feed->list.count, NGX_HTTP_MDS_FLEET_FEED_WRITES);
    ngx_http_mds_write_req_t *write_req
        = ngx_http_mds_write_own_create(ngx_max(count, 1), 0);
    mds_frame_item_t item = { .number = feed->after };

    if (write_req == NULL) {
        ngx_http_mds_fleet_end_feed(fleet);
        ngx_http_mds_fleet_disconnect(fleet, "memory is short");
        return;
    }

    for (size_t i = 0; i < write_req->count; i++) {
        if (count > 0 && !mds_frame_next_item(&feed->list, &item)) {
            break; /* the frame was checked */
        }

        write_req->writes[i].type = MDS_WRITE_FEED_ENTRY;
        write_req->writes[i].feed_entry
            = (mds_feed_entry_t){ .after = feed->after,
                                  .number = item.number,
                                  .last = feed->head.last,
                                  .type = item.type,
                                  .bytes = item.entry };
        feed->after = item.number;
    }

    write_req->done = ngx_http_mds_fleet_on_applied;
    write_req->data = fleet;
    ngx_http_mds_write_own(fleet->depot, write_req);
}

/* Checks that all entries are valid, and that their numbers rise. */
static ngx_int_t
ngx_http_mds_fleet_check_feed(const mds_frame_feed_t *head,
                              mds_frame_list_t        list)
{
    uint64_t          after = head->after;
    mds_frame_item_t  item;
    mds_fleet_entry_t entry;

    while (mds_frame_next_item(&list, &item)) {
        if (item.number <= after
            || !mds_fleet_entry_decode(item.type, item.entry, &entry))
        {
            return NGX_ERROR;
        }

        after = item.number;
    }

    return mds_frame_list_is_whole(&list) && head->last >= after ? NGX_OK
                                                                 : NGX_ERROR;
}

ngx_int_t
ngx_http_mds_fleet_on_feed(ngx_http_mds_fleet_t *fleet,
                           const mds_frame_t    *frame)
{
    ngx_http_mds_fleet_feed_t *feed = &fleet->feed;
    mds_frame_t                copy = *frame;
    mds_frame_feed_t           head;
    mds_frame_list_t           list;

    /* The next one comes after the acknowledgment. */
    if (feed->payload != NULL || !mds_frame_read_feed(frame, &head, &list)
        || ngx_http_mds_fleet_check_feed(&head, list) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* A worker that exits leaves the feed to the one that follows. */
    if (ngx_exiting) {
        return NGX_OK;
    }

    feed->payload = ngx_alloc(frame->payload.len, ngx_cycle->log);
    if (feed->payload == NULL) {
        ngx_http_mds_fleet_disconnect(fleet, "memory is short");
        return NGX_OK;
    }

    ngx_memcpy(feed->payload, frame->payload.data, frame->payload.len);
    copy.payload.data = (const char *) feed->payload;
    (void) mds_frame_read_feed(&copy, &feed->head, &feed->list);
    feed->after = feed->head.after;
    ngx_http_mds_fleet_apply(fleet);

    return NGX_OK;
}
