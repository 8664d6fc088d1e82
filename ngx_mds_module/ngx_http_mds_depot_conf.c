/*
 * The configuration of depots. A depot has one structure for its path, which
 * all locations with that mds_depot share, and one state with one set of
 * bounds.
 */

#include "ngx_http_mds_depot_conf.h"

#include "ngx_http_mds_commit.h"
#include "ngx_http_mds_counters.h"
#include "ngx_http_mds_zone.h"

#include "lmdb/mds_lmdb.h"

/* LMDB reserves the address space when it opens the state. */
#define NGX_HTTP_MDS_STATE_MIN ((off_t) 1 << 20)
#define NGX_HTTP_MDS_STATE_MAX ((off_t) MDS_LMDB_MAP_BYTES)
#define NGX_HTTP_MDS_STATE_DEFAULT ((off_t) 16 << 30)

#define NGX_HTTP_MDS_DEVICE_TTL (90 * 24 * 3600)

/* Returns the depot_conf that all locations with this path share; NULL: out of
 * memory. */
static ngx_http_mds_depot_conf_t *
ngx_http_mds_depot_conf(ngx_conf_t *cf, ngx_str_t *path)
{
    ngx_http_mds_main_conf_t  *mcf;
    ngx_http_mds_depot_conf_t *depot_conf, **slot;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mds_module);

    slot = mcf->depot_confs.elts;
    for (ngx_uint_t i = 0; i < mcf->depot_confs.nelts; i++) {
        if (mds_str_eq(ngx_http_mds_view(&slot[i]->path),
                       ngx_http_mds_view(path))) {
            return slot[i];
        }
    }

    depot_conf = ngx_pcalloc(cf->pool, sizeof(*depot_conf));
    slot = ngx_array_push(&mcf->depot_confs);
    if (depot_conf == NULL || slot == NULL) {
        return NULL;
    }

    depot_conf->path.data = ngx_pnalloc(cf->pool, path->len + 1);
    if (depot_conf->path.data == NULL) {
        return NULL;
    }

    depot_conf->bounds.state_max = NGX_CONF_UNSET;
    depot_conf->bounds.device_ttl = NGX_CONF_UNSET;
    depot_conf->number = MDS_COUNTERS_DEPOT_OTHER;
    depot_conf->path.len = path->len;
    ngx_cpystrn(depot_conf->path.data, path->data, path->len + 1);
    *slot = depot_conf;

    return depot_conf;
}

char *
ngx_http_mds_depot_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mds_loc_conf_t *mlcf = conf;
    ngx_str_t                path;

    if (mlcf->depot_conf != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    path = ((ngx_str_t *) cf->args->elts)[1];
    if (path.len == 0) {
        return "needs the path of a directory";
    }

    if (ngx_conf_full_name(cf->cycle, &path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    while (path.len > 1 && path.data[path.len - 1] == '/') {
        path.len--;
    }

    mlcf->depot_conf = ngx_http_mds_depot_conf(cf, &path);

    return mlcf->depot_conf == NULL || ngx_http_mds_pool_init(cf) != NGX_OK
               ? NGX_CONF_ERROR
               : NGX_CONF_OK;
}

char *
ngx_http_mds_check_state_max(ngx_conf_t *cf, void *post, void *data)
{
    off_t *bytes = data;

    return *bytes < NGX_HTTP_MDS_STATE_MIN || *bytes > NGX_HTTP_MDS_STATE_MAX
               ? "must be from 1m to 64g"
               : NGX_CONF_OK;
}

/* Checks that a bound is the same in all locations of a depot, which share one
 * state. */
static char *
ngx_http_mds_check_bound(ngx_conf_t *cf, const char *directive, off_t depot,
                         off_t location)
{
    if (location == NGX_CONF_UNSET || depot == NGX_CONF_UNSET
        || location == depot) {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"%s\" must be the same wherever the same \"mds_depot\""
                  " applies: it is %O and %O",
                  directive, depot, location);

    return NGX_CONF_ERROR;
}

char *
ngx_http_mds_merge_bounds(ngx_conf_t *cf, ngx_http_mds_bounds_t *depot,
                          const ngx_http_mds_bounds_t *location)
{
    if (ngx_http_mds_check_bound(cf, "mds_state_max", depot->state_max,
                                 location->state_max)
            != NGX_CONF_OK
        || ngx_http_mds_check_bound(cf, "mds_device_ttl", depot->device_ttl,
                                    location->device_ttl)
               != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_off_value(depot->state_max, location->state_max,
                             NGX_CONF_UNSET);
    ngx_conf_merge_sec_value(depot->device_ttl, location->device_ttl,
                             NGX_CONF_UNSET);

    return NGX_CONF_OK;
}

ngx_int_t
ngx_http_mds_init_depot_confs(ngx_conf_t *cf)
{
    ngx_http_mds_main_conf_t   *mcf;
    ngx_http_mds_depot_conf_t **depot_conf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mds_module);
    depot_conf = mcf->depot_confs.elts;

    for (ngx_uint_t i = 0; i < mcf->depot_confs.nelts; i++) {
        ngx_conf_init_value(depot_conf[i]->bounds.state_max,
                            NGX_HTTP_MDS_STATE_DEFAULT);
        ngx_conf_init_value(depot_conf[i]->bounds.device_ttl,
                            NGX_HTTP_MDS_DEVICE_TTL);

        if (ngx_http_mds_zone_add(cf, depot_conf[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
