/*
 * The head of the feed in a worker: it is read again when its file is another
 * one, and sent to the edges that wait.
 */

#include "ngx_http_mds_feed.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "json/mds_json_view.h"

/* How soon a new head is noticed while an edge waits for it. */
#define NGX_HTTP_MDS_FEED_TICK_MS 20

/* The bounds of a head; a signed one has some 700 bytes. */
#define NGX_HTTP_MDS_FEED_HEAD_MAX 65536

/* How often a worker notes that edges follow (mds_feed_is_followed()). */
#define NGX_HTTP_MDS_FEED_NOTE_S 3600

/* A request that waits; in its pool. */
typedef struct {
    ngx_queue_t          link;
    ngx_http_request_t  *r;
    ngx_http_mds_feed_t *feed; /* NULL: it waits no more */
    off_t                serial;
    ngx_cycle_t         *cycle;
    ngx_event_t          timer; /* ends the wait */
} ngx_http_mds_feed_waiter_t;

/* Of this process. */
static ngx_uint_t ngx_http_mds_feed_waiters;

static void ngx_http_mds_feed_tick(ngx_event_t *event);

ngx_uint_t
ngx_http_mds_feed_waiting(void)
{
    return ngx_http_mds_feed_waiters;
}

static ngx_http_mds_feed_t *
ngx_http_mds_feed_create(ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_feed_t *feed = ngx_calloc(sizeof(*feed), ngx_cycle->log);

    if (feed == NULL) {
        return NULL;
    }

    feed->depot = depot;
    ngx_queue_init(&feed->waiters);
    feed->timer.handler = ngx_http_mds_feed_tick;
    feed->timer.data = feed;
    feed->timer.log = ngx_cycle->log;
    feed->timer.cancelable = 1;

    return feed;
}

void
ngx_http_mds_feed_free(ngx_http_mds_feed_t *feed)
{
    if (feed == NULL) {
        return;
    }

    if (feed->timer.timer_set) {
        ngx_del_timer(&feed->timer);
    }

    free(feed->text.data);
    ngx_free(feed);
}

/* Reads the serial in the envelope's payload, which is base64. */
static ngx_int_t
ngx_http_mds_feed_parse(mds_str_t text, uint64_t *serial)
{
    mds_str_t payload, number;
    char     *bytes;
    size_t    len;
    off_t     value = NGX_ERROR;

    if (!mds_json_view_is_string(mds_json_view_member(text, mds_str("payload")),
                                 &payload))
    {
        return NGX_ERROR;
    }

    bytes = malloc(payload.len + 1);
    if (bytes == NULL) {
        return NGX_ERROR;
    }

    if (mds_base64_parse(payload, bytes, payload.len, &len)) {
        number = mds_json_view_member((mds_str_t){ len, bytes },
                                      mds_str("serial"));
        value = ngx_atoof((u_char *) number.data, number.len);
    }

    free(bytes);

    if (value == NGX_ERROR) {
        return NGX_ERROR;
    }

    *serial = (uint64_t) value;
    return NGX_OK;
}

/* Reads the file, which is another one than before. */
static void
ngx_http_mds_feed_load(ngx_http_mds_feed_t *feed, const char *path)
{
    char        *text;
    size_t       len;
    uint64_t     serial = 0;
    mds_error_t  err;
    mds_status_t status
        = mds_file_read_regular(path, NGX_HTTP_MDS_FEED_HEAD_MAX, &err, &text,
                                &len);

    free(feed->text.data);
    ngx_str_null(&feed->text);

    if (status == MDS_OK
        && ngx_http_mds_feed_parse((mds_str_t){ len, text }, &serial) != NGX_OK)
    {
        free(text);
        status = mds_fail(&err, MDS_DAMAGED, "\"%s\" is not a head of the feed",
                          path);
    }

    feed->damaged = status != MDS_OK;

    if (feed->damaged) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "mds depot \"%V\": %s",
                      &feed->depot->path, err.text);
        return;
    }

    feed->text.data = (u_char *) text;
    feed->text.len = len;
    feed->serial = serial;
}

static void
ngx_http_mds_feed_refresh(ngx_http_mds_feed_t *feed)
{
    mds_path_t  path;
    struct stat st;

    if (mds_path(&path, NULL, "%s/feed/head", (char *) feed->depot->path.data)
        != MDS_OK)
    {
        return;
    }

    if (stat(path.text, &st) != 0) {
        free(feed->text.data);
        ngx_str_null(&feed->text);
        feed->inode = 0;
        feed->damaged = 0;
        return;
    }

    if (st.st_ino != feed->inode || st.st_mtim.tv_sec != feed->written.tv_sec
        || st.st_mtim.tv_nsec != feed->written.tv_nsec)
    {
        feed->inode = st.st_ino;
        feed->written = st.st_mtim;
        ngx_http_mds_feed_load(feed, path.text);
    }
}

/* Notes that edges follow this depot, for the loader. It may fail. */
static void
ngx_http_mds_feed_note(ngx_http_mds_feed_t *feed)
{
    mds_path_t path;
    int        fd;

    if (feed->noted != 0 && ngx_time() - feed->noted < NGX_HTTP_MDS_FEED_NOTE_S)
    {
        return;
    }

    feed->noted = ngx_time();

    if (mds_path(&path, NULL, "%s/state/FED", (char *) feed->depot->path.data)
        != MDS_OK)
    {
        return;
    }

    fd = open(path.text,
              O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    if (fd >= 0) {
        (void) futimens(fd, NULL);
        (void) close(fd);
    }
}

ngx_http_mds_feed_t *
ngx_http_mds_feed_get(ngx_http_mds_depot_t *depot)
{
    if (depot->feed == NULL) {
        depot->feed = ngx_http_mds_feed_create(depot);
    }

    if (depot->feed != NULL) {
        ngx_http_mds_feed_refresh(depot->feed);
        ngx_http_mds_feed_note(depot->feed);
    }

    return depot->feed;
}

uint64_t
ngx_http_mds_feed_serial(const ngx_http_mds_feed_t *feed)
{
    return feed->text.len > 0 ? feed->serial : feed->depot->serial;
}

ngx_int_t
ngx_http_mds_feed_respond(ngx_http_request_t *r, ngx_http_mds_feed_t *feed,
                          off_t serial)
{
    ngx_http_mds_response_t response = { .type = &ngx_http_mds_dsse_type };

    if (feed->damaged) {
        return ngx_http_mds_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                   "the head of the feed is damaged: a change"
                                   " with a key, or \"mdsctl head\", makes it"
                                   " anew");
    }

    if (feed->text.len == 0 && serial < 0) {
        return ngx_http_mds_fail(r, MDS_NOT_FOUND,
                                 "there is no head of the feed yet: a change"
                                 " with a key makes it");
    }

    /* The head can be replaced while it is sent. */
    if (feed->text.len > 0 && (serial < 0 || feed->serial > (uint64_t) serial))
    {
        response.body.data = ngx_pnalloc(r->pool, feed->text.len);
        if (response.body.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_memcpy(response.body.data, feed->text.data, feed->text.len);
        response.body.len = feed->text.len;
    }

    return ngx_http_mds_respond(r, &response);
}

/* Takes the waiter out; called again, it does nothing. */
static void
ngx_http_mds_feed_leave(void *data)
{
    ngx_http_mds_feed_waiter_t *waiter = data;

    if (waiter->feed == NULL) {
        return;
    }

    if (waiter->timer.timer_set) {
        ngx_del_timer(&waiter->timer);
    }

    ngx_queue_remove(&waiter->link);
    waiter->feed = NULL;
    ngx_http_mds_feed_waiters--;
}

/* Ends the wait with the head, or with 204. The request may be gone then. */
static void
ngx_http_mds_feed_end(ngx_http_mds_feed_waiter_t *waiter)
{
    ngx_http_request_t  *r = waiter->r;
    ngx_connection_t    *c = r->connection;
    ngx_http_mds_feed_t *feed = waiter->feed;

    ngx_http_mds_feed_leave(waiter);

    /* The client has gone, and the request goes on without it. */
    if (r->post_action) {
        return;
    }

    ngx_http_set_log_request(c->log, r);
    ngx_http_mds_set_serial(ngx_http_mds_find_ctx(r),
                            ngx_http_mds_feed_serial(feed));
    r->write_event_handler = ngx_http_request_empty_handler;
    ngx_http_finalize_request(r, ngx_http_mds_feed_respond(r, feed,
                                                           waiter->serial));
    ngx_http_run_posted_requests(c);
}

static void
ngx_http_mds_feed_on_timer(ngx_event_t *event)
{
    ngx_http_mds_feed_end(event->data);
}

ngx_int_t
ngx_http_mds_feed_wait(ngx_http_request_t *r, ngx_http_mds_feed_t *feed,
                       off_t serial, ngx_msec_t wait)
{
    ngx_http_mds_feed_waiter_t *waiter = ngx_pcalloc(r->pool, sizeof(*waiter));
    ngx_http_cleanup_t         *cleanup = ngx_http_cleanup_add(r, 0);

    if (waiter == NULL || cleanup == NULL
        || ngx_handle_read_event(r->connection->read, 0) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    waiter->r = r;
    waiter->feed = feed;
    waiter->serial = serial;
    waiter->cycle = (ngx_cycle_t *) ngx_cycle;
    waiter->timer.handler = ngx_http_mds_feed_on_timer;
    waiter->timer.data = waiter;
    waiter->timer.log = r->connection->log;
    ngx_add_timer(&waiter->timer, wait);
    ngx_queue_insert_tail(&feed->waiters, &waiter->link);
    ngx_http_mds_feed_waiters++;

    cleanup->handler = ngx_http_mds_feed_leave;
    cleanup->data = waiter;

    /* A body that is still discarded has a handler. */
    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_request_empty_handler;
    r->main->count++;

    if (!feed->timer.timer_set) {
        ngx_add_timer(&feed->timer, NGX_HTTP_MDS_FEED_TICK_MS);
    }

    return NGX_DONE;
}

/* Returns 1 if the wait has to end: there is a later head, or its worker or its
 * configuration is no longer in force. */
static ngx_uint_t
ngx_http_mds_feed_is_due(const ngx_http_mds_feed_waiter_t *waiter)
{
    const ngx_http_mds_feed_t *feed = waiter->feed;

    return ngx_exiting || waiter->cycle != ngx_cycle
           || (feed->text.len > 0 && feed->serial > (uint64_t) waiter->serial);
}

static void
ngx_http_mds_feed_tick(ngx_event_t *event)
{
    ngx_http_mds_feed_t *feed = event->data;
    ngx_queue_t         *q, *next, due;

    event->log = ngx_cycle->log;
    ngx_http_mds_feed_refresh(feed);
    ngx_queue_init(&due);

    /* To answer one may end others: those that are due are taken first. */
    for (q = ngx_queue_head(&feed->waiters);
         q != ngx_queue_sentinel(&feed->waiters); q = next)
    {
        next = ngx_queue_next(q);

        if (ngx_http_mds_feed_is_due(
                ngx_queue_data(q, ngx_http_mds_feed_waiter_t, link)))
        {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&due, q);
        }
    }

    while (!ngx_queue_empty(&due)) {
        ngx_http_mds_feed_end(ngx_queue_data(ngx_queue_head(&due),
                                             ngx_http_mds_feed_waiter_t, link));
    }

    if (!ngx_queue_empty(&feed->waiters)) {
        ngx_add_timer(event, NGX_HTTP_MDS_FEED_TICK_MS);
    }
}
