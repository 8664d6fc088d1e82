/*
 * Accept: which of several media types a client prefers.
 */

#ifndef NGX_HTTP_MDS_ACCEPT_H
#define NGX_HTTP_MDS_ACCEPT_H

#include "ngx_http_mds_module.h"

#define NGX_HTTP_MDS_ACCEPT_MAX 4

/* Returns 1 if Accept prefers type to the usual one, or names it with the same
 * weight. */
ngx_uint_t
ngx_http_mds_accepts(ngx_http_request_t *r, ngx_str_t *type, ngx_str_t *usual);

/* Returns the index of the type that Accept names with the greatest weight, the
 * first of equals; -1: it names none of them. There are at most
 * NGX_HTTP_MDS_ACCEPT_MAX. */
ngx_int_t ngx_http_mds_accept_named(ngx_http_request_t *r, ngx_str_t *types,
                                    size_t count);

#endif
