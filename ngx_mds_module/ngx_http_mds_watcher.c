/*
 * One watcher, from its start to its end: a timer says when something has to be
 * sent to it, and a write event, when its client has read.
 */

#include "ngx_http_mds_watch.h"

#include "ngx_http_mds_counters.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_json.h"
#include "ngx_http_mds_respond.h"

/* Of this process. */
static ngx_uint_t ngx_http_mds_watchers;

static void ngx_http_mds_watcher_run(ngx_http_mds_watcher_t *watcher);
static void ngx_http_mds_watcher_on_timer(ngx_event_t *event);
static void ngx_http_mds_watcher_leave(ngx_http_mds_watcher_t *watcher);

ngx_uint_t
ngx_http_mds_watcher_count(void)
{
    return ngx_http_mds_watchers;
}

/* Returns the time until at, or 0 if it has come. */
static ngx_msec_t
ngx_http_mds_msec_until(ngx_msec_t at)
{
    ngx_msec_int_t left = (ngx_msec_int_t) (at - ngx_current_msec);

    return left > 0 ? (ngx_msec_t) left : 0;
}

static void
ngx_http_mds_watcher_arm(ngx_http_mds_watcher_t *watcher)
{
    ngx_msec_t left = ngx_http_mds_msec_until(watcher->end_at);

    if (watcher->is_due && !watcher->is_blocked) {
        left = ngx_min(left, ngx_http_mds_msec_until(watcher->due_at));
    }

    /* nginx leaves a timer that is set to almost the same time. */
    if (watcher->timer.timer_set) {
        ngx_del_timer(&watcher->timer);
    }

    ngx_add_timer(&watcher->timer, left);
}

void
ngx_http_mds_watcher_notify(ngx_http_mds_watcher_t *watcher)
{
    uint64_t spread_ms = (uint64_t) watcher->topic->spread_s * 1000;

    if (watcher->is_due || watcher->answer == watcher->told) {
        return;
    }

    watcher->is_due = 1;
    watcher->due_at
        = ngx_current_msec + (ngx_msec_t) (watcher->place * spread_ms >> 32);

    if (watcher->due_at == ngx_current_msec) {
        ngx_http_mds_watcher_on_timer(&watcher->timer);
    } else {
        ngx_http_mds_watcher_arm(watcher);
    }
}

/* Handles that the connection can be written to. */
static void
ngx_http_mds_watcher_on_write(ngx_http_request_t *r)
{
    ngx_connection_t       *c = r->connection;
    ngx_http_mds_ctx_t     *ctx = ngx_http_mds_find_ctx(r);
    ngx_http_mds_watcher_t *watcher = ctx->watcher;

    if (!watcher->is_blocked) {
        return;
    }

    if (c->write->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT, "client timed out");
        c->timedout = 1;
        ngx_http_finalize_request(watcher->r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (ngx_http_mds_stream_flush(watcher) != NGX_OK) {
        ngx_http_finalize_request(watcher->r, NGX_ERROR);
        return;
    }

    if (!watcher->is_blocked) {
        ngx_http_mds_watcher_run(watcher);
    }
}

/* Takes the watcher out before the end of its request is sent, which may need
 * some time; nothing follows it. */
static void
ngx_http_mds_watcher_close(ngx_http_mds_watcher_t *watcher)
{
    ngx_http_mds_watcher_leave(watcher);
    watcher->r->write_event_handler = ngx_http_request_empty_handler;
}

/* Answers a long poll: with the serial, or with 204 if there is nothing. */
static void
ngx_http_mds_watcher_respond(ngx_http_mds_watcher_t *watcher,
                             ngx_uint_t              changed)
{
    ngx_http_request_t     *r = watcher->r;
    ngx_http_mds_ctx_t     *ctx = ngx_http_mds_find_ctx(r);
    ngx_http_mds_response_t response = { .type = &ngx_http_mds_json_type };
    size_t                  len = sizeof("{\"serial\":}") - 1 + NGX_INT64_LEN;
    u_char                 *p;

    ngx_http_mds_set_serial(ctx, watcher->topic->set->depot->serial);
    ngx_http_mds_watcher_close(watcher);

    if (changed) {
        p = ngx_pnalloc(r->pool, len);
        if (p == NULL) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        response.body.data = p;
        response.body.len
            = ngx_slprintf(p, p + len, "{\"serial\":%V}", &ctx->serial) - p;
    }

    ngx_http_finalize_request(r, ngx_http_mds_respond(r, &response));
}

/* Sends bytes, and sets the timer for the next; the request may be gone
 * afterwards. */
static void
ngx_http_mds_watcher_send(ngx_http_mds_watcher_t *watcher, const u_char *text,
                          size_t len)
{
    if (ngx_http_mds_stream_send(watcher, text, len) != NGX_OK) {
        ngx_http_finalize_request(watcher->r, NGX_ERROR);
        return;
    }

    ngx_http_mds_watcher_arm(watcher);
}

/* Sends what is due, and sets the timer for the next. */
static void
ngx_http_mds_watcher_run(ngx_http_mds_watcher_t *watcher)
{
    ngx_http_mds_loc_conf_t *mlcf;
    u_char                   text[NGX_HTTP_MDS_STREAM_BYTES], *p = text;
    ngx_uint_t               ended;

    mlcf = ngx_http_get_module_loc_conf(watcher->r, ngx_http_mds_module);
    ended = ngx_http_mds_msec_until(watcher->end_at) == 0;

    /* The client learns nothing new while it does not read. */
    if (watcher->is_blocked) {
        watcher->end_at = ngx_current_msec + mlcf->watch_ping;
        ngx_http_mds_watcher_arm(watcher);
        return;
    }

    if (watcher->is_due && ngx_http_mds_msec_until(watcher->due_at) == 0) {
        watcher->is_due = 0;

        /* It may have changed back meanwhile. */
        if (watcher->answer != watcher->told) {
            watcher->told = watcher->answer;

            if (watcher->is_waiting) {
                ngx_http_mds_watcher_respond(watcher, 1);
                return;
            }

            p = ngx_http_mds_stream_event(watcher, p, text + sizeof(text));
        }
    }

    if (ended && watcher->is_waiting) {
        ngx_http_mds_watcher_respond(watcher, 0);
        return;
    }

    if (ended && p == text) {
        p = ngx_cpymem(p, ":\n\n", sizeof(":\n\n") - 1);
    }

    if (p == text) {
        ngx_http_mds_watcher_arm(watcher);
        return;
    }

    watcher->end_at = ngx_current_msec + mlcf->watch_ping;
    ngx_http_mds_watcher_send(watcher, text, p - text);
}

static void
ngx_http_mds_watcher_on_timer(ngx_event_t *event)
{
    ngx_http_mds_watcher_t *watcher = event->data;
    ngx_connection_t       *c = watcher->r->connection;

    /* The client has gone, and the request goes on without it. */
    if (watcher->r->post_action) {
        ngx_http_mds_watcher_leave(watcher);
        return;
    }

    ngx_http_set_log_request(c->log, watcher->r);
    ngx_http_mds_watcher_run(watcher);
    ngx_http_run_posted_requests(c);
}

/* Sends the last bytes of a stream: the time to come back. */
static void
ngx_http_mds_watcher_send_last(ngx_http_mds_watcher_t *watcher)
{
    u_char  text[NGX_HTTP_MDS_STREAM_BYTES];
    u_char *end = ngx_http_mds_stream_retry(watcher, text, text + sizeof(text));

    ngx_http_mds_watcher_close(watcher);
    ngx_http_finalize_request(watcher->r,
                              ngx_http_mds_stream_send_last(watcher, text,
                                                            end - text));
}

void
ngx_http_mds_watcher_end(ngx_http_mds_watcher_t *watcher)
{
    ngx_connection_t *c = watcher->r->connection;

    ngx_http_set_log_request(c->log, watcher->r);

    if (watcher->is_waiting) {
        ngx_http_mds_watcher_respond(watcher, 0);

    } else if (watcher->is_blocked) {
        ngx_http_finalize_request(watcher->r, NGX_ERROR);

    } else {
        ngx_http_mds_watcher_send_last(watcher);
    }

    ngx_http_run_posted_requests(c);
}

/* Takes the watcher out of its topic; called again, it does nothing. */
static void
ngx_http_mds_watcher_leave(ngx_http_mds_watcher_t *watcher)
{
    if (watcher->topic == NULL) {
        return;
    }

    if (watcher->timer.timer_set) {
        ngx_del_timer(&watcher->timer);
    }

    ngx_http_mds_topic_remove(watcher);
    ngx_http_mds_count_watchers(--ngx_http_mds_watchers);
}

static void
ngx_http_mds_watcher_cleanup(void *data)
{
    ngx_http_mds_watcher_leave(data);
    ngx_http_mds_stream_free(data);
}

/* Lets the watcher take part, until its request ends. */
static ngx_int_t
ngx_http_mds_watcher_join(ngx_http_mds_watcher_t *watcher,
                          const mds_request_t    *request)
{
    ngx_http_request_t   *r = watcher->r;
    ngx_http_cleanup_t   *cleanup = ngx_http_cleanup_add(r, 0);
    ngx_http_mds_topic_t *topic;

    if (cleanup == NULL
        || ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    topic = ngx_http_mds_topic_get(ngx_http_mds_get_depot(r), request);
    if (topic == NULL) {
        return NGX_ERROR;
    }

    cleanup->handler = ngx_http_mds_watcher_cleanup;
    cleanup->data = watcher;
    ngx_http_mds_find_ctx(r)->watcher = watcher;

    watcher->cycle = (ngx_cycle_t *) ngx_cycle;
    watcher->timer.handler = ngx_http_mds_watcher_on_timer;
    watcher->timer.data = watcher;
    watcher->timer.log = r->connection->log;
    ngx_http_mds_topic_add(topic, watcher);
    ngx_http_mds_count_watchers(++ngx_http_mds_watchers);

    /* A body that is still discarded has a handler. */
    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_mds_watcher_on_write;
    r->main->count++;

    return NGX_OK;
}

/* Sends the first bytes of a stream: the time to come back, and the first event
 * if it is due. */
static void
ngx_http_mds_watcher_send_first(ngx_http_mds_watcher_t *watcher)
{
    u_char  text[NGX_HTTP_MDS_STREAM_BYTES];
    u_char *end = text + sizeof(text);
    u_char *p = ngx_http_mds_stream_retry(watcher, text, end);

    if (watcher->is_due) {
        watcher->is_due = 0;
        p = ngx_http_mds_stream_event(watcher, p, end);
    }

    ngx_http_mds_watcher_send(watcher, text, p - text);
}

ngx_int_t
ngx_http_mds_watcher_start(ngx_http_mds_watcher_t *watcher,
                           const mds_request_t *request, ngx_msec_t wait)
{
    ngx_http_request_t      *r = watcher->r;
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    ngx_int_t rc;

    watcher->end_at
        = ngx_current_msec + (watcher->is_waiting ? wait : mlcf->watch_ping);

    if (!watcher->is_waiting) {
        rc = ngx_http_mds_stream_open(r);
        if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
            return rc;
        }
    }

    if (ngx_http_mds_watcher_join(watcher, request) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!watcher->is_waiting) {
        ngx_http_mds_watcher_send_first(watcher);

    } else if (watcher->is_due || r->header_only || r->method == NGX_HTTP_HEAD)
    {
        ngx_http_mds_watcher_respond(watcher, watcher->is_due);

    } else {
        ngx_http_mds_watcher_arm(watcher);
    }

    return NGX_DONE;
}
