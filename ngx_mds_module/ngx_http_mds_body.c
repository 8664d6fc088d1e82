/*
 * Bodies of requests. A body is read into memory without buffering, so that one
 * that is too long is refused as soon as that is known. If another module has
 * read it, or wants it in a file, it is taken from where nginx has put it:
 * memory or a temporary file. In both cases r->request_body->bufs holds the
 * whole body afterwards, for $request_body, mirrors and other subrequests.
 */

#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

struct ngx_http_mds_body_reading_s {
    ngx_str_t            body;
    size_t               max;
    ngx_http_mds_body_pt done;
};

static void      ngx_http_mds_body_read(ngx_http_request_t *r);
static ngx_int_t ngx_http_mds_body_rest(ngx_http_request_t          *r,
                                        ngx_http_mds_body_reading_t *reading);

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
    ngx_http_mds_ctx_t          *ctx = ngx_http_mds_get_ctx(r);
    ngx_http_mds_body_reading_t *reading;
    ngx_int_t                    rc;

    if (r->headers_in.content_length_n > (off_t) max) {
        rc = ngx_http_discard_request_body(r);
        return rc != NGX_OK ? rc : ngx_http_mds_body_too_large(r);
    }

    reading = ngx_pcalloc(r->pool, sizeof(*reading));
    if (ctx == NULL || reading == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    reading->max = max;
    reading->done = done;
    ctx->reading = reading;

    /* nginx ignores this if the body has been read. */
    r->request_body_no_buffering = r->request_body_in_file_only ? 0 : 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_mds_body_read);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

/* Appends the bytes of a buffer, which is not changed. NGX_DECLINED: the body
 * would be longer than max. */
static ngx_int_t
ngx_http_mds_body_append(ngx_http_mds_body_reading_t *reading, ngx_buf_t *b)
{
    ngx_str_t *body = &reading->body;
    off_t      len = ngx_buf_size(b);

    if (len > (off_t) (reading->max - body->len)) {
        return NGX_DECLINED;
    }

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(body->data + body->len, b->pos, (size_t) len);

    } else if (len > 0
               && ngx_read_file(b->file, body->data + body->len, (size_t) len,
                                b->file_pos)
                      != (ssize_t) len)
    {
        return NGX_ERROR;
    }

    body->len += (size_t) len;

    return NGX_OK;
}

/* Takes the body that nginx has read; copies it unless it is in one piece. */
static ngx_int_t
ngx_http_mds_body_gather(ngx_http_request_t          *r,
                         ngx_http_mds_body_reading_t *reading)
{
    ngx_chain_t *cl, *bufs;
    ngx_int_t    rc = NGX_OK;
    off_t        len = 0;

    bufs = r->request_body == NULL ? NULL : r->request_body->bufs;

    for (cl = bufs; cl != NULL; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    if (len > (off_t) reading->max) {
        return NGX_DECLINED;
    }

    if (bufs != NULL && bufs->next == NULL && ngx_buf_in_memory(bufs->buf)) {
        reading->body.data = bufs->buf->pos;
        reading->body.len = (size_t) len;
        return NGX_OK;
    }

    reading->body.data = ngx_pnalloc(r->pool, (size_t) len + 1);
    if (reading->body.data == NULL) {
        return NGX_ERROR;
    }

    for (cl = bufs; cl != NULL && rc == NGX_OK; cl = cl->next) {
        rc = ngx_http_mds_body_append(reading, cl->buf);
    }

    return rc;
}

/* Handles a body that has been read, or the part that has arrived. */
static void
ngx_http_mds_body_read(ngx_http_request_t *r)
{
    ngx_http_mds_ctx_t          *ctx;
    ngx_http_mds_body_reading_t *reading;
    ngx_int_t                    rc;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mds_module);
    reading = ctx->reading;

    rc = r->reading_body || reading->body.data != NULL
             ? ngx_http_mds_body_rest(r, reading)
             : ngx_http_mds_body_gather(r, reading);

    if (rc == NGX_AGAIN) {
        r->read_event_handler = ngx_http_mds_body_read;
        return;
    }

    if (rc == NGX_OK) {
        r->read_event_handler = ngx_http_block_reading;
        reading->done(r, &reading->body);
        return;
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_mds_body_too_large(r);
    } else if (rc == NGX_ERROR) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_finalize_request(r, rc);
}

/* Appends what has arrived of a body that is read without buffering. nginx uses
 * a buffer again when its pos has reached its end. */
static ngx_int_t
ngx_http_mds_body_take(ngx_http_request_t          *r,
                       ngx_http_mds_body_reading_t *reading)
{
    ngx_chain_t *cl = r->request_body->bufs;
    ngx_int_t    rc = NGX_OK;

    r->request_body->bufs = NULL;

    for (; cl != NULL && rc == NGX_OK; cl = cl->next) {
        rc = ngx_http_mds_body_append(reading, cl->buf);
        cl->buf->pos = cl->buf->last;
    }

    return rc;
}

/* Makes the whole body the request's only buffer. */
static ngx_int_t
ngx_http_mds_body_put_back(ngx_http_request_t          *r,
                           ngx_http_mds_body_reading_t *reading)
{
    ngx_chain_t *cl = ngx_alloc_chain_link(r->pool);
    ngx_buf_t   *b = ngx_calloc_buf(r->pool);

    if (cl == NULL || b == NULL) {
        return NGX_ERROR;
    }

    b->start = reading->body.data;
    b->pos = b->start;
    b->last = b->start + reading->body.len;
    b->end = b->last;
    b->temporary = 1;
    b->last_buf = 1;

    cl->buf = b;
    cl->next = NULL;
    r->request_body->bufs = cl;

    return NGX_OK;
}

/* Reads as much as has arrived; NGX_AGAIN: the body is not complete. */
static ngx_int_t
ngx_http_mds_body_rest(ngx_http_request_t          *r,
                       ngx_http_mds_body_reading_t *reading)
{
    ngx_int_t rc;

    if (reading->body.data == NULL) {
        /* A chunked body can be as long as max. */
        if (!r->headers_in.chunked) {
            reading->max = (size_t) r->headers_in.content_length_n;
        }

        reading->body.data = ngx_pnalloc(r->pool, reading->max + 1);
        if (reading->body.data == NULL) {
            return NGX_ERROR;
        }
    }

    for (;;) {
        rc = ngx_http_mds_body_take(r, reading);
        if (rc != NGX_OK) {
            return rc;
        }

        if (!r->reading_body) {
            return ngx_http_mds_body_put_back(r, reading);
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE
            || (rc == NGX_AGAIN && r->request_body->bufs == NULL))
        {
            return rc;
        }
    }
}

ngx_uint_t
ngx_http_mds_is_json(ngx_http_request_t *r)
{
    ngx_str_t       *json = &ngx_http_mds_json_type;
    ngx_table_elt_t *type = r->headers_in.content_type;

    return type != NULL && type->value.len >= json->len
           && ngx_strncasecmp(type->value.data, json->data, json->len) == 0
           && (type->value.len == json->len
               || type->value.data[json->len] == ';'
               || type->value.data[json->len] == ' ');
}
