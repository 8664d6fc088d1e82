/*
 * mds_origin: asks the agent for a file that is not there yet.
 */

#ifndef NGX_HTTP_MDS_ORIGIN_H
#define NGX_HTTP_MDS_ORIGIN_H

#include "ngx_http_mds_module.h"

/* Checks the URL of mds_origin, and gives it a slash at its end. */
char *ngx_http_mds_check_origin(ngx_conf_t *cf, void *post, void *data);

/*
 * Lets the request wait until the agent has fetched the file of that name, 64
 * hexadecimal digits; then calls its content handler once more. Returns what a
 * content handler returns; NGX_DECLINED: the agent is not asked.
 */
ngx_int_t ngx_http_mds_origin_fetch(ngx_http_request_t *r, mds_str_t hex);

#endif
