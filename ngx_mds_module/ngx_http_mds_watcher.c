/*
 * One watcher: its answer, and what is sent to it.
 *
 * There is one buffer, in the watcher. While the client does not read it, no
 * more is written: events that come meanwhile are one event afterwards. A
 * client that reads nothing for send_timeout is closed.
 */

#include "ngx_http_mds_watch.h"

#include "ngx_http_mds_counters.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_json.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_kind.h"
#include "base/mds_siphash.h"
#include "base/mds_time.h"
#include "evaluate/mds_decide.h"
#include "evaluate/mds_settings.h"

/* Of this process. */
static ngx_uint_t ngx_http_mds_watchers;

static void ngx_http_mds_watcher_run(ngx_http_mds_watcher_t *watcher);
static void ngx_http_mds_watcher_on_timer(ngx_event_t *event);
static void ngx_http_mds_watcher_leave(void *data);

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

/* Returns a number for the answer; two answers have the same one by accident
 * only. */
static uint64_t
ngx_http_mds_answer_hash(mds_str_t text)
{
    static const uint8_t key[MDS_SIPHASH_KEY];

    return mds_siphash(key, text);
}

static mds_status_t
ngx_http_mds_watcher_settings(const mds_request_t  *request,
                              const mds_snapshot_t *snapshot, ngx_pool_t *pool,
                              mds_error_t *err, uint64_t *answer)
{
    mds_alloc_t    alloc = { ngx_http_mds_pool_alloc, pool };
    mds_settings_t settings;
    mds_status_t   status;

    status = mds_settings_evaluate(snapshot, request,
                                   mds_request_attr(request, MDS_ATTR_NAME),
                                   mds_time_now_ms(), NULL, &alloc, err,
                                   &settings);
    if (status == MDS_OK) {
        *answer = ngx_http_mds_answer_hash(settings.token);
    }

    return status;
}

mds_status_t
ngx_http_mds_watcher_evaluate(ngx_http_mds_watcher_t *watcher,
                              const mds_request_t    *request,
                              const mds_snapshot_t *snapshot, ngx_pool_t *pool,
                              mds_error_t *err)
{
    mds_str_t        kind = mds_request_attr(request, MDS_ATTR_KIND);
    mds_app_record_t app = { 0 };
    mds_decision_t   decision;
    mds_status_t     status;

    status
        = mds_catalog_app(snapshot->catalog,
                          mds_request_attr(request, MDS_ATTR_APP), err, &app);
    if (status != MDS_OK && status != MDS_NOT_FOUND) {
        return status;
    }

    watcher->app_serial = app.serial;

    if (kind.len == 0) {
        watcher->answer = app.serial;
        return MDS_OK;
    }

    if (mds_str_eq(kind, MDS_KIND_CONFIG)) {
        return ngx_http_mds_watcher_settings(request, snapshot, pool, err,
                                             &watcher->answer);
    }

    status = mds_decide(snapshot, request, mds_time_now_ms(), NULL, err,
                        &decision);
    if (status == MDS_OK) {
        /* The signature is that of this manifest alone. */
        watcher->answer = decision.action == MDS_ACTION_NONE
                              ? 0
                              : ngx_http_mds_answer_hash(decision.signature);
    }

    return status;
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

/* Waits until the client has read what was sent. */
static ngx_int_t
ngx_http_mds_watcher_block(ngx_http_mds_watcher_t *watcher)
{
    ngx_http_request_t       *r = watcher->r;
    ngx_event_t              *write = r->connection->write;
    ngx_http_core_loc_conf_t *clcf
        = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    watcher->is_blocked = 1;

    if (!write->delayed) {
        ngx_add_timer(write, clcf->send_timeout);
    }

    return ngx_handle_write_event(write, clcf->send_lowat);
}

static ngx_int_t
ngx_http_mds_watcher_unblock(ngx_http_mds_watcher_t *watcher)
{
    ngx_event_t *write = watcher->r->connection->write;

    watcher->is_blocked = 0;

    if (write->timer_set && !write->delayed) {
        ngx_del_timer(write);
    }

    /* Where events are not edge-triggered, this one would come again. */
    return ngx_handle_write_event(write, 0);
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

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        ngx_http_finalize_request(watcher->r, NGX_ERROR);
        return;
    }

    if (r->buffered || c->buffered) {
        if (ngx_http_mds_watcher_block(watcher) != NGX_OK) {
            ngx_http_finalize_request(watcher->r, NGX_ERROR);
        }
        return;
    }

    if (ngx_http_mds_watcher_unblock(watcher) != NGX_OK) {
        ngx_http_finalize_request(watcher->r, NGX_ERROR);
        return;
    }

    ngx_http_mds_watcher_run(watcher);
}

/* Sends the bytes up to end of the watcher's text; the request may be gone
 * afterwards. */
static void
ngx_http_mds_watcher_send(ngx_http_mds_watcher_t *watcher, u_char *end,
                          ngx_uint_t is_last)
{
    ngx_http_request_t *r = watcher->r;
    ngx_buf_t          *b = &watcher->buf;
    ngx_chain_t         out = { .buf = b };
    ngx_int_t           rc;

    ngx_memzero(b, sizeof(*b));
    b->start = b->pos = watcher->text;
    b->last = b->end = end;
    b->memory = 1;
    b->flush = 1;
    b->last_buf = is_last ? 1 : 0;
    b->last_in_chain = b->last_buf;

    /* The request may need some time to send the end; nothing follows it. */
    if (is_last) {
        ngx_http_mds_watcher_leave(watcher);
        r->write_event_handler = ngx_http_request_empty_handler;
    }

    rc = ngx_http_output_filter(r, &out);

    if (rc == NGX_ERROR || is_last) {
        ngx_http_finalize_request(watcher->r, rc);
        return;
    }

    if (r->buffered || r->connection->buffered) {
        if (ngx_http_mds_watcher_block(watcher) != NGX_OK) {
            ngx_http_finalize_request(watcher->r, NGX_ERROR);
            return;
        }
    }

    ngx_http_mds_watcher_arm(watcher);
}

static u_char *
ngx_http_mds_watcher_event(ngx_http_mds_watcher_t *watcher, u_char *p)
{
    uint64_t serial = watcher->topic->set->depot->serial;

    return ngx_slprintf(p, watcher->text + sizeof(watcher->text),
                        "id: %uL\nevent: change\n"
                        "data: {\"serial\":%uL}\n\n",
                        serial, serial);
}

/* Writes the time after which the client comes back: about mds_watch_retry,
 * other for each. */
static u_char *
ngx_http_mds_watcher_retry(ngx_http_mds_watcher_t *watcher, u_char *p)
{
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(watcher->r, ngx_http_mds_module);
    ngx_msec_t retry = mlcf->watch_retry;

    retry = retry - retry / 2 + (ngx_msec_t) ngx_random() % (retry + 1);

    return ngx_slprintf(p, watcher->text + sizeof(watcher->text),
                        "retry: %M\n\n", retry);
}

/* Answers a long poll: with the serial, or with 204 if there is nothing. */
static void
ngx_http_mds_watcher_respond(ngx_http_mds_watcher_t *watcher,
                             ngx_uint_t              changed)
{
    ngx_http_request_t     *r = watcher->r;
    ngx_http_mds_ctx_t     *ctx = ngx_http_mds_find_ctx(r);
    ngx_http_mds_response_t response = { .type = &ngx_http_mds_json_type };

    ngx_http_mds_set_serial(ctx, watcher->topic->set->depot->serial);

    if (changed) {
        response.body.data = watcher->text;
        response.body.len
            = ngx_slprintf(watcher->text, watcher->text + sizeof(watcher->text),
                           "{\"serial\":%V}", &ctx->serial)
              - watcher->text;
    }

    ngx_http_mds_watcher_leave(watcher);
    r->write_event_handler = ngx_http_request_empty_handler;
    ngx_http_finalize_request(watcher->r, ngx_http_mds_respond(r, &response));
}

/* Sends what is due, and sets the timer for the next. */
static void
ngx_http_mds_watcher_run(ngx_http_mds_watcher_t *watcher)
{
    ngx_http_mds_loc_conf_t *mlcf;
    u_char                  *p = watcher->text;
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

            p = ngx_http_mds_watcher_event(watcher, p);
        }
    }

    if (ended && watcher->is_waiting) {
        ngx_http_mds_watcher_respond(watcher, 0);
        return;
    }

    if (ended && p == watcher->text) {
        p = ngx_cpymem(p, ":\n\n", sizeof(":\n\n") - 1);
    }

    if (p == watcher->text) {
        ngx_http_mds_watcher_arm(watcher);
        return;
    }

    watcher->end_at = ngx_current_msec + mlcf->watch_ping;
    ngx_http_mds_watcher_send(watcher, p, 0);
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
        ngx_http_mds_watcher_send(
            watcher, ngx_http_mds_watcher_retry(watcher, watcher->text), 1);
    }

    ngx_http_run_posted_requests(c);
}

/* Takes the watcher out of its topic; called again, it does nothing. */
static void
ngx_http_mds_watcher_leave(void *data)
{
    ngx_http_mds_watcher_t *watcher = data;

    if (watcher->topic == NULL) {
        return;
    }

    if (watcher->timer.timer_set) {
        ngx_del_timer(&watcher->timer);
    }

    ngx_http_mds_topic_remove(watcher);
    ngx_http_mds_count_watchers(--ngx_http_mds_watchers);
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

    cleanup->handler = ngx_http_mds_watcher_leave;
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

static ngx_int_t
ngx_http_mds_watcher_send_header(ngx_http_request_t *r)
{
    static ngx_str_t    type = ngx_string("text/event-stream");
    static ngx_str_t    no_store = ngx_string("no-store");
    static ngx_str_t    no = ngx_string("no");
    ngx_http_mds_ctx_t *ctx = ngx_http_mds_find_ctx(r);

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_type = type;
    r->headers_out.content_type_len = type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->disable_not_modified = 1;

    /* gzip would take 256 KB for each device. */
    r->gzip_tested = 1;
    r->gzip_ok = 0;

    /* A proxy that is nginx then sends each event at once. */
    return ngx_http_mds_add_header(r, mds_str("MDS-Serial"), &ctx->serial)
                       == NGX_OK
                   && ngx_http_mds_set_cache_control(r, &no_store) == NGX_OK
                   && ngx_http_mds_add_header(r, mds_str("X-Accel-Buffering"),
                                              &no)
                          == NGX_OK
               ? ngx_http_send_header(r)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

/* Sends the first bytes of a stream: the time to come back, and the first event
 * if it is due. */
static void
ngx_http_mds_watcher_send_first(ngx_http_mds_watcher_t *watcher)
{
    u_char *p = ngx_http_mds_watcher_retry(watcher, watcher->text);

    if (watcher->is_due) {
        watcher->is_due = 0;
        p = ngx_http_mds_watcher_event(watcher, p);
    }

    ngx_http_mds_watcher_send(watcher, p, 0);
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
        rc = ngx_http_mds_watcher_send_header(r);
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
