/*
 * ngx_http_mds_zone: the shared memory of the filter of a depot's registry.
 */

#ifndef NGX_HTTP_MDS_ZONE_H
#define NGX_HTTP_MDS_ZONE_H

#include "ngx_http_mds_module.h"

/* Adds the memory to a configuration, once the bounds of the depot are known.
 */
ngx_int_t
ngx_http_mds_zone_add(ngx_conf_t *cf, ngx_http_mds_depot_conf_t *depot_conf);

#endif
