/*
 * JSON whose length is not known before it is written.
 */

#include "ngx_http_mds_json.h"

ngx_int_t
ngx_http_mds_json_body(ngx_pool_t *pool, ngx_http_mds_json_pt write,
                       const void *data, ngx_str_t *body)
{
    ngx_http_mds_json_t w = { .len = 0 };

    write(&w, data);
    body->len = w.len;
    body->data = ngx_pnalloc(pool, w.len);
    if (body->data == NULL) {
        return NGX_ERROR;
    }

    w = ngx_http_mds_json_into(body->data, body->len);
    write(&w, data);

    return w.out.overrun ? NGX_ERROR : NGX_OK;
}

ngx_int_t
ngx_http_mds_json_escape(ngx_pool_t *pool, ngx_str_t *value)
{
    mds_str_t           text = ngx_http_mds_view(value);
    size_t              size = mds_quote_bytes(text);
    u_char             *data;
    ngx_http_mds_json_t w;

    if (size == text.len) {
        return NGX_OK;
    }

    data = ngx_pnalloc(pool, size);
    if (data == NULL) {
        return NGX_ERROR;
    }

    w = ngx_http_mds_json_into(data, size);
    ngx_http_mds_json_quoted(&w, text);
    value->data = data;
    value->len = size;

    return NGX_OK;
}
