/*
 * mds_resource, and the variables.
 */

#ifndef NGX_HTTP_MDS_RESOURCE_H
#define NGX_HTTP_MDS_RESOURCE_H

#include "ngx_http_mds_module.h"

#include "request/mds_request.h"

/* Handles the directive "mds_resource KIND [NAME] [window] [installed=VALUE]".
 */
char *ngx_http_mds_resource(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Adds the phase handler. */
ngx_int_t ngx_http_mds_resource_init(ngx_conf_t *cf);

/* Sets the variables of a location with mds_resource, if they are not set. */
void ngx_http_mds_resource_evaluate(ngx_http_request_t *r);

/* Reads the attributes of a request to a location with mds_resource, or of a
 * check by GET. */
mds_status_t
ngx_http_mds_resource_read(ngx_http_request_t *r, mds_request_t *request,
                           mds_error_t *err);

/* Returns the context with the manifest of the decision; NULL: there is no
 * decision. */
ngx_http_mds_ctx_t *ngx_http_mds_resource_keep_manifest(ngx_http_request_t *r);

/* Adds the variables that need the manifest, and finds out whether the
 * configuration names one of them. */
ngx_int_t ngx_http_mds_add_manifest_variables(ngx_conf_t *cf);
void      ngx_http_mds_manifest_variables_init(ngx_conf_t *cf);

/* Adds the module's variables. */
ngx_int_t ngx_http_mds_add_variables(ngx_conf_t *cf);

/* Gets $mds_resources. */
ngx_int_t
ngx_http_mds_resources_variable(ngx_http_request_t        *r,
                                ngx_http_variable_value_t *v, uintptr_t data);

/* Adds the phase handler that counts, if the configuration uses it. */
ngx_int_t ngx_http_mds_resource_count_init(ngx_conf_t *cf);

#endif
