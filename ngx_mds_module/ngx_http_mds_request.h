/*
 * Reads the attributes and the body of a request.
 */

#ifndef NGX_HTTP_MDS_REQUEST_H
#define NGX_HTTP_MDS_REQUEST_H

#include "ngx_http_mds_module.h"

#include "request/mds_request.h"

/* Handles the directive "mds_attribute NAME VALUE". */
char *ngx_http_mds_attribute(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Adds the attributes of prev that *attributes does not set itself. */
ngx_int_t ngx_http_mds_merge_attributes(ngx_conf_t *cf, ngx_array_t *prev,
                                        ngx_array_t **attributes);

/* Sets one attribute that a client cannot set. A value that was not compiled is
 * empty. */
mds_status_t
ngx_http_mds_set_trusted_attribute(ngx_http_request_t *r,
                                   mds_request_t *request, mds_str_t name,
                                   ngx_http_complex_value_t *value,
                                   mds_error_t              *err);

/* Sets the operator's attributes. */
mds_status_t
ngx_http_mds_set_trusted_attributes(ngx_http_request_t *r,
                                    mds_request_t *request, mds_error_t *err);

typedef mds_status_t (*ngx_http_mds_validate_pt)(const mds_request_t *request,
                                                 mds_error_t         *err);

/* Initializes *request with the operator's attributes and the query's, and
 * validates it. */
mds_status_t ngx_http_mds_read_query(ngx_http_request_t      *r,
                                     ngx_http_mds_validate_pt validate,
                                     mds_request_t *request, mds_error_t *err);

/* Does the same for a question of the operator's: an attribute of the query
 * replaces that of mds_attribute, and *overrides has the names of these. */
mds_status_t
ngx_http_mds_read_operator_query(ngx_http_request_t *r, mds_request_t *request,
                                 mds_strs_t *overrides, mds_error_t *err);

/* Gives the value of a parameter that is a number; -1: it is absent. */
mds_status_t ngx_http_mds_request_number(const mds_request_t *request,
                                         const char *name, off_t min, off_t max,
                                         off_t *number, mds_error_t *err);

typedef void (*ngx_http_mds_body_pt)(ngx_http_request_t *r, ngx_str_t *body);

/*
 * Reads a body of up to max bytes and calls done, or answers 413 or 400. The
 * body is read into memory, and never to disk unless nginx is configured so.
 * Returns what a content handler returns.
 */
ngx_int_t ngx_http_mds_read_body(ngx_http_request_t *r, size_t max,
                                 ngx_http_mds_body_pt done);

/* Returns 1 if the body is application/json, with any parameters. */
ngx_uint_t ngx_http_mds_is_json(ngx_http_request_t *r);

#endif
