/*
 * The stream of a watcher: its header, and the bytes that are sent to it.
 *
 * There is one buffer. While the client does not read it, no more is written:
 * events that come meanwhile are one event afterwards. A client that reads
 * nothing for send_timeout is closed. The buffer is freed when it has been
 * sent, so that a client that waits has none.
 */

#include "ngx_http_mds_watch.h"

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_respond.h"

struct ngx_http_mds_stream_output_s {
    ngx_buf_t buf;
    u_char    text[NGX_HTTP_MDS_STREAM_BYTES];
};

u_char *
ngx_http_mds_stream_event(ngx_http_mds_watcher_t *watcher, u_char *p,
                          u_char *end)
{
    uint64_t serial = watcher->topic->set->depot->serial;

    return ngx_slprintf(p, end,
                        "id: %uL\nevent: change\n"
                        "data: {\"serial\":%uL}\n\n",
                        serial, serial);
}

u_char *
ngx_http_mds_stream_retry(ngx_http_mds_watcher_t *watcher, u_char *p,
                          u_char *end)
{
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(watcher->r, ngx_http_mds_module);
    ngx_msec_t retry = mlcf->watch_retry;

    retry = retry - retry / 2 + (ngx_msec_t) ngx_random() % (retry + 1);

    return ngx_slprintf(p, end, "retry: %M\n\n", retry);
}

ngx_int_t
ngx_http_mds_stream_open(ngx_http_request_t *r)
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

void
ngx_http_mds_stream_free(ngx_http_mds_watcher_t *watcher)
{
    if (watcher->output != NULL) {
        ngx_free(watcher->output);
        watcher->output = NULL;
    }
}

/* Waits until the client has read what was sent. */
static ngx_int_t
ngx_http_mds_stream_block(ngx_http_mds_watcher_t *watcher)
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
ngx_http_mds_stream_unblock(ngx_http_mds_watcher_t *watcher)
{
    ngx_event_t *write = watcher->r->connection->write;

    watcher->is_blocked = 0;

    if (write->timer_set && !write->delayed) {
        ngx_del_timer(write);
    }

    /* Where events are not edge-triggered, this one would come again. */
    return ngx_handle_write_event(write, 0);
}

static ngx_uint_t
ngx_http_mds_stream_is_buffered(ngx_http_request_t *r)
{
    return r->buffered || r->connection->buffered;
}

/* Allocates a buffer with these bytes. */
static ngx_buf_t *
ngx_http_mds_stream_buf(ngx_http_mds_watcher_t *watcher, const u_char *text,
                        size_t len)
{
    ngx_http_mds_stream_output_t *output;
    ngx_buf_t                    *b;

    output = ngx_calloc(sizeof(*output), watcher->r->connection->log);
    if (output == NULL) {
        return NULL;
    }

    watcher->output = output;
    b = &output->buf;
    b->start = b->pos = output->text;
    b->last = b->end = ngx_cpymem(output->text, text, len);
    b->memory = 1;
    b->flush = 1;

    return b;
}

ngx_int_t
ngx_http_mds_stream_send(ngx_http_mds_watcher_t *watcher, const u_char *text,
                         size_t len)
{
    ngx_http_request_t *r = watcher->r;
    ngx_chain_t out = { .buf = ngx_http_mds_stream_buf(watcher, text, len) };

    if (out.buf == NULL || ngx_http_output_filter(r, &out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (ngx_http_mds_stream_is_buffered(r)) {
        return ngx_http_mds_stream_block(watcher);
    }

    ngx_http_mds_stream_free(watcher);
    return NGX_OK;
}

ngx_int_t
ngx_http_mds_stream_send_last(ngx_http_mds_watcher_t *watcher,
                              const u_char *text, size_t len)
{
    ngx_chain_t out = { .buf = ngx_http_mds_stream_buf(watcher, text, len) };

    if (out.buf == NULL) {
        return NGX_ERROR;
    }

    out.buf->last_buf = 1;
    out.buf->last_in_chain = 1;

    return ngx_http_output_filter(watcher->r, &out);
}

ngx_int_t
ngx_http_mds_stream_flush(ngx_http_mds_watcher_t *watcher)
{
    ngx_http_request_t *r = watcher->r;

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (ngx_http_mds_stream_is_buffered(r)) {
        return ngx_http_mds_stream_block(watcher);
    }

    ngx_http_mds_stream_free(watcher);
    return ngx_http_mds_stream_unblock(watcher);
}
