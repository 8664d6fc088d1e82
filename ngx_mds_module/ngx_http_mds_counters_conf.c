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

    mcf->core_conf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                                      ngx_core_module);
    mcf->zone->init = ngx_http_mds_counters_init_zone;
    mcf->zone->data = mcf;

    return ngx_http_mds_add_handler(cf, NGX_HTTP_LOG_PHASE,
                                    ngx_http_mds_counters_log);
}

/* Makes the counters with a slot for each worker of two cycles, since those of
 * the old one still answer during a reload; in a small zone, of one. */
static mds_counter_zone_t *
ngx_http_mds_counters_make(const ngx_shm_zone_t *zone, unsigned workers)
{
    int64_t             now_ms = mds_time_now_ms();
    size_t              bytes;
    u_char             *memory = ngx_http_mds_zone_memory(zone, &bytes);
    mds_counter_zone_t *counters
        = mds_counters_init(memory, bytes, 2 * workers + 2, now_ms);

    return counters != NULL ? counters
                            : mds_counters_init(memory, bytes, workers, now_ms);
}

/* Gives each depot its number in the counters. */
static void
ngx_http_mds_counters_add_depots(ngx_http_mds_main_conf_t *mcf, ngx_log_t *log)
{
    ngx_http_mds_depot_conf_t **depot_conf = mcf->depot_confs.elts;

    for (ngx_uint_t i = 0; i < mcf->depot_confs.nelts; i++) {
        depot_conf[i]->number
            = mds_counters_add_depot(mcf->counters,
                                     ngx_http_mds_view(&depot_conf[i]->path));

        if (depot_conf[i]->number == MDS_COUNTERS_DEPOT_OTHER) {
            ngx_log_error(NGX_LOG_WARN, log, 0,
                          "mds depot \"%V\" is counted under \"other\":"
                          " \"mds_zone\" has room for %d depots, with paths"
                          " of less than %d bytes",
                          &depot_conf[i]->path, MDS_COUNTERS_DEPOTS_MAX,
                          MDS_COUNTERS_DEPOT_BYTES);
        }
    }
}

/* Initializes the zone. data is the configuration of the cycle before, whose
 * memory is reused; if NULL, the memory is new, and zero. */
static ngx_int_t
ngx_http_mds_counters_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_mds_main_conf_t *mcf = zone->data, *before = data;
    ngx_uint_t                workers = mcf->core_conf->worker_processes;

    mcf->counters = before != NULL ? before->counters
                                   : ngx_http_mds_counters_make(zone, workers);

    if (mcf->counters == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "\"mds_zone\" is too small for %ui workers", workers);
        return NGX_ERROR;
    }

    ngx_http_mds_counters_add_depots(mcf, zone->shm.log);

    return NGX_OK;
}
