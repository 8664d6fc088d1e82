/*
 * The depots of a worker, by path. One is opened after the fork, and once in
 * a process however many locations or, without a master, cycles name it. A
 * timer looks at each: it opens what is not open, and closes what has gone
 * bad. The error log has a line for every change of that, not for a request.
 */

#include "ngx_http_mds_module.h"

#define NGX_HTTP_MDS_LOOK_MS 1000

struct ngx_http_mds_depot_s {
    ngx_str_t    path;    /* zero-terminated */
    mds_depot_t *depot;   /* NULL: not open */
    mds_status_t status;  /* why not; as it was logged last */
    uint32_t     warned;  /* checksum of the last warning logged */
    ngx_msec_t   opened;  /* when that was tried last */
    ngx_uint_t   opening; /* counts these */
    ngx_http_mds_validation_t
              *validation; /* of a generation; NULL: none under way */
    ngx_uint_t job;        /* which opening it is for */
    ngx_http_mds_bounds_t        bounds;
    ngx_http_mds_env_t           state;
    ngx_http_mds_commit_queue_t *queue; /* of writes; NULL: none yet */
    ngx_http_mds_registry_t     *registry;
    ngx_event_t                  timer;
    ngx_http_mds_depot_t        *next;
};

/* An evaluation, for the guard. */
typedef struct {
    ngx_http_mds_depot_t    *depot;
    ngx_http_mds_evaluate_pt evaluate;
    void                    *data;
    mds_error_t             *err;
    mds_status_t             status;
} ngx_http_mds_call_t;

/* A validation that is taken in, for the guard. */
typedef struct {
    ngx_http_mds_depot_t *depot;
    mds_validate_job_t   *job;
} ngx_http_mds_adoption_t;

/* Lives as long as the process: with no master, longer than a cycle. */
static ngx_http_mds_depot_t *ngx_http_mds_depots;

static ngx_http_mds_depot_t             *
ngx_http_mds_depot_create(ngx_http_mds_depot_conf_t *depot_conf);
static void ngx_http_mds_depot_open(ngx_http_mds_depot_t *depot);
static void
ngx_http_mds_depot_close(ngx_http_mds_depot_t *depot, mds_status_t status,
                         const mds_error_t *err);
static void ngx_http_mds_depot_timer(ngx_event_t *event);
static void ngx_http_mds_depot_poll(ngx_http_mds_depot_t *depot);

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

        mds_depot_close(depot->depot);
        ngx_http_mds_env_close(&depot->state);
        ngx_http_mds_commit_queue_free(depot->queue);
        ngx_http_mds_registry_free(depot->registry);
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
        /* Without a master, another cycle may say otherwise. */
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
    if (depot->registry == NULL) {
        ngx_free(depot);
        return NULL;
    }

    depot->bounds = depot_conf->bounds;
    depot->state.kind = &ngx_http_mds_state_kind;
    depot->path.len = path->len;
    depot->path.data = (u_char *) (depot + 1);
    ngx_cpystrn(depot->path.data, path->data, path->len + 1);

    depot->timer.handler = ngx_http_mds_depot_timer;
    depot->timer.data = depot;
    depot->timer.log = ngx_cycle->log;
    depot->timer.cancelable = 1;

    depot->next = ngx_http_mds_depots;
    ngx_http_mds_depots = depot;

    ngx_http_mds_depot_timer(&depot->timer);

    return depot;
}

static void
ngx_http_mds_depot_open(ngx_http_mds_depot_t *depot)
{
    mds_error_t  err = { .status = MDS_OK };
    mds_status_t status;

    depot->opened = ngx_current_msec;
    depot->opening++;
    status = mds_depot_open((char *) depot->path.data, &err, &depot->depot);

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

static void
ngx_http_mds_depot_close(ngx_http_mds_depot_t *depot, mds_status_t status,
                         const mds_error_t *err)
{
    mds_depot_close(depot->depot);
    depot->depot = NULL;

    if (depot->status != status) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\" is not served: %s", &depot->path,
                      err->text);
        depot->status = status;
    }
}

/*
 * A fault ended a look. Nobody knows in which file it was: the catalog is to
 * be proved again, and the state to be read whole before it is used.
 */
static mds_status_t
ngx_http_mds_depot_on_fault(ngx_http_mds_depot_t *depot, mds_error_t *err)
{
    mds_status_t status = mds_fail(err, MDS_DAMAGED,
                                   "a file of it was damaged while it was"
                                   " read");

    ngx_http_mds_depot_close(depot, status, err);
    ngx_http_mds_depot_quarantine_state(depot);

    return status;
}

static void
ngx_http_mds_depot_check(void *data)
{
    ngx_http_mds_depot_t *depot = data;
    mds_error_t           err = { .status = MDS_OK };
    mds_status_t          status;

    if (depot->depot != NULL) {
        status = mds_depot_check(depot->depot, &err);
        if (status != MDS_OK) {
            ngx_http_mds_depot_close(depot, status, &err);
        }
    }

    if (depot->depot == NULL) {
        ngx_http_mds_depot_open(depot);
    }

    if (depot->depot != NULL) {
        ngx_http_mds_depot_poll(depot);
    }
}

static void
ngx_http_mds_depot_timer(ngx_event_t *event)
{
    ngx_http_mds_depot_t *depot = event->data;
    mds_error_t           err;

    /* Without a master the cycle, and its log, may be another by now. */
    event->log = ngx_cycle->log;

    if (!mds_fault_guard_call(ngx_http_mds_depot_check, depot)) {
        (void) ngx_http_mds_depot_on_fault(depot, &err);
    }

    ngx_http_mds_env_clear_stale_readers(&depot->state);

    if (!ngx_http_mds_commit_queue_is_busy(depot->queue)) {
        ngx_http_mds_env_refresh(&depot->state, (char *) depot->path.data,
                                 &depot->bounds);
    }

    ngx_http_mds_registry_refresh(depot->registry, (char *) depot->path.data,
                                  &depot->bounds);

    ngx_add_timer(event, NGX_HTTP_MDS_LOOK_MS);
}

ngx_str_t *
ngx_http_mds_depot_path(ngx_http_mds_depot_t *depot)
{
    return &depot->path;
}

ngx_uint_t
ngx_http_mds_depot_is_open(ngx_http_mds_depot_t *depot)
{
    return depot != NULL && depot->depot != NULL;
}

mds_state_t *
ngx_http_mds_depot_state(ngx_http_mds_depot_t *depot)
{
    return ngx_http_mds_env_get(&depot->state);
}

ngx_uint_t
ngx_http_mds_depot_is_writing(ngx_http_mds_depot_t *depot)
{
    return ngx_http_mds_commit_queue_is_busy(depot->queue);
}

ngx_http_mds_registry_t *
ngx_http_mds_depot_registry(ngx_http_mds_depot_t *depot)
{
    return depot->registry;
}

void
ngx_http_mds_depot_log_state_error(ngx_http_mds_depot_t *depot,
                                   const mds_error_t    *err)
{
    /* Where there is none, that was logged when it could not be opened. */
    if (!depot->state.error_logged
        && ngx_http_mds_env_get(&depot->state) != NULL) {
        depot->state.error_logged = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "mds depot \"%V\": %s",
                      &depot->path, err->text);
    }
}

void
ngx_http_mds_depot_quarantine_state(ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_env_quarantine(&depot->state);
}

ngx_http_mds_commit_queue_t **
ngx_http_mds_depot_queue(ngx_http_mds_depot_t *depot)
{
    return &depot->queue;
}

/* A generation that fails is tried again and again, but told of once. */
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

/* The newest good generation, or none: then the depot is closed. */
static mds_status_t
ngx_http_mds_depot_begin(ngx_http_mds_depot_t *depot, mds_error_t *err,
                         mds_catalog_t **catalog)
{
    mds_status_t status;

    status = mds_depot_begin(depot->depot, ngx_current_msec, err, catalog);

    if (status != MDS_OK) {
        ngx_http_mds_depot_close(depot, status, err);
        return status;
    }

    if (err->text[0] != '\0') {
        ngx_http_mds_depot_warn(depot, err);
    }

    if (depot->validation == NULL && mds_depot_needs_job(depot->depot)) {
        depot->validation = ngx_http_mds_validation_start(depot, depot->depot);
        depot->job = depot->opening;
    }

    return MDS_OK;
}

static void
ngx_http_mds_depot_adopt_guarded(void *data)
{
    ngx_http_mds_adoption_t *adoption = data;
    ngx_http_mds_depot_t    *depot = adoption->depot;

    mds_validate_job_end(adoption->job,
                         depot->job == depot->opening ? depot->depot : NULL);
}

void
ngx_http_mds_depot_adopt(ngx_http_mds_depot_t *depot, mds_validate_job_t *job)
{
    ngx_http_mds_adoption_t adoption = { depot, job };
    mds_error_t             err;

    depot->validation = NULL;

    /* Others are told of it, in a file. */
    if (!mds_fault_guard_call(ngx_http_mds_depot_adopt_guarded, &adoption)) {
        (void) ngx_http_mds_depot_on_fault(depot, &err);
    }
}

/* So that a worker whom nobody asks anything does not fall behind. */
static void
ngx_http_mds_depot_poll(ngx_http_mds_depot_t *depot)
{
    mds_error_t    err;
    mds_catalog_t *catalog;

    if (ngx_http_mds_depot_begin(depot, &err, &catalog) == MDS_OK) {
        mds_depot_end(depot->depot);
    }
}

static void
ngx_http_mds_depot_call(void *data)
{
    ngx_http_mds_call_t  *call = data;
    ngx_http_mds_depot_t *depot = call->depot;
    mds_snapshot_t        snapshot;

    call->status
        = ngx_http_mds_depot_begin(depot, call->err, &snapshot.catalog);
    if (call->status != MDS_OK) {
        return;
    }

    snapshot.state = ngx_http_mds_depot_state(depot);
    call->status = call->evaluate(&snapshot, call->data, call->err);

    if (snapshot.state != NULL) {
        mds_state_end(snapshot.state);
    }

    mds_depot_end(depot->depot);

    if (call->status == MDS_DAMAGED || call->status == MDS_INCOMPATIBLE
        || call->status == MDS_IO)
    {
        ngx_http_mds_depot_close(depot, call->status, call->err);
    }
}

/* What was lost may have been the state alone: at once, but not in a row. */
static void
ngx_http_mds_depot_reopen(ngx_http_mds_depot_t *depot)
{
    if (ngx_current_msec - depot->opened < NGX_HTTP_MDS_LOOK_MS) {
        return;
    }

    if (!mds_fault_guard_call(ngx_http_mds_depot_check, depot)) {
        mds_error_t err;

        (void) ngx_http_mds_depot_on_fault(depot, &err);
    }
}

mds_status_t
ngx_http_mds_depot_evaluate(ngx_http_mds_depot_t    *depot,
                            ngx_http_mds_evaluate_pt evaluate, void *data,
                            mds_error_t *err)
{
    ngx_http_mds_call_t call
        = { .depot = depot, .evaluate = evaluate, .data = data, .err = err };

    if (!ngx_http_mds_depot_is_open(depot)) {
        return mds_fail(err, MDS_NOT_FOUND, "the depot is not open");
    }

    if (mds_fault_guard_call(ngx_http_mds_depot_call, &call)) {
        return call.status;
    }

    call.status = ngx_http_mds_depot_on_fault(depot, err);
    ngx_http_mds_depot_reopen(depot);

    return call.status;
}
