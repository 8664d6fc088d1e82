/*
 * The writer of JSON bodies. Without memory it only measures. With memory it
 * never writes behind the end: check out.overrun once, after the last call.
 * Most of a body consists of literals, whose length the compiler knows.
 */

#ifndef NGX_HTTP_MDS_JSON_H
#define NGX_HTTP_MDS_JSON_H

#include "ngx_http_mds_module.h"

#include "base/mds_quote.h"

/* A zeroed writer measures. */
typedef struct {
    mds_bounded_output_t out; /* out.p == NULL: nothing is written */
    size_t               len; /* measured */
} ngx_http_mds_json_t;

typedef void (*ngx_http_mds_json_pt)(ngx_http_mds_json_t *w, const void *data);

/* Makes a body by calling write twice: to measure it, and to write it. */
ngx_int_t ngx_http_mds_json_body(ngx_pool_t *pool, ngx_http_mds_json_pt write,
                                 const void *data, ngx_str_t *body);

/* Replaces the value by its form inside of a JSON string; one that needs no
 * escapes stays where it is. */
ngx_int_t ngx_http_mds_json_escape(ngx_pool_t *pool, ngx_str_t *value);

/* Returns a writer into size bytes of data. */
static inline ngx_http_mds_json_t
ngx_http_mds_json_into(u_char *data, size_t size)
{
    return (ngx_http_mds_json_t){ .out = { .p = (char *) data,
                                           .end = (char *) data + size } };
}

static inline void
ngx_http_mds_json_bytes(ngx_http_mds_json_t *w, const char *data, size_t len)
{
    if (w->out.p == NULL) {
        w->len += len;
    } else {
        mds_bounded_output_put(&w->out, (mds_str_t){ len, data });
    }
}

static inline void
ngx_http_mds_json_raw(ngx_http_mds_json_t *w, const char *text)
{
    ngx_http_mds_json_bytes(w, text, ngx_strlen(text));
}

/* Writes the inside of a JSON string. */
static inline void
ngx_http_mds_json_quoted(ngx_http_mds_json_t *w, mds_str_t text)
{
    if (w->out.p == NULL) {
        w->len += mds_quote_bytes(text);
    } else {
        mds_quote(&w->out, text);
    }
}

/* Writes before, which ends with an opening quote, the inside of the string,
 * and the closing quote. */
static inline void
ngx_http_mds_json_string(ngx_http_mds_json_t *w, const char *before,
                         mds_str_t text)
{
    ngx_http_mds_json_raw(w, before);
    ngx_http_mds_json_quoted(w, text);
    ngx_http_mds_json_raw(w, "\"");
}

static inline void
ngx_http_mds_json_number(ngx_http_mds_json_t *w, uint64_t number)
{
    u_char text[NGX_INT64_LEN];
    size_t len = ngx_http_mds_cpy_number(text, number) - text;

    if (w->out.p == NULL) {
        w->len += len;
    } else if (mds_bounded_output_has(&w->out, len)) {
        w->out.p = (char *) ngx_cpymem(w->out.p, text, len);
    }
}

#endif
