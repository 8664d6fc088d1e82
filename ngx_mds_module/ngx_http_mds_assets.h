/*
 * Files of an unpacked version, in a location with mds_resource.
 */

#ifndef NGX_HTTP_MDS_ASSETS_H
#define NGX_HTTP_MDS_ASSETS_H

#include "ngx_http_mds_module.h"

/*
 * Continues with a decision for a version. Where the URI is a file of which the
 * version's index knows, adds the header lines for browsers, or sends a delta
 * or a file of another version. NGX_DECLINED: nginx goes on.
 */
ngx_int_t ngx_http_mds_assets_handle(ngx_http_request_t       *r,
                                     const ngx_http_mds_ctx_t *ctx);

#endif
