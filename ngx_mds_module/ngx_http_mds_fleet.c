/*
 * What a worker knows of the fleet: whether the edge shares, which the state
 * remembers, and whether the agent can be asked. Once an edge shares, it does
 * so until a command ends that: if its agent is away, it admits nobody by
 * itself.
 */

#include "ngx_http_mds_fleet_internal.h"

#include "ngx_http_mds_failure.h"

static void ngx_http_mds_fleet_tick(ngx_event_t *event);

ngx_http_mds_fleet_t *
ngx_http_mds_fleet_create(ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_fleet_t *fleet = ngx_calloc(sizeof(*fleet), ngx_cycle->log);

    if (fleet != NULL) {
        fleet->depot = depot;
        fleet->retry_ms = NGX_HTTP_MDS_FLEET_RETRY_MS;
        fleet->timer.handler = ngx_http_mds_fleet_tick;
        fleet->timer.data = fleet;
        fleet->timer.cancelable = 1;
        fleet->ask.handler = ngx_http_mds_fleet_ask_handler;
        fleet->ask.data = fleet;
        fleet->ask.log = ngx_cycle->log;
        ngx_queue_init(&fleet->asking);
        ngx_queue_init(&fleet->asked);
    }

    return fleet;
}

void
ngx_http_mds_fleet_free(ngx_http_mds_fleet_t *fleet)
{
    if (fleet == NULL) {
        return;
    }

    if (fleet->timer.timer_set) {
        ngx_del_timer(&fleet->timer);
    }

    if (fleet->ask.posted) {
        ngx_delete_posted_event(&fleet->ask);
    }

    ngx_http_mds_fleet_disconnect(fleet, NULL);
    ngx_free(fleet->feed.payload);
    ngx_free(fleet->buffers);
    ngx_free(fleet->forget);
    ngx_free(fleet);
}

ngx_uint_t
ngx_http_mds_fleet_is_shared(const ngx_http_mds_fleet_t *fleet)
{
    return mds_fleet_is_shared(&fleet->state);
}

ngx_uint_t
ngx_http_mds_fleet_is_reachable(const ngx_http_mds_fleet_t *fleet)
{
    return fleet->welcomed && fleet->reachable && fleet->late == 0;
}

static void
ngx_http_mds_fleet_read_guarded(void *data)
{
    ngx_http_mds_fleet_t *fleet = data;
    mds_state_t          *state = ngx_http_mds_env_get(&fleet->depot->state);
    mds_error_t           err;

    if (state == NULL || mds_state_begin(state, &err) != MDS_OK) {
        return;
    }

    /* What was read last remains if it cannot be read. */
    (void) mds_status_failed(mds_state_get_fleet(state, &err, &fleet->state));
    (void) mds_status_failed(
        ngx_http_mds_fleet_read_forgets(fleet, state, &err));
    mds_state_end(state);
}

void
ngx_http_mds_fleet_read_state(ngx_http_mds_fleet_t *fleet)
{
    ngx_http_mds_depot_guard_call(fleet->depot, ngx_http_mds_fleet_read_guarded,
                                  fleet);
}

/* Ends a connection on which the agent has not said a word for too long. */
static void
ngx_http_mds_fleet_check_silence(ngx_http_mds_fleet_t *fleet)
{
    ngx_msec_t since = fleet->welcomed ? fleet->late : fleet->connected;

    if (fleet->connection != NULL && since != 0
        && ngx_current_msec - since > NGX_HTTP_MDS_FLEET_SILENT_MS)
    {
        ngx_http_mds_fleet_disconnect(fleet, "it does not answer");
    }
}

/* Worker 0 sends what any worker has put into the outbox. */
static void
ngx_http_mds_fleet_tick(ngx_event_t *event)
{
    ngx_http_mds_fleet_t *fleet = event->data;

    ngx_http_mds_fleet_check_silence(fleet);
    ngx_http_mds_fleet_connect(fleet);

    if (ngx_worker == 0 && fleet->welcomed) {
        ngx_http_mds_fleet_read_state(fleet);
        ngx_http_mds_fleet_deliver(fleet);
    }

    /* Without a socket, the depot's timer is often enough. */
    if (ngx_http_mds_fleet_is_shared(fleet) && !ngx_exiting) {
        ngx_add_timer(event, NGX_HTTP_MDS_FLEET_TICK_MS);
    }
}

void
ngx_http_mds_fleet_refresh(ngx_http_mds_fleet_t *fleet)
{
    fleet->timer.log = ngx_cycle->log;
    fleet->ask.log = ngx_cycle->log;

    /* Without a master, a new cycle has other connections. */
    if (fleet->connection != NULL && fleet->cycle != ngx_cycle) {
        ngx_http_mds_fleet_disconnect(fleet, NULL);
    }

    ngx_http_mds_fleet_read_state(fleet);
    ngx_http_mds_fleet_forget(fleet);

    if (!fleet->timer.timer_set) {
        ngx_http_mds_fleet_tick(&fleet->timer);
    }
}

static ngx_int_t
ngx_http_mds_fleet_on_join(ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_fleet_t *fleet = write_req->data;
    mds_status_t          status = write_req->writes[0].status;

    fleet->joining = 0;
    ngx_free(write_req);

    if (status == MDS_OK) {
        ngx_http_mds_fleet_read_state(fleet);
    } else {
        ngx_http_mds_fleet_disconnect(fleet,
                                      "the state cannot remember the database");
    }

    return NGX_OK;
}

/* Makes the edge share from now on, durably. */
static ngx_int_t
ngx_http_mds_fleet_join(ngx_http_mds_fleet_t *fleet,
                        const uint8_t         id[MDS_FLEET_BYTES])
{
    ngx_http_mds_write_req_t *write_req = ngx_http_mds_write_own_create(1, 0);

    if (write_req == NULL) {
        return NGX_ERROR;
    }

    write_req->writes[0].type = MDS_WRITE_JOIN;
    ngx_memcpy(write_req->writes[0].join, id, MDS_FLEET_BYTES);
    write_req->done = ngx_http_mds_fleet_on_join;
    write_req->data = fleet;
    fleet->joining = 1;
    ngx_http_mds_write_own(fleet->depot, write_req);

    return NGX_OK;
}

/* Ends the connection to an agent that this edge cannot share with. */
static ngx_int_t
ngx_http_mds_fleet_refuse(ngx_http_mds_fleet_t *fleet, const char *why)
{
    if (!fleet->refused) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": the agent is refused: %s",
                      &fleet->depot->path, why);
        fleet->refused = 1;
    }

    fleet->retry_ms = NGX_HTTP_MDS_FLEET_RETRY_MAX_MS;
    ngx_http_mds_fleet_disconnect(fleet, NULL);

    return NGX_OK;
}

ngx_int_t
ngx_http_mds_fleet_on_welcome(ngx_http_mds_fleet_t *fleet,
                              const mds_frame_t    *frame)
{
    ngx_uint_t          shared = ngx_http_mds_fleet_is_shared(fleet);
    mds_frame_welcome_t welcome;

    if (fleet->welcomed || !mds_frame_get_welcome(frame, &welcome)) {
        return NGX_ERROR;
    }

    if (welcome.protocol != MDS_FRAME_PROTOCOL) {
        return ngx_http_mds_fleet_refuse(
            fleet,
            "it speaks another version of the protocol than nginx's module");
    }

    if (welcome.shared && shared
        && ngx_memcmp(welcome.fleet, fleet->state.id, MDS_FLEET_BYTES) != 0)
    {
        return ngx_http_mds_fleet_refuse(
            fleet, "its database is not the one that this edge shares;"
                   " \"mdsctl database leave\" ends that");
    }

    if (welcome.shared && !shared
        && ngx_http_mds_fleet_join(fleet, welcome.fleet) != NGX_OK)
    {
        ngx_http_mds_fleet_disconnect(fleet, NULL);
        return NGX_OK;
    }

    fleet->welcomed = 1;
    fleet->reachable = welcome.shared && welcome.reachable;
    fleet->refused = 0;
    fleet->retry_ms = NGX_HTTP_MDS_FLEET_RETRY_MS;

    if (fleet->away) {
        fleet->away = 0;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": the agent is connected again",
                      &fleet->depot->path);
    }

    return NGX_OK;
}
