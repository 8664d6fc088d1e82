/*
 * mds_codepush: what its checks and its reports share.
 */

#ifndef NGX_HTTP_MDS_CODEPUSH_H
#define NGX_HTTP_MDS_CODEPUSH_H

#include "ngx_http_mds_module.h"

#include "request/mds_codepush.h"

/* Returns 1 if the URI ends with a slash and this path. */
ngx_uint_t ngx_http_mds_codepush_is(ngx_http_request_t *r, const char *path);

/* Parses the query; escaped values are decoded to the request's pool. */
mds_status_t
ngx_http_mds_codepush_parse(ngx_http_request_t *r, mds_error_t *err,
                            mds_codepush_query_t *query);

/* Initializes the request with the operator's attributes for the deployment
 * key, and kind "bundle" where they have none. MDS_NOT_FOUND: they have an app
 * that is empty. */
mds_status_t
ngx_http_mds_codepush_set_attributes(ngx_http_request_t *r, mds_str_t key,
                                     mds_request_t *request, mds_error_t *err);

/* Answers a report. */
ngx_int_t ngx_http_mds_codepush_post(ngx_http_request_t *r, ngx_str_t *body);

/* Gets $mds_deployment_key. */
ngx_int_t ngx_http_mds_deployment_key_variable(ngx_http_request_t        *r,
                                               ngx_http_variable_value_t *v,
                                               uintptr_t                  data);

#endif
