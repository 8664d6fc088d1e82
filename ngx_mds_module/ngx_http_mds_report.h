/*
 * Reports on their way to the state, which mds_report and mds_codepush share.
 */

#ifndef NGX_HTTP_MDS_REPORT_H
#define NGX_HTTP_MDS_REPORT_H

#include "ngx_http_mds_respond.h"

#include "request/mds_report_body.h"
#include "state/mds_state.h"

/* All zero before ngx_http_mds_reporting_init(). The request has an app and a
 * device, and the releases of the writes are views of ids. */
typedef struct {
    ngx_http_request_t     *r;
    ngx_http_mds_ctx_t     *ctx;
    ngx_http_mds_depot_t   *depot;
    ngx_http_mds_response_t response; /* once the reports are durable */
    mds_request_t           request;
    size_t                  count;                   /* of writes */
    mds_report_t            writes[MDS_REPORTS_MAX]; /* of known releases */
} ngx_http_mds_reporting_t;

ngx_int_t ngx_http_mds_reporting_init(ngx_http_mds_reporting_t *reporting,
                                      ngx_http_request_t       *r);

/* Sets the device, and whether it was told to install the release, whose id
 * becomes its key in the request's pool. */
ngx_int_t ngx_http_mds_reporting_set_device(ngx_http_mds_reporting_t *reporting,
                                            mds_report_t             *report);

/* Writes the reports, whose devices are not set, and answers the request. */
ngx_int_t ngx_http_mds_reporting_write(ngx_http_mds_reporting_t *reporting);

#endif
