/*
 * ngx_http_mds_zone: the memory that the counters and the filters of registries
 * are in.
 */

#ifndef NGX_HTTP_MDS_ZONE_H
#define NGX_HTTP_MDS_ZONE_H

#include "ngx_http_mds_module.h"

/* Returns the memory of a zone behind nginx's own tables, in whole pages, and
 * gives its size. */
u_char *ngx_http_mds_zone_memory(const ngx_shm_zone_t *zone, size_t *bytes);

/* Returns zeroed memory that this process alone has until it ends; NULL: there
 * is none. Without a master process, a reload may unmap the zones of the
 * configuration with which the process began, and the process goes on. */
u_char *ngx_http_mds_zone_private(size_t bytes);

/* Adds the memory of a depot's filter to a configuration, once the bounds of
 * the depot are known. */
ngx_int_t
ngx_http_mds_zone_add(ngx_conf_t *cf, ngx_http_mds_depot_conf_t *depot_conf);

/* Returns the filter of a depot in this process; NULL: there is none. */
struct mds_device_filter_s *
ngx_http_mds_zone_filter(const ngx_http_mds_depot_conf_t *depot_conf);

#endif
