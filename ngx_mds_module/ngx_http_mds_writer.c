/*
 * JSON bodies, written twice: once for their length, and once for good.
 */

#include "ngx_http_mds_module.h"

void
ngx_http_mds_write_bytes(ngx_http_mds_writer_t *w, const char *data, size_t len)
{
    if (w->p != NULL && len > 0) {
        w->p = ngx_cpymem(w->p, data, len);
    }

    w->len += len;
}

void
ngx_http_mds_write(ngx_http_mds_writer_t *w, const char *text)
{
    ngx_http_mds_write_bytes(w, text, ngx_strlen(text));
}

void
ngx_http_mds_write_string(ngx_http_mds_writer_t *w, const char *before,
                          const char *data, size_t len)
{
    ngx_http_mds_write(w, before);

    if (w->p != NULL) {
        /* It returns a length or, as here, the end of what it wrote. */
        /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
        w->p = (u_char *) ngx_escape_json(w->p, (u_char *) data, len);
    } else {
        w->len += len + ngx_escape_json(NULL, (u_char *) data, len);
    }

    ngx_http_mds_write(w, "\"");
}

void
ngx_http_mds_write_number(ngx_http_mds_writer_t *w, uint64_t number)
{
    u_char  text[NGX_INT64_LEN];
    u_char *end = ngx_sprintf(text, "%uL", number);

    ngx_http_mds_write_bytes(w, (char *) text, end - text);
}
