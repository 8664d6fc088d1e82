/*
 * ngx_http_mds_versions: the versions that a depot's devices run, for
 * mds_status.
 */

#ifndef NGX_HTTP_MDS_VERSIONS_H
#define NGX_HTTP_MDS_VERSIONS_H

#include "ngx_http_mds_module.h"

#include "registry/mds_registry_versions.h"

typedef struct ngx_http_mds_versions_s ngx_http_mds_versions_t;

/* Returns the counts that were read last, and lets a thread read them again if
 * they are old. NULL: they are not read yet. */
const mds_registry_versions_t *
ngx_http_mds_versions_get(ngx_http_mds_depot_t *depot);

/* Frees the counts in a process that ends, whose threads have ended. */
void ngx_http_mds_versions_free(ngx_http_mds_versions_t *versions);

#endif
