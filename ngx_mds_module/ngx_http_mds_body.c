/*
 * Bodies of requests, into memory and no further: what is too long is refused
 * as soon as that is known, and nothing goes to a temporary file.
 */

#include "ngx_http_mds_module.h"

struct ngx_http_mds_reading_s {
    ngx_str_t            body;
    size_t               max;
    ngx_http_mds_body_pt done;
};

static void ngx_http_mds_body_read(ngx_http_request_t *r);

static ngx_int_t
ngx_http_mds_body_too_large(ngx_http_request_t *r)
{
    return ngx_http_mds_refuse(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                               "the body is longer than is allowed here");
}

ngx_int_t
ngx_http_mds_read_body(ngx_http_request_t *r, size_t max,
                       ngx_http_mds_body_pt done)
{
    ngx_http_mds_ctx_t     *ctx = ngx_http_mds_get_ctx(r);
    ngx_http_mds_reading_t *reading;
    ngx_int_t               rc;

    if (r->headers_in.content_length_n > (off_t) max) {
        rc = ngx_http_discard_request_body(r);
        return rc != NGX_OK ? rc : ngx_http_mds_body_too_large(r);
    }

    reading = ngx_pcalloc(r->pool, sizeof(*reading));
    if (ctx == NULL || reading == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* Its length is known, or it may be anything up to max. */
    reading->max = r->headers_in.content_length_n < 0
                       ? max
                       : (size_t) r->headers_in.content_length_n;
    reading->done = done;
    reading->body.data = ngx_pnalloc(r->pool, reading->max + 1);
    if (reading->body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->reading = reading;
    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_mds_body_read);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

/* Takes what has come; the buffers are nginx's to fill again. */
static ngx_int_t
ngx_http_mds_body_take(ngx_http_request_t *r, ngx_http_mds_reading_t *reading)
{
    ngx_chain_t *cl = r->request_body->bufs;

    r->request_body->bufs = NULL;

    for (; cl != NULL; cl = cl->next) {
        size_t len = cl->buf->last - cl->buf->pos;

        if (len > reading->max - reading->body.len) {
            return NGX_DECLINED;
        }

        /* The last one may be empty, and point nowhere. */
        if (len > 0) {
            ngx_memcpy(reading->body.data + reading->body.len, cl->buf->pos,
                       len);
        }

        reading->body.len += len;
        cl->buf->pos = cl->buf->last;
    }

    return NGX_OK;
}

static void
ngx_http_mds_body_read(ngx_http_request_t *r)
{
    ngx_http_mds_ctx_t     *ctx;
    ngx_http_mds_reading_t *reading;
    ngx_int_t               rc;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mds_module);
    reading = ctx->reading;

    for (;;) {
        if (r->request_body != NULL
            && ngx_http_mds_body_take(r, reading) != NGX_OK) {
            ngx_http_finalize_request(r, ngx_http_mds_body_too_large(r));
            return;
        }

        if (!r->reading_body) {
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            r->read_event_handler = ngx_http_mds_body_read;
            return;
        }
    }

    r->read_event_handler = ngx_http_block_reading;
    reading->done(r, &reading->body);
}
