/*
 * The configuration of depots: mds_depot, and the bounds of its state.
 */

#ifndef NGX_HTTP_MDS_DEPOT_CONF_H
#define NGX_HTTP_MDS_DEPOT_CONF_H

#include "ngx_http_mds_module.h"

/* Handles the directive "mds_depot PATH". */
char *
ngx_http_mds_depot_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Checks the value of mds_state_max. */
char *ngx_http_mds_check_state_max(ngx_conf_t *cf, void *post, void *data);

/* Sets the bounds of a depot to those of a location. */
char *ngx_http_mds_merge_bounds(ngx_conf_t *cf, ngx_http_mds_bounds_t *depot,
                                const ngx_http_mds_bounds_t *location);

/* Sets the bounds that no location has set, and adds the memory that depends on
 * them. */
ngx_int_t ngx_http_mds_init_depot_confs(ngx_conf_t *cf);

#endif
