/*
 * The indexes of unpacked versions that a worker has read.
 */

#ifndef NGX_HTTP_MDS_ASSET_CACHE_H
#define NGX_HTTP_MDS_ASSET_CACHE_H

#include "ngx_http_mds_module.h"

#include "base/mds_asset_index.h"

/* Returns an index, which stays until the next call; NULL: there is none, or it
 * is not valid, which has been logged. The path is zero-terminated. */
const mds_asset_index_t *
ngx_http_mds_asset_cache_get(ngx_str_t *path, ngx_log_t *log);

#endif
