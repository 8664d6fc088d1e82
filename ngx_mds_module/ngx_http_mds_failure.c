/*
 * The memory of failures that were logged, by a checksum of their text.
 */

#include "ngx_http_mds_failure.h"

#include "base/mds_base.h"

/* So many failures are remembered. While all of them go on, others are logged
 * at info. */
#define NGX_HTTP_MDS_FAILURES_MAX 8

typedef struct {
    uint32_t checksum; /* of its text */
    time_t   seen;     /* 0: never */
} ngx_http_mds_failure_t;

/* Returns 1 if the failure is new, and remembers it. */
static ngx_uint_t
ngx_http_mds_failure_is_new(uint32_t checksum)
{
    static ngx_http_mds_failure_t failures[NGX_HTTP_MDS_FAILURES_MAX];
    ngx_http_mds_failure_t       *unused = NULL;
    time_t                        now = ngx_time();

    for (size_t i = 0; i < mds_nelems(failures); i++) {
        if (now - failures[i].seen >= NGX_HTTP_MDS_FAILURE_OVER_S) {
            unused = &failures[i];

        } else if (failures[i].checksum == checksum) {
            failures[i].seen = now;
            return 0;
        }
    }

    if (unused == NULL) {
        return 0;
    }

    unused->checksum = checksum;
    unused->seen = now;

    return 1;
}

void
ngx_http_mds_log_failure(ngx_log_t *log, ngx_uint_t level, const char *fmt, ...)
{
    u_char  text[NGX_MAX_ERROR_STR], *end;
    va_list args;

    va_start(args, fmt);
    end = ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    if (!ngx_http_mds_failure_is_new(ngx_crc32_short(text, end - text))) {
        level = NGX_LOG_INFO;
    }

    ngx_log_error(level, log, 0, "%*s", (size_t) (end - text), text);
}
