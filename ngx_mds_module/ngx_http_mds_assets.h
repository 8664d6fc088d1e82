/*
 * Files of an unpacked version, in a location with mds_resource.
 */

#ifndef NGX_HTTP_MDS_ASSETS_H
#define NGX_HTTP_MDS_ASSETS_H

#include "ngx_http_mds_module.h"

/*
 * Continues with a decision for a version. Where the URI is a file of which the
 * version's index knows, sends a delta or a file of another version, or lets
 * ngx_http_mds_assets_filter() describe the file that nginx sends.
 * NGX_DECLINED: nginx goes on.
 */
ngx_int_t
ngx_http_mds_assets_handle(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx);

/* Adds the header lines for browsers, if the answer is the file. */
ngx_int_t ngx_http_mds_assets_filter(ngx_http_request_t *r);

#endif
