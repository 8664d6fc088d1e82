/*
 * Forgets the devices and users that the feed names. The state keeps the names
 * until a thread of the pool has forgotten them in the registry, whose files it
 * has to search. Worker 0 does that, some names at a time. After a kill at any
 * moment it is done again, which changes nothing.
 */

#include "ngx_http_mds_fleet_internal.h"

#include "ngx_http_mds_failure.h"

#include "base/mds_time.h"
#include "registry/mds_registry.h"

#define NGX_HTTP_MDS_FLEET_FORGETS 64 /* names that a thread forgets */
#define NGX_HTTP_MDS_FLEET_FORGET_RETRY_MS 1000

/* The timer keeps a worker that shuts down until its thread has finished. */
#define NGX_HTTP_MDS_FLEET_FORGET_THREAD_MS 60000

typedef struct {
    size_t  len; /* 0: its record is damaged */
    char    name[MDS_APP_MAX + 1 + MDS_VALUE_MAX];
    int64_t when_ms;
} ngx_http_mds_fleet_name_t;

struct ngx_http_mds_fleet_forget_s {
    ngx_http_mds_fleet_t *fleet;
    ngx_uint_t            busy; /* until the names are deleted from the state */
    ngx_msec_t            retry_at;

    /* Used by the thread alone while it runs. */
    ngx_thread_task_t         task;
    ngx_http_mds_fleet_name_t names[NGX_HTTP_MDS_FLEET_FORGETS];
    size_t                    count;
    uint64_t                  last; /* number of the last name */
    mds_status_t              status;
    mds_error_t               err;
};

static bool
ngx_http_mds_fleet_note_forget(void *data, uint64_t number,
                               const mds_entry_forget_t *forget)
{
    ngx_http_mds_fleet_t *fleet = data;

    (void) number;
    (void) forget;
    fleet->has_forgets = 1;

    return false;
}

mds_status_t
ngx_http_mds_fleet_read_forgets(ngx_http_mds_fleet_t *fleet, mds_state_t *state,
                                mds_error_t *err)
{
    fleet->has_forgets = 0;

    return ngx_worker == 0
               ? mds_state_visit_forgets(state, ngx_http_mds_fleet_note_forget,
                                         fleet, err)
               : MDS_OK;
}

static bool
ngx_http_mds_fleet_copy_forget(void *data, uint64_t number,
                               const mds_entry_forget_t *entry)
{
    ngx_http_mds_fleet_forget_t *forget = data;
    ngx_http_mds_fleet_name_t   *name;

    if (forget->count == NGX_HTTP_MDS_FLEET_FORGETS) {
        return false;
    }

    name = &forget->names[forget->count++];
    name->len = ngx_min(entry->name.len, sizeof(name->name));
    name->when_ms = entry->when_ms;
    forget->last = number;

    if (name->len > 0) {
        ngx_memcpy(name->name, entry->name.data, name->len);
    }

    return true;
}

static void
ngx_http_mds_fleet_copy_guarded(void *data)
{
    ngx_http_mds_fleet_forget_t *forget = data;
    mds_state_t *state = ngx_http_mds_env_get(&forget->fleet->depot->state);
    mds_error_t  err;

    if (state == NULL || mds_state_begin(state, &err) != MDS_OK) {
        return;
    }

    (void) mds_status_failed(
        mds_state_visit_forgets(state, ngx_http_mds_fleet_copy_forget, forget,
                                &err));
    mds_state_end(state);
}

static mds_status_t
ngx_http_mds_fleet_forget_names(ngx_http_mds_fleet_forget_t *forget,
                                mds_registry_t              *registry)
{
    int64_t      now_ms = mds_time_now_ms();
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < forget->count; i++) {
        const ngx_http_mds_fleet_name_t *forgotten = &forget->names[i];
        mds_str_t name = { forgotten->len, forgotten->name };
        mds_str_t app = mds_str_cut(&name, '\0');

        status = mds_registry_forget_before(registry, app, name,
                                            ngx_min(forgotten->when_ms, now_ms),
                                            &forget->err);
    }

    return status;
}

/* Runs in a thread, which touches nothing but the names and the registry's
 * files. */
static void
ngx_http_mds_fleet_forget_run(void *data, ngx_log_t *log)
{
    ngx_http_mds_fleet_forget_t *forget = data;
    char           *path = (char *) forget->fleet->depot->path.data;
    mds_registry_t *registry;

    (void) log;
    forget->status = mds_registry_open(path, &forget->err, &registry);

    if (forget->status == MDS_OK) {
        forget->status = ngx_http_mds_fleet_forget_names(forget, registry);
        mds_registry_close(registry);
    }
}

/* Tries it again after a while. */
static void
ngx_http_mds_fleet_retry_forget(ngx_http_mds_fleet_forget_t *forget)
{
    forget->busy = 0;
    forget->retry_at = ngx_current_msec + NGX_HTTP_MDS_FLEET_FORGET_RETRY_MS;
}

/* Goes on once the names are deleted from the state. */
static ngx_int_t
ngx_http_mds_fleet_on_forgotten(ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_fleet_forget_t *forget = write_req->data;
    mds_status_t                 status = write_req->writes[0].status;

    ngx_free(write_req);

    if (status != MDS_OK) {
        ngx_http_mds_fleet_retry_forget(forget);
        return NGX_OK;
    }

    forget->busy = 0;
    ngx_http_mds_fleet_read_state(forget->fleet);
    ngx_http_mds_fleet_forget(forget->fleet);

    return NGX_OK;
}

static void
ngx_http_mds_fleet_forget_done(ngx_event_t *event)
{
    ngx_http_mds_fleet_forget_t *forget = event->data;
    ngx_http_mds_depot_t        *depot = forget->fleet->depot;
    ngx_http_mds_write_req_t    *write_req;

    if (event->timedout) {
        event->timedout = 0;
        ngx_add_timer(event, NGX_HTTP_MDS_FLEET_FORGET_THREAD_MS);
        return;
    }

    if (event->timer_set) {
        ngx_del_timer(event);
    }

    if (forget->status != MDS_OK) {
        ngx_http_mds_log_failure(ngx_cycle->log, NGX_LOG_ERR,
                                 "mds depot \"%V\": devices cannot be"
                                 " forgotten: %s",
                                 &depot->path, forget->err.text);
        ngx_http_mds_fleet_retry_forget(forget);
        return;
    }

    write_req = ngx_http_mds_write_own_create(1, 0);
    if (write_req == NULL) {
        ngx_http_mds_fleet_retry_forget(forget);
        return;
    }

    write_req->writes[0].type = MDS_WRITE_FORGOTTEN;
    write_req->writes[0].forgotten_through = forget->last;
    write_req->done = ngx_http_mds_fleet_on_forgotten;
    write_req->data = forget;
    ngx_http_mds_write_own(depot, write_req);
}

static ngx_http_mds_fleet_forget_t *
ngx_http_mds_fleet_forget_create(ngx_http_mds_fleet_t *fleet)
{
    ngx_http_mds_fleet_forget_t *forget
        = ngx_calloc(sizeof(*forget), ngx_cycle->log);

    if (forget != NULL) {
        forget->fleet = fleet;
        forget->retry_at = ngx_current_msec;
        forget->task.ctx = forget;
        forget->task.handler = ngx_http_mds_fleet_forget_run;
        forget->task.event.handler = ngx_http_mds_fleet_forget_done;
        forget->task.event.data = forget;
    }

    return forget;
}

/* Lets a thread forget the names. */
static void
ngx_http_mds_fleet_forget_start(ngx_http_mds_fleet_forget_t *forget)
{
    ngx_thread_pool_t *pool = ngx_http_mds_pool();

    forget->task.event.log = ngx_cycle->log;

    if (pool == NULL || ngx_thread_task_post(pool, &forget->task) != NGX_OK) {
        ngx_http_mds_fleet_retry_forget(forget);
        return;
    }

    forget->busy = 1;
    ngx_add_timer(&forget->task.event, NGX_HTTP_MDS_FLEET_FORGET_THREAD_MS);
}

void
ngx_http_mds_fleet_forget(ngx_http_mds_fleet_t *fleet)
{
    ngx_http_mds_fleet_forget_t *forget;

    if (!fleet->has_forgets || ngx_worker != 0 || ngx_exiting) {
        return;
    }

    if (fleet->forget == NULL) {
        fleet->forget = ngx_http_mds_fleet_forget_create(fleet);
    }

    forget = fleet->forget;

    if (forget == NULL || forget->busy
        || (ngx_msec_int_t) (ngx_current_msec - forget->retry_at) < 0)
    {
        return;
    }

    forget->count = 0;
    ngx_http_mds_depot_guard_call(fleet->depot, ngx_http_mds_fleet_copy_guarded,
                                  forget);

    if (forget->count > 0) {
        ngx_http_mds_fleet_forget_start(forget);
    }
}
