/*
 * JSON bodies, written twice: once for their length, and once for good. Most
 * of it is literals, whose length a compiler knows.
 */

#ifndef NGX_HTTP_MDS_WRITER_H
#define NGX_HTTP_MDS_WRITER_H

#include "ngx_http_mds_module.h"

#include "mds_quote.h"

/* Where a body goes; with p NULL it is only measured. */
typedef struct {
    u_char *p;
    size_t  len;
} ngx_http_mds_writer_t;

static inline void
ngx_http_mds_write_bytes(ngx_http_mds_writer_t *w, const char *data, size_t len)
{
    if (w->p == NULL) {
        w->len += len;
    } else if (len > 0) {
        w->p = ngx_cpymem(w->p, data, len);
    }
}

static inline void
ngx_http_mds_write(ngx_http_mds_writer_t *w, const char *text)
{
    ngx_http_mds_write_bytes(w, text, ngx_strlen(text));
}

/* The inside of a JSON string. */
static inline void
ngx_http_mds_write_quoted(ngx_http_mds_writer_t *w, mds_str_t text)
{
    if (w->p == NULL) {
        w->len += mds_quote_bytes(text);
    } else {
        w->p = (u_char *) mds_quote((char *) w->p, text);
    }
}

/* What comes before, the inside of a JSON string, and its quote. */
static inline void
ngx_http_mds_write_string(ngx_http_mds_writer_t *w, const char *before,
                          const char *data, size_t len)
{
    ngx_http_mds_write(w, before);
    ngx_http_mds_write_quoted(w, (mds_str_t){ len, data });
    ngx_http_mds_write(w, "\"");
}

static inline void
ngx_http_mds_write_number(ngx_http_mds_writer_t *w, uint64_t number)
{
    u_char  text[NGX_INT64_LEN];
    u_char *end = ngx_sprintf(text, "%uL", number);

    ngx_http_mds_write_bytes(w, (char *) text, end - text);
}

#endif
