/*
 * The depots of a worker, by path. A depot is opened after the fork, and only
 * once in a process, however many locations (or, without a master, cycles) name
 * it. A timer opens depots that are not open and closes those that were
 * damaged. The error log has a line for each change of that, not for each
 * request.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_failure.h"
#include "ngx_http_mds_feed.h"
#include "ngx_http_mds_watch.h"
#include "ngx_http_mds_zone.h"

#include "base/mds_fault_guard.h"

#define NGX_HTTP_MDS_DEPOT_TIMER_MS 1000

/* The arguments and the result of a guarded evaluation. */
typedef struct {
    ngx_http_mds_depot_t    *depot;
    ngx_http_mds_evaluate_pt evaluate;
    void                    *data;
    mds_error_t             *err;
    mds_status_t             status;
} ngx_http_mds_depot_call_t;

/* The list lives as long as the process: without a master, longer than a
 * cycle. */
static ngx_http_mds_depot_t *ngx_http_mds_depots;

static ngx_http_mds_depot_t             *
ngx_http_mds_depot_create(ngx_http_mds_depot_conf_t *depot_conf);
static void ngx_http_mds_depot_timer(ngx_event_t *event);

void
ngx_http_mds_open_depots(ngx_array_t *depot_confs)
{
    ngx_http_mds_depot_conf_t **depot_conf = depot_confs->elts;

    if (!mds_fault_guard_install()) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "sigaction(SIGBUS, SIGSEGV) failed");
    }

    for (ngx_uint_t i = 0; i < depot_confs->nelts; i++) {
        (void) ngx_http_mds_depot_find(depot_conf[i]);
    }
}

void
ngx_http_mds_close_depots(void)
{
    ngx_http_mds_depot_t *depot, *next;

    for (depot = ngx_http_mds_depots; depot != NULL; depot = next) {
        next = depot->next;

        if (depot->timer.timer_set) {
            ngx_del_timer(&depot->timer);
        }

        ngx_http_mds_fleet_free(depot->fleet);
        mds_depot_close(depot->handle);
        ngx_http_mds_env_close(&depot->state);
        ngx_http_mds_registry_free(depot->registry);
        ngx_http_mds_watch_set_free(depot->watch);
        ngx_http_mds_feed_free(depot->feed);
        ngx_http_mds_versions_free(depot->versions);
        ngx_free(depot->series);
        ngx_free(depot);
    }

    ngx_http_mds_depots = NULL;
}

ngx_http_mds_depot_t *
ngx_http_mds_depot_find(ngx_http_mds_depot_conf_t *depot_conf)
{
    ngx_http_mds_depot_t *depot;

    if (depot_conf->depot != NULL) {
        return depot_conf->depot;
    }

    for (depot = ngx_http_mds_depots; depot != NULL; depot = depot->next) {
        if (ngx_strcmp(depot->path.data, depot_conf->path.data) == 0) {
            break;
        }
    }

    if (depot == NULL) {
        depot = ngx_http_mds_depot_create(depot_conf);

    } else {
        /* Without a master, a new cycle can have other bounds. The memory of
         * the filter and of the counters remains. */
        depot->bounds = depot_conf->bounds;
    }

    depot_conf->depot = depot;

    return depot;
}

static ngx_http_mds_depot_t *
ngx_http_mds_depot_create(ngx_http_mds_depot_conf_t *depot_conf)
{
    ngx_str_t            *path = &depot_conf->path;
    ngx_http_mds_depot_t *depot;

    depot = ngx_calloc(sizeof(*depot) + path->len + 1, ngx_cycle->log);
    if (depot == NULL) {
        return NULL;
    }

    depot->registry = ngx_http_mds_registry_create(depot);
    depot->series = ngx_calloc(sizeof(*depot->series), ngx_cycle->log);
    depot->fleet = ngx_http_mds_fleet_create(depot);
    if (depot->registry == NULL || depot->series == NULL
        || depot->fleet == NULL) {
        ngx_http_mds_fleet_free(depot->fleet);
        ngx_http_mds_registry_free(depot->registry);
        ngx_free(depot->series);
        ngx_free(depot);
        return NULL;
    }

    depot->bounds = depot_conf->bounds;
    depot->filter = ngx_http_mds_zone_filter(depot_conf);
    depot->number = ngx_http_mds_counters_depot(depot_conf);
    depot->path.len = path->len;
    depot->path.data = (u_char *) (depot + 1);
    ngx_cpystrn(depot->path.data, path->data, path->len + 1);
    ngx_http_mds_commit_queue_init(&depot->queue, depot);

    depot->timer.handler = ngx_http_mds_depot_timer;
    depot->timer.data = depot;
    depot->timer.cancelable = 1;

    depot->next = ngx_http_mds_depots;
    ngx_http_mds_depots = depot;

    ngx_http_mds_depot_timer(&depot->timer);

    return depot;
}

static void
ngx_http_mds_depot_close(ngx_http_mds_depot_t *depot, mds_status_t status,
                         const mds_error_t *err)
{
    mds_depot_close(depot->handle);
    depot->handle = NULL;

    if (depot->status != status) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\" is not served: %s", &depot->path,
                      err->text);
        depot->status = status;
    }
}

static void
ngx_http_mds_depot_open(ngx_http_mds_depot_t *depot)
{
    mds_error_t  err = { .status = MDS_OK };
    mds_status_t status;

    depot->opened = ngx_current_msec;
    depot->openings++;
    mds_series_cache_clear(depot->series);
    status = mds_depot_open((char *) depot->path.data, &err, &depot->handle);

    if (status != MDS_OK) {
        ngx_http_mds_depot_close(depot, status, &err);
        return;
    }

    if (depot->status != MDS_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\" is served again", &depot->path);
        depot->status = MDS_OK;
    }
}

/* Logs a generation that failed validation; it is retried often, but logged
 * once. */
static void
ngx_http_mds_depot_warn(ngx_http_mds_depot_t *depot, const mds_error_t *warning)
{
    uint32_t checksum
        = ngx_crc32_short((u_char *) warning->text, ngx_strlen(warning->text));

    if (depot->warned == checksum) {
        return;
    }

    depot->warned = checksum;
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "mds depot \"%V\": %s; the generation before it is served",
                  &depot->path, warning->text);
}

/* Begins an evaluation on the newest good generation; a failure closes the
 * depot. */
static mds_status_t
ngx_http_mds_depot_begin(ngx_http_mds_depot_t *depot, mds_error_t *err,
                         mds_catalog_t **catalog)
{
    mds_status_t status;

    status = mds_depot_begin(depot->handle, ngx_current_msec, err, catalog);
    if (status != MDS_OK) {
        ngx_http_mds_depot_close(depot, status, err);
        return status;
    }

    depot->serial = mds_catalog_serial(*catalog);

    if (err->text[0] != '\0') {
        ngx_http_mds_depot_warn(depot, err);
    }

    if (!depot->validating && mds_depot_needs_job(depot->handle)) {
        ngx_http_mds_validation_start(depot);
    }

    return MDS_OK;
}

/* Checks that the depot is still the one that was opened, opens it otherwise,
 * and follows CURRENT even if no request comes. */
static void
ngx_http_mds_depot_check(void *data)
{
    ngx_http_mds_depot_t *depot = data;
    mds_error_t           err = { .status = MDS_OK };
    mds_catalog_t        *catalog;
    mds_status_t          status;

    if (depot->handle != NULL) {
        status = mds_depot_check(depot->handle, &err);
        if (status != MDS_OK) {
            ngx_http_mds_depot_close(depot, status, &err);
        }
    }

    if (depot->handle == NULL) {
        ngx_http_mds_depot_open(depot);
    }

    if (depot->handle != NULL) {
        status = ngx_http_mds_depot_begin(depot, &err, &catalog);
        (void) status; /* a failure has closed the depot */
    }
}

/* Closes the depot after a fault. The damaged file is not known, so the catalog
 * is validated again, and the state is read completely before it is used. */
static mds_status_t
ngx_http_mds_depot_on_fault(ngx_http_mds_depot_t *depot, mds_error_t *err)
{
    mds_status_t status = mds_fail(err, MDS_DAMAGED,
                                   "a file of it was damaged while it was"
                                   " read");

    ngx_http_mds_depot_close(depot, status, err);
    ngx_http_mds_env_quarantine(&depot->state);
    ngx_http_mds_count_fault(depot);

    return status;
}

void
ngx_http_mds_depot_guard_call(ngx_http_mds_depot_t *depot,
                              void (*call)(void *data), void *data)
{
    mds_error_t err;

    if (!mds_fault_guard_call(call, data)) {
        (void) ngx_http_mds_depot_on_fault(depot, &err);
    }
}

static void
ngx_http_mds_depot_timer(ngx_event_t *event)
{
    ngx_http_mds_depot_t *depot = event->data;
    char                 *path = (char *) depot->path.data;
    ngx_uint_t            is_open;

    /* Without a master, a new cycle has another log. */
    event->log = ngx_cycle->log;

    ngx_http_mds_depot_guard_call(depot, ngx_http_mds_depot_check, depot);
    is_open = ngx_http_mds_depot_is_open(depot);
    ngx_http_mds_env_clear_stale_readers(&depot->state);

    /* Where there is no catalog, nobody needs the state or the registry: a
     * depot that is missing is one line in the log. */
    if (!ngx_http_mds_commit_queue_is_busy(&depot->queue)) {
        ngx_http_mds_env_refresh(&depot->state, path, &depot->bounds, is_open);
    }

    ngx_http_mds_commit_start(&depot->queue);
    ngx_http_mds_fleet_refresh(depot->fleet);
    ngx_http_mds_registry_refresh(depot->registry, path, &depot->bounds,
                                  depot->filter, is_open);
    ngx_http_mds_counters_refresh(depot);

    ngx_add_timer(event, NGX_HTTP_MDS_DEPOT_TIMER_MS);
}

void
ngx_http_mds_depot_log_state_error(ngx_http_mds_depot_t *depot,
                                   const mds_error_t    *err)
{
    /* That the state could not be opened was logged then. */
    if (!depot->state.error_logged
        && ngx_http_mds_env_get(&depot->state) != NULL) {
        depot->state.error_logged = 1;
        ngx_http_mds_log_failure(ngx_cycle->log, NGX_LOG_ERR,
                                 "mds depot \"%V\": %s", &depot->path,
                                 err->text);
    }
}

static void
ngx_http_mds_depot_evaluate_guarded(void *data)
{
    ngx_http_mds_depot_call_t *call = data;
    ngx_http_mds_depot_t      *depot = call->depot;
    mds_snapshot_t             snapshot;

    call->status
        = ngx_http_mds_depot_begin(depot, call->err, &snapshot.catalog);
    if (call->status != MDS_OK) {
        return;
    }

    snapshot.state = ngx_http_mds_env_get(&depot->state);
    call->status = call->evaluate(&snapshot, call->data, call->err);

    if (snapshot.state != NULL) {
        mds_state_end(snapshot.state);
    }

    if (call->status == MDS_DAMAGED || call->status == MDS_INCOMPATIBLE
        || call->status == MDS_IO)
    {
        ngx_http_mds_depot_close(depot, call->status, call->err);
    }
}

mds_status_t
ngx_http_mds_depot_evaluate(ngx_http_mds_depot_t    *depot,
                            ngx_http_mds_evaluate_pt evaluate, void *data,
                            mds_error_t *err)
{
    ngx_http_mds_depot_call_t call
        = { .depot = depot, .evaluate = evaluate, .data = data, .err = err };

    if (!ngx_http_mds_depot_is_open(depot)) {
        return mds_fail(err, MDS_NOT_FOUND, "the depot is not open");
    }

    if (mds_fault_guard_call(ngx_http_mds_depot_evaluate_guarded, &call)) {
        return call.status;
    }

    call.status = ngx_http_mds_depot_on_fault(depot, err);

    /* If only the state was damaged, the catalog is served again at once; but
     * not for each request of a flood. */
    if (ngx_current_msec - depot->opened >= NGX_HTTP_MDS_DEPOT_TIMER_MS) {
        ngx_http_mds_depot_guard_call(depot, ngx_http_mds_depot_check, depot);
    }

    return call.status;
}
