/*
 * ngx_http_mds_json: the writer of JSON bodies. Without memory it only
 * measures; with memory it writes, and never behind the end: ask out.overrun
 * once, after the last call. Most of a body is literals, whose length a
 * compiler knows.
 */

#ifndef NGX_HTTP_MDS_JSON_H
#define NGX_HTTP_MDS_JSON_H

#include "ngx_http_mds_module.h"

#include "base/mds_quote.h"

/* Zeroed, it measures. */
typedef struct {
    mds_bounded_output_t out; /* out.p == NULL: nothing is written */
    size_t               len; /* as measured */
} ngx_http_mds_json_t;

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

/* Writes what comes before a string with its opening quote, the inside of the
 * string, and the closing quote. */
static inline void
ngx_http_mds_json_string(ngx_http_mds_json_t *w, const char *before,
                         const char *data, size_t len)
{
    ngx_http_mds_json_raw(w, before);
    ngx_http_mds_json_quoted(w, (mds_str_t){ len, data });
    ngx_http_mds_json_raw(w, "\"");
}

static inline void
ngx_http_mds_json_number(ngx_http_mds_json_t *w, uint64_t number)
{
    u_char  text[NGX_INT64_LEN]; /* a number is as long at most */
    u_char *end = ngx_snprintf(text, sizeof(text), "%uL", number);

    ngx_http_mds_json_bytes(w, (char *) text, end - text);
}

#endif
