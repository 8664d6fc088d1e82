/*
 * The depots of a worker, by path. One is opened after the fork, and once in
 * a process however many locations or, without a master, cycles name it. A
 * timer looks at each: it opens what is not open, and closes what has gone
 * bad. The error log has a line for every change of that, not for a request.
 */

#include "ngx_http_mds_module.h"

#define NGX_HTTP_MDS_LOOK_MS 1000

struct ngx_http_mds_depot_s {
    ngx_str_t             path;      /* zero-terminated */
    mds_depot_t          *depot;     /* NULL: not open */
    mds_status_t          status;    /* why not; as it was logged last */
    uint32_t              warned;    /* checksum of the last warning logged */
    mds_state_t          *state;     /* NULL: not to be had */
    mds_status_t          stateless; /* why not; as it was logged last */
    ngx_http_mds_queue_t *queue;     /* of writes; NULL: none yet */
    ngx_event_t           timer;
    ngx_http_mds_depot_t *next;
};

/* An evaluation, for the guard. */
typedef struct {
    ngx_http_mds_depot_t    *depot;
    ngx_http_mds_evaluate_pt evaluate;
    void                    *data;
    mds_error_t             *err;
    mds_status_t             status;
} ngx_http_mds_call_t;

/* Lives as long as the process: with no master, longer than a cycle. */
static ngx_http_mds_depot_t *ngx_http_mds_depots;

static ngx_http_mds_depot_t *ngx_http_mds_depot_create(ngx_str_t *path);
static void ngx_http_mds_depot_open(ngx_http_mds_depot_t *depot);
static void
ngx_http_mds_depot_close(ngx_http_mds_depot_t *depot, mds_status_t status,
                         const mds_error_t *err);
static void ngx_http_mds_depot_timer(ngx_event_t *event);

void
ngx_http_mds_open_depots(ngx_array_t *places)
{
    ngx_http_mds_place_t **place = places->elts;

    ngx_http_mds_guard_init(ngx_cycle->log);

    for (ngx_uint_t i = 0; i < places->nelts; i++) {
        (void) ngx_http_mds_depot(place[i]);
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
        mds_state_close(depot->state);
        ngx_free(depot->queue);
        ngx_free(depot);
    }

    ngx_http_mds_depots = NULL;
}

ngx_http_mds_depot_t *
ngx_http_mds_depot(ngx_http_mds_place_t *place)
{
    ngx_http_mds_depot_t *depot;

    if (place->depot != NULL) {
        return place->depot;
    }

    for (depot = ngx_http_mds_depots; depot != NULL; depot = depot->next) {
        if (ngx_strcmp(depot->path.data, place->path.data) == 0) {
            break;
        }
    }

    if (depot == NULL) {
        depot = ngx_http_mds_depot_create(&place->path);
    }

    place->depot = depot;

    return depot;
}

static ngx_http_mds_depot_t *
ngx_http_mds_depot_create(ngx_str_t *path)
{
    ngx_http_mds_depot_t *depot;

    depot = ngx_calloc(sizeof(*depot) + path->len + 1, ngx_cycle->log);
    if (depot == NULL) {
        return NULL;
    }

    depot->path.len = path->len;
    depot->path.data = (u_char *) (depot + 1);
    ngx_cpystrn(depot->path.data, path->data, path->len + 1);

    depot->timer.handler = ngx_http_mds_depot_timer;
    depot->timer.data = depot;
    depot->timer.log = ngx_cycle->log;
    depot->timer.cancelable = 1;

    depot->next = ngx_http_mds_depots;
    ngx_http_mds_depots = depot;

    ngx_http_mds_depot_open(depot);
    ngx_add_timer(&depot->timer, NGX_HTTP_MDS_LOOK_MS);

    return depot;
}

/* Decisions that need no state go on without it. */
static void
ngx_http_mds_depot_open_state(ngx_http_mds_depot_t *depot)
{
    mds_error_t  err = { .status = MDS_OK };
    mds_status_t status;

    status = mds_state_open((char *) depot->path.data, &err, &depot->state);

    if (status != MDS_OK && status != depot->stateless) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": windows are closed: %s", &depot->path,
                      err.text);
    }

    depot->stateless = status;
}

/* It was taken away, or another put in its place. */
static void
ngx_http_mds_depot_check_state(ngx_http_mds_depot_t *depot)
{
    mds_error_t err;

    if (!ngx_http_mds_queue_is_busy(depot->queue)
        && mds_state_check(depot->state, &err) != MDS_OK)
    {
        mds_state_close(depot->state);
        depot->state = NULL;
        ngx_http_mds_depot_open_state(depot);
    }
}

static void
ngx_http_mds_depot_open(ngx_http_mds_depot_t *depot)
{
    mds_error_t  err = { .status = MDS_OK };
    mds_status_t status;

    /* Its files may be others now; no environment is opened twice at once. */
    if (ngx_http_mds_queue_is_busy(depot->queue)) {
        return;
    }

    mds_state_close(depot->state);
    depot->state = NULL;

    status = mds_depot_open((char *) depot->path.data, &err, &depot->depot);

    if (status != MDS_OK) {
        ngx_http_mds_depot_close(depot, status, &err);
        return;
    }

    ngx_http_mds_depot_open_state(depot);

    if (depot->status != MDS_OK) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
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

/* A file was cut short under a reader: what was open goes, as it is. */
static mds_status_t
ngx_http_mds_depot_lost(ngx_http_mds_depot_t *depot, mds_error_t *err)
{
    mds_status_t status = mds_fail(err, MDS_DAMAGED,
                                   "a file of it was cut short while it was"
                                   " read");

    ngx_http_mds_depot_close(depot, status, err);

    return status;
}

static void
ngx_http_mds_depot_look(void *data)
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

    } else if (depot->state == NULL) {
        ngx_http_mds_depot_open_state(depot);

    } else {
        ngx_http_mds_depot_check_state(depot);
    }
}

static void
ngx_http_mds_depot_timer(ngx_event_t *event)
{
    ngx_http_mds_depot_t *depot = event->data;
    mds_error_t           err;

    /* Without a master the cycle, and its log, may be another by now. */
    event->log = ngx_cycle->log;

    if (ngx_http_mds_guard(ngx_http_mds_depot_look, depot) != NGX_OK) {
        (void) ngx_http_mds_depot_lost(depot, &err);
    }

    ngx_add_timer(event, NGX_HTTP_MDS_LOOK_MS);
}

ngx_uint_t
ngx_http_mds_depot_is_open(ngx_http_mds_depot_t *depot)
{
    return depot != NULL && depot->depot != NULL;
}

mds_state_t *
ngx_http_mds_depot_state(ngx_http_mds_depot_t *depot)
{
    return depot->state;
}

ngx_http_mds_queue_t **
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

static void
ngx_http_mds_depot_call(void *data)
{
    ngx_http_mds_call_t  *call = data;
    ngx_http_mds_depot_t *depot = call->depot;
    mds_snapshot_t        snapshot;

    call->status = mds_depot_begin(depot->depot, call->err, &snapshot);

    if (call->status != MDS_OK) {
        ngx_http_mds_depot_close(depot, call->status, call->err);
        return;
    }

    if (call->err->text[0] != '\0') {
        ngx_http_mds_depot_warn(depot, call->err);
    }

    snapshot.state = depot->state;
    call->status = call->evaluate(&snapshot, call->data, call->err);

    if (depot->state != NULL) {
        mds_state_end(depot->state);
    }

    mds_depot_end(depot->depot);

    if (call->status == MDS_DAMAGED || call->status == MDS_FOREIGN
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
    ngx_http_mds_call_t call
        = { .depot = depot, .evaluate = evaluate, .data = data, .err = err };

    if (!ngx_http_mds_depot_is_open(depot)) {
        return mds_fail(err, MDS_NOT_FOUND, "the depot is not open");
    }

    if (ngx_http_mds_guard(ngx_http_mds_depot_call, &call) != NGX_OK) {
        return ngx_http_mds_depot_lost(depot, err);
    }

    return call.status;
}
