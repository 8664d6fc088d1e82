/*
 * ngx_http_mds_registry: the registry of devices in a worker. Registrations are
 * collected in memory and written by a thread. No request waits for them.
 */

#ifndef NGX_HTTP_MDS_REGISTRY_H
#define NGX_HTTP_MDS_REGISTRY_H

#include "ngx_http_mds_module.h"

#include "registry/mds_device_filter.h"

typedef struct ngx_http_mds_registry_s ngx_http_mds_registry_t;

/* Creates the registry of a depot on the heap. Returns NULL if out of memory.
 */
ngx_http_mds_registry_t *
ngx_http_mds_registry_create(ngx_http_mds_depot_t *depot);

/* Writes what has been collected, and frees the registry. */
void ngx_http_mds_registry_free(ngx_http_mds_registry_t *registry);

/* Keeps the registry open (may_open: opens it), writes what has been collected,
 * and starts merges. Called every second. */
void
ngx_http_mds_registry_refresh(ngx_http_mds_registry_t     *registry,
                              const char                  *path,
                              const ngx_http_mds_bounds_t *bounds,
                              mds_device_filter_t *filter, ngx_uint_t may_open);

/* Returns 1 if the registry does not have the device as it is now, which mostly
 * takes one read of shared memory. Returns 0 if there is no registry. */
ngx_uint_t
ngx_http_mds_registry_is_news(ngx_http_mds_depot_t *depot,
                              const mds_device_t *device, int64_t now_ms);

/* Collects a device that is news, if there is room. */
void ngx_http_mds_registry_record(ngx_http_mds_depot_t *depot,
                                  const mds_device_t *device, int64_t now_ms);

#endif
