/*
 * JSON bodies, written twice: once for their length, and once for good, into a
 * room of that length. Most of it is literals, whose length a compiler knows.
 */

#ifndef NGX_HTTP_MDS_WRITER_H
#define NGX_HTTP_MDS_WRITER_H

#include "ngx_http_mds_module.h"

#include "base/mds_quote.h"

/* Where a body goes; with room.p NULL it is only measured. Whether it fitted
 * is for room.overrun to say, once it is written. */
typedef struct {
    mds_bounded_output_t room;
    size_t               len;
} ngx_http_mds_writer_t;

static inline ngx_http_mds_writer_t
ngx_http_mds_writer(u_char *data, size_t size)
{
    return (ngx_http_mds_writer_t){ .room = { .p = (char *) data,
                                              .end = (char *) data + size } };
}

static inline void
ngx_http_mds_write_bytes(ngx_http_mds_writer_t *w, const char *data, size_t len)
{
    if (w->room.p == NULL) {
        w->len += len;
    } else {
        mds_bounded_output_put(&w->room, (mds_str_t){ len, data });
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
    if (w->room.p == NULL) {
        w->len += mds_quote_bytes(text);
    } else {
        mds_quote(&w->room, text);
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
    u_char  text[NGX_INT64_LEN]; /* a number is as long at most */
    u_char *end = ngx_snprintf(text, sizeof(text), "%uL", number);

    ngx_http_mds_write_bytes(w, (char *) text, end - text);
}

#endif
