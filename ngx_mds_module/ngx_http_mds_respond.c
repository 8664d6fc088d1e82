/*
 * Answers: their header lines, and a body from memory.
 */

#include "ngx_http_mds_respond.h"

ngx_str_t ngx_http_mds_json_type = ngx_string("application/json");
ngx_str_t ngx_http_mds_dsse_type
    = ngx_string("application/vnd.dsse.envelope.v1+json");

void *
ngx_http_mds_pool_alloc(void *pool, size_t bytes)
{
    return ngx_palloc(pool, bytes);
}

ngx_table_elt_t *
ngx_http_mds_push_header(ngx_http_request_t *r, mds_str_t name,
                         ngx_str_t *value)
{
    ngx_table_elt_t *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key = ngx_http_mds_str(name);
    h->value = *value;

    return h;
}

ngx_int_t
ngx_http_mds_add_header(ngx_http_request_t *r, mds_str_t name, ngx_str_t *value)
{
    return value->len != 0 && ngx_http_mds_push_header(r, name, value) == NULL
               ? NGX_ERROR
               : NGX_OK;
}

ngx_table_elt_t *
ngx_http_mds_find_header(ngx_http_request_t *r, mds_str_t name)
{
    ngx_list_part_t *part = &r->headers_out.headers.part;
    ngx_table_elt_t *h;

    for (; part != NULL; part = part->next) {
        h = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (h[i].hash != 0 && h[i].key.len == name.len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name.data,
                                   name.len)
                       == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}

/* nginx keeps the lines of Cache-Control in a list, and before 1.23.0 in an
 * array, where other modules find them. */
void
ngx_http_mds_clear_cache_control(ngx_http_request_t *r)
{
#if (nginx_version >= 1023000)
    ngx_table_elt_t *h = r->headers_out.cache_control;

    for (; h != NULL; h = h->next) {
        h->hash = 0;
    }

    r->headers_out.cache_control = NULL;
#else
    ngx_table_elt_t **h = r->headers_out.cache_control.elts;

    for (ngx_uint_t i = 0; i < r->headers_out.cache_control.nelts; i++) {
        h[i]->hash = 0;
    }

    ngx_memzero(&r->headers_out.cache_control,
                sizeof(r->headers_out.cache_control));
#endif
}

ngx_int_t
ngx_http_mds_set_cache_control(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_table_elt_t *h;

    ngx_http_mds_clear_cache_control(r);

    h = ngx_http_mds_push_header(r, mds_str("Cache-Control"), value);
    if (h == NULL) {
        return NGX_ERROR;
    }

#if (nginx_version >= 1023000)
    r->headers_out.cache_control = h;
#else
    {
        ngx_array_t      *lines = &r->headers_out.cache_control;
        ngx_table_elt_t **line;

        if (ngx_array_init(lines, r->pool, 1, sizeof(*line)) != NGX_OK) {
            return NGX_ERROR;
        }

        line = ngx_array_push(lines);
        if (line == NULL) {
            return NGX_ERROR;
        }

        *line = h;
    }
#endif

    return NGX_OK;
}

uint64_t
ngx_http_mds_poll_after(uint64_t after_s, uint64_t jitter_s)
{
    return after_s == 0 ? 0
                        : after_s + (uint64_t) ngx_random() % (jitter_s + 1);
}

static ngx_int_t
ngx_http_mds_add_poll_after(ngx_http_request_t *r, uint64_t seconds)
{
    ngx_str_t value;

    if (seconds == 0) {
        return NGX_OK;
    }

    value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_http_mds_cpy_number(value.data, seconds) - value.data;

    return ngx_http_mds_add_header(r, mds_str("MDS-Poll-After"), &value);
}

ngx_int_t
ngx_http_mds_respond(ngx_http_request_t            *r,
                     const ngx_http_mds_response_t *response)
{
    static ngx_str_t    no_store = ngx_string("no-store");
    ngx_http_mds_ctx_t *ctx;
    ngx_str_t           signature = response->signature;
    ngx_str_t           proof = response->proof;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mds_module);

    if (ngx_http_mds_add_header(r, mds_str("MDS-Serial"), &ctx->serial)
            != NGX_OK
        || ngx_http_mds_set_cache_control(r, &no_store) != NGX_OK
        || ngx_http_mds_add_poll_after(r, response->poll_after_s) != NGX_OK
        || ngx_http_mds_add_header(r, mds_str("MDS-Signature"), &signature)
               != NGX_OK
        || ngx_http_mds_add_header(r, mds_str("MDS-Proof"), &proof) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (response->body.len == 0) {
        r->headers_out.status = NGX_HTTP_NO_CONTENT;
        r->header_only = 1;

        return ngx_http_send_header(r);
    }

    return ngx_http_mds_send(r, NGX_HTTP_OK, response->type, &response->body);
}

ngx_int_t
ngx_http_mds_send(ngx_http_request_t *r, ngx_uint_t status, ngx_str_t *type,
                  const ngx_str_t *body)
{
    ngx_buf_t *b;

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;
    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;

    /* There is no validator: "If-None-Match: *" must not make it a 304. */
    r->disable_not_modified = 1;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;

    return ngx_http_mds_send_buf(r, b);
}

ngx_int_t
ngx_http_mds_send_buf(ngx_http_request_t *r, ngx_buf_t *b)
{
    ngx_chain_t out = { .buf = b };
    ngx_int_t   rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    return ngx_http_output_filter(r, &out);
}
