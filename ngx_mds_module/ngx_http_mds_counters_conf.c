/*
 * The configuration of the counters: the shared memory, with a slot for each
 * worker, and the number of each depot.
 */

#include "ngx_http_mds_counters.h"

#include "ngx_http_mds_zone.h"

#include "base/mds_time.h"

#define NGX_HTTP_MDS_ZONE_DEFAULT (8 * 1024 * 1024)

static ngx_int_t
ngx_http_mds_counters_init_zone(ngx_shm_zone_t *zone, void *data);

char *
ngx_http_mds_check_counters_size(ngx_conf_t *cf, void *post, void *data)
{
    ssize_t *bytes = data;

    return *bytes != 0 && *bytes < (ssize_t) MDS_COUNTERS_BYTES_MIN
               ? "must be 0, or at least 1m"
               : NGX_CONF_OK;
}

/* Returns the number of workers of two cycles: during a reload, those of the
 * old one still answer. */
static ngx_uint_t
ngx_http_mds_counters_slots(ngx_conf_t *cf)
{
    ngx_core_conf_t *ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                                            ngx_core_module);
    ngx_int_t        workers = ngx_max(ccf->worker_processes, ngx_ncpu);

    return 2 * (ngx_uint_t) ngx_max(workers, 1) + 2;
}

ngx_int_t
ngx_http_mds_counters_init(ngx_conf_t *cf)
{
    static ngx_str_t          name = ngx_string("mds_counters");
    ngx_http_mds_main_conf_t *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mds_module);
    ngx_conf_init_size_value(mcf->zone_size, NGX_HTTP_MDS_ZONE_DEFAULT);

    if (mcf->zone_size == 0 || mcf->depot_confs.nelts == 0) {
        return NGX_OK;
    }

    mcf->zone = ngx_shared_memory_add(cf, &name, mcf->zone_size,
                                      &ngx_http_mds_module);
    if (mcf->zone == NULL) {
        return NGX_ERROR;
    }

    mcf->slot_count = ngx_http_mds_counters_slots(cf);
    mcf->zone->init = ngx_http_mds_counters_init_zone;
    mcf->zone->data = mcf;

    return ngx_http_mds_add_handler(cf, NGX_HTTP_LOG_PHASE,
                                    ngx_http_mds_counters_log);
}

/* Initializes the zone. data is the configuration of the cycle before, whose
 * memory is reused; if NULL, the memory is new, and zero. */
static ngx_int_t
ngx_http_mds_counters_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_mds_main_conf_t   *mcf = zone->data, *before = data;
    ngx_http_mds_depot_conf_t **depot_conf = mcf->depot_confs.elts;
    size_t                      bytes;
    u_char                     *memory = ngx_http_mds_zone_memory(zone, &bytes);

    mcf->counters = before != NULL
                        ? before->counters
                        : mds_counters_init(memory, bytes, mcf->slot_count,
                                            mds_time_now_ms());

    if (mcf->counters == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "\"mds_zone\" is too small for %ui workers",
                      mcf->slot_count / 2 - 1);
        return NGX_ERROR;
    }

    for (ngx_uint_t i = 0; i < mcf->depot_confs.nelts; i++) {
        depot_conf[i]->number
            = mds_counters_add_depot(mcf->counters,
                                     ngx_http_mds_view(&depot_conf[i]->path));
    }

    return NGX_OK;
}
