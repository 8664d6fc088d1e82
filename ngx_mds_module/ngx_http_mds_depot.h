/*
 * A depot in a worker: the catalog, the state, the registry, and the timer that
 * keeps them open.
 */

#ifndef NGX_HTTP_MDS_DEPOT_H
#define NGX_HTTP_MDS_DEPOT_H

#include "ngx_http_mds_commit.h"
#include "ngx_http_mds_counters.h"
#include "ngx_http_mds_env.h"
#include "ngx_http_mds_fleet.h"
#include "ngx_http_mds_module.h"
#include "ngx_http_mds_registry.h"
#include "ngx_http_mds_versions.h"

#include "catalog/mds_depot.h"
#include "evaluate/mds_snapshot.h"

struct ngx_http_mds_depot_s {
    ngx_str_t                   path;       /* zero-terminated */
    mds_depot_t                *handle;     /* NULL: not open */
    mds_status_t                status;     /* of the last attempt, as logged */
    uint32_t                    warned;     /* checksum of the last warning */
    ngx_msec_t                  opened;     /* time of the last attempt */
    ngx_uint_t                  openings;   /* counts the attempts */
    ngx_uint_t                  validating; /* a thread validates */
    ngx_http_mds_bounds_t       bounds;
    mds_device_filter_t        *filter; /* of the registry */
    ngx_http_mds_env_t          state;
    ngx_http_mds_commit_queue_t queue;
    ngx_http_mds_registry_t    *registry;
    ngx_http_mds_fleet_t       *fleet;
    ngx_uint_t                  number;   /* in the counters */
    uint64_t                    serial;   /* of the generation used last */
    mds_series_cache_t         *series;   /* of decisions */
    ngx_http_mds_versions_t    *versions; /* NULL: nobody has asked */
    ngx_http_mds_watch_set_t   *watch;    /* NULL: nobody watches yet */
    ngx_http_mds_feed_t        *feed;     /* NULL: no edge has asked yet */
    ngx_event_t                 timer;
    ngx_http_mds_depot_t       *next;
};

/* Evaluates something on a snapshot. A fault may end it anywhere, so it owns
 * nothing meanwhile. */
typedef mds_status_t (*ngx_http_mds_evaluate_pt)(const mds_snapshot_t *snapshot,
                                                 void *data, mds_error_t *err);

/* Opens the depots of all depot_confs in a worker; the timer retries those that
 * fail. */
void ngx_http_mds_open_depots(ngx_array_t *depot_confs);
void ngx_http_mds_close_depots(void);

/* Returns the depot of a path in this process and creates it at first use;
 * NULL: out of memory. */
ngx_http_mds_depot_t *
ngx_http_mds_depot_find(ngx_http_mds_depot_conf_t *depot_conf);

/* Returns the depot of the request's location; NULL: out of memory. */
static inline ngx_http_mds_depot_t *
ngx_http_mds_get_depot(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    return mlcf->depot_conf->depot != NULL
               ? mlcf->depot_conf->depot
               : ngx_http_mds_depot_find(mlcf->depot_conf);
}

static inline ngx_uint_t
ngx_http_mds_depot_is_open(const ngx_http_mds_depot_t *depot)
{
    return depot != NULL && depot->handle != NULL;
}

/*
 * Calls evaluate on the newest good generation and returns its result. A depot
 * that turns out to be damaged is logged and closed until it is good again: ask
 * ngx_http_mds_depot_is_open() after a failure.
 */
mds_status_t ngx_http_mds_depot_evaluate(ngx_http_mds_depot_t    *depot,
                                         ngx_http_mds_evaluate_pt evaluate,
                                         void *data, mds_error_t *err);

/* Remember and look up a device that was told to install a release, by
 * mds_install_hash(). */
void ngx_http_mds_installs_add(ngx_http_mds_depot_t *depot, uint64_t hash);
bool ngx_http_mds_installs_have(ngx_http_mds_depot_t *depot, uint64_t hash);

/* Makes a guarded call; a fault closes the depot. */
void ngx_http_mds_depot_guard_call(ngx_http_mds_depot_t *depot,
                                   void (*call)(void *data), void *data);

/* Logs that the state cannot be read, once until it is opened again. */
void ngx_http_mds_depot_log_state_error(ngx_http_mds_depot_t *depot,
                                        const mds_error_t    *err);

/* Validates in a thread the generation that depot->handle has put off. Failure
 * to start is ignored: the next request tries again. */
void ngx_http_mds_validation_start(ngx_http_mds_depot_t *depot);

#endif
