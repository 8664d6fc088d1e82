/*
 * Failures of the edge that requests meet, in the error log.
 */

#ifndef NGX_HTTP_MDS_FAILURE_H
#define NGX_HTTP_MDS_FAILURE_H

#include <ngx_config.h>
#include <ngx_core.h>

/* A failure is new if it has not occurred for so many seconds. */
#define NGX_HTTP_MDS_FAILURE_OVER_S 60

/* Logs a failure: at that level if it is new in this worker, and at info
 * otherwise, so that clients cannot fill the error log. The text contains
 * nothing that a client chooses. */
void ngx_http_mds_log_failure(ngx_log_t *log, ngx_uint_t level, const char *fmt,
                              ...);

#endif
