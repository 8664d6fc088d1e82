/*
 * The registry of devices in a worker: registrations are collected in memory
 * and written by a thread. No request waits for them.
 */

#ifndef NGX_HTTP_MDS_REGISTRY_H
#define NGX_HTTP_MDS_REGISTRY_H

#include "ngx_http_mds_module.h"

#include "state/mds_registry.h"

typedef struct ngx_http_mds_registry_s ngx_http_mds_registry_t;

/* Creates the registry of a depot on the heap; NULL: out of memory. */
ngx_http_mds_registry_t *
ngx_http_mds_registry_create(ngx_http_mds_depot_t *depot);

void ngx_http_mds_registry_free(ngx_http_mds_registry_t *registry);

/* Keeps the registry open and removes expired devices; called every second. */
void ngx_http_mds_registry_refresh(ngx_http_mds_registry_t     *registry,
                                   const char                  *path,
                                   const ngx_http_mds_bounds_t *bounds);

/* Records a device that is new or has changed, if there is room. */
void ngx_http_mds_registry_record(ngx_http_mds_depot_t     *depot,
                                  const mds_registration_t *registration,
                                  int64_t                   now_ms);

#endif
