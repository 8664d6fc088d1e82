/*
 * Registrations: what checks tell of devices is noted in memory, and a thread
 * of the pool writes the writes, a few at a time and behind the writes that
 * requests wait for. Nobody waits for these: what there is no room for is
 * passed over and counted, and is noted again with the device's next check.
 */

#include "ngx_http_mds_depot.h"

#include "base/mds_fault_guard.h"
#include "base/mds_time.h"

/* Notes gather so long, so that a transaction is worth it. */
#define NGX_HTTP_MDS_GATHER_MS 250

/* As long as requests wait for their writes, writes do: so long, and that many
 * times. */
#define NGX_HTTP_MDS_YIELD_MS 20
#define NGX_HTTP_MDS_YIELDS_MAX 50

/* Of one transaction: its writes hold up those of the state on the disk. */
#define NGX_HTTP_MDS_ASYNC_AT_ONCE 256

/* That gather at most, and their bytes. */
#define NGX_HTTP_MDS_ASYNC_MAX 8192
#define NGX_HTTP_MDS_ASYNC_BYTES ((size_t) 1024 * 1024)

/* Without a timer, a worker that is to go would not wait for its thread. */
#define NGX_HTTP_MDS_THREAD_MS 60000

/* How often the count of what was passed over is kept; and after how long
 * without it the log is told that it is over. */
#define NGX_HTTP_MDS_COUNT_MS 10000
#define NGX_HTTP_MDS_QUIET_MS 10000

typedef struct {
    size_t             count;
    size_t             bytes_used;
    mds_registration_t registrations[NGX_HTTP_MDS_ASYNC_MAX];
    u_char             bytes[NGX_HTTP_MDS_ASYNC_BYTES];
} ngx_http_mds_async_writes_t;

struct ngx_http_mds_registry_s {
    ngx_http_mds_env_t           env;
    ngx_http_mds_depot_t        *depot;
    ngx_http_mds_async_writes_t *gathering; /* NULL: no memory yet */
    ngx_http_mds_async_writes_t *writing;
    size_t                       written; /* of those */
    ngx_event_t                  timer;   /* to write what has gathered */
    ngx_uint_t                   yields;
    uint64_t                     passed;    /* over, and not kept yet */
    uint64_t                     total;     /* over, since the log was told */
    ngx_msec_t                   passed_at; /* the last one */
    ngx_msec_t                   counted;   /* when `passed` was kept last */
    ngx_uint_t                   passes;    /* as the log was told */
    mds_status_t                 failed;    /* as the log was told */

    /* What the thread has, while it is busy. */
    ngx_thread_task_t         task;
    ngx_uint_t                busy;
    mds_registry_t           *registry;
    const mds_registration_t *registrations;
    size_t                    count; /* 0: it tends the registry */
    uint64_t                  kept;  /* of those passed over, to be counted */
    mds_registry_result_t     told;
    mds_status_t              status;
    mds_error_t               err;
};

/* A look-up, for the guard. */
typedef struct {
    mds_registry_t           *registry;
    const mds_registration_t *registration;
    int64_t                   now_ms;
    bool                      news;
} ngx_http_mds_stale_call_t;

static void ngx_http_mds_registry_timer(ngx_event_t *event);
static void ngx_http_mds_registry_thread(void *data, ngx_log_t *log);
static void ngx_http_mds_registry_done(ngx_event_t *event);

ngx_http_mds_registry_t *
ngx_http_mds_registry_create(ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_registry_t *registry;

    registry = ngx_calloc(sizeof(*registry), ngx_cycle->log);
    if (registry != NULL) {
        registry->env.kind = &ngx_http_mds_registry_kind;
        registry->depot = depot;
        registry->timer.handler = ngx_http_mds_registry_timer;
        registry->timer.data = registry;
        registry->task.ctx = registry;
        registry->task.handler = ngx_http_mds_registry_thread;
        registry->task.event.handler = ngx_http_mds_registry_done;
        registry->task.event.data = registry;
    }

    return registry;
}

void
ngx_http_mds_registry_free(ngx_http_mds_registry_t *registry)
{
    if (registry == NULL) {
        return;
    }

    if (registry->timer.timer_set) {
        ngx_del_timer(&registry->timer);
    }

    ngx_http_mds_env_close(&registry->env);
    ngx_free(registry->gathering);
    ngx_free(registry->writing);
    ngx_free(registry);
}

/* Memory for the writes, and for what writes them. */
static ngx_int_t
ngx_http_mds_registry_alloc(ngx_http_mds_registry_t *registry)
{
    ngx_log_t *log = ngx_cycle->log;

    if (registry->gathering == NULL) {
        registry->gathering = ngx_alloc(sizeof(*registry->gathering), log);
    }

    if (registry->writing == NULL) {
        registry->writing = ngx_alloc(sizeof(*registry->writing), log);
    }

    if (registry->gathering == NULL || registry->writing == NULL) {
        return NGX_ERROR;
    }

    registry->gathering->count = 0;
    registry->gathering->bytes_used = 0;
    registry->writing->count = 0;
    registry->written = 0;

    return NGX_OK;
}

/* The log has a line when it begins, and one when it is over. */
static void
ngx_http_mds_registry_count_dropped(ngx_http_mds_registry_t *registry,
                                    uint64_t count, const char *why)
{
    registry->passed += count;
    registry->total += count;
    registry->passed_at = ngx_current_msec;

    if (!registry->passes && count > 0) {
        registry->passes = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": devices are passed over: %s",
                      &registry->depot->path, why);
    }
}

static void
ngx_http_mds_registry_log_recovery(ngx_http_mds_registry_t *registry)
{
    if (registry->passes
        && ngx_current_msec - registry->passed_at >= NGX_HTTP_MDS_QUIET_MS)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": devices are no longer passed over,"
                      " after %uL of them",
                      &registry->depot->path, registry->total);
        registry->passes = 0;
        registry->total = 0;
    }
}

static void
ngx_http_mds_async_writes_copy(ngx_http_mds_async_writes_t *writes,
                               mds_str_t                   *view)
{
    u_char *copy = writes->bytes + writes->bytes_used;

    if (view->len > 0) {
        ngx_memcpy(copy, view->data, view->len);
    }

    writes->bytes_used += view->len;
    view->data = (char *) copy;
}

/* False: there is no room for it now. */
static ngx_uint_t
ngx_http_mds_async_writes_add(ngx_http_mds_async_writes_t *writes,
                              mds_registration_t           registration)
{
    size_t bytes = registration.device.len + registration.user.len
                   + registration.platform.len + registration.version.len;

    if (writes->count == NGX_HTTP_MDS_ASYNC_MAX
        || bytes > NGX_HTTP_MDS_ASYNC_BYTES - writes->bytes_used)
    {
        return 0;
    }

    ngx_http_mds_async_writes_copy(writes, &registration.device);
    ngx_http_mds_async_writes_copy(writes, &registration.user);
    ngx_http_mds_async_writes_copy(writes, &registration.platform);
    ngx_http_mds_async_writes_copy(writes, &registration.version);
    writes->registrations[writes->count++] = registration;

    return 1;
}

static void
ngx_http_mds_registry_is_stale_guarded(void *data)
{
    ngx_http_mds_stale_call_t *look = data;

    if (mds_registry_begin(look->registry, NULL) != MDS_OK
        || mds_registry_is_stale(look->registry, look->registration,
                                 look->now_ms, NULL, &look->news)
               != MDS_OK)
    {
        look->news = false;
    }

    mds_registry_end(look->registry);
}

void
ngx_http_mds_registry_record(ngx_http_mds_depot_t     *depot,
                             const mds_registration_t *registration,
                             int64_t                   now_ms)
{
    ngx_http_mds_registry_t  *registry = depot->registry;
    ngx_http_mds_stale_call_t look
        = { .registration = registration, .now_ms = now_ms, .news = false };

    look.registry = ngx_http_mds_env_get(&registry->env);

    if (look.registry == NULL) {
        return;
    }

    /* What ails the registry ails nobody else. */
    if (!mds_fault_guard_call(ngx_http_mds_registry_is_stale_guarded, &look)) {
        ngx_http_mds_env_quarantine(&registry->env);
        return;
    }

    if (!look.news) {
        return;
    }

    if (!ngx_http_mds_async_writes_add(registry->gathering, *registration)) {
        ngx_http_mds_registry_count_dropped(registry, 1,
                                            "more are new than can be written");
        return;
    }

    if (!registry->busy && !registry->timer.timer_set) {
        registry->yields = 0;
        registry->timer.log = ngx_cycle->log;
        ngx_add_timer(&registry->timer, NGX_HTTP_MDS_GATHER_MS);
    }
}

/* In a thread: what the registry has for it is all that it may touch. */

static void
ngx_http_mds_registry_try(void *data)
{
    ngx_http_mds_registry_t *registry = data;

    registry->status
        = registry->count > 0
              ? mds_registry_write(registry->registry, registry->registrations,
                                   registry->count, mds_time_now_ms(),
                                   &registry->err, &registry->told)
              : mds_registry_expire(registry->registry, &registry->kept,
                                    mds_time_now_ms(), &registry->err);
}

static void
ngx_http_mds_registry_abandon(void *data)
{
    ngx_http_mds_registry_t *registry = data;

    mds_registry_abort_write(registry->registry);
}

static void
ngx_http_mds_registry_thread(void *data, ngx_log_t *log)
{
    (void) log;

    if (!mds_fault_guard_call(ngx_http_mds_registry_try, data)) {
        ngx_http_mds_registry_t *registry = data;

        /* Other writers wait for the lock that it holds. */
        (void) mds_fault_guard_call(ngx_http_mds_registry_abandon, data);
        registry->status = mds_fail(&registry->err, MDS_DAMAGED,
                                    "a page of it cannot be read");
    }
}

/* Sends the thread after it; NGX_ERROR: there is none, or no registry. */
static ngx_int_t
ngx_http_mds_registry_post(ngx_http_mds_registry_t  *registry,
                           const mds_registration_t *registrations,
                           size_t                    count)
{
    ngx_thread_pool_t *pool = ngx_http_mds_pool();

    registry->registry = ngx_http_mds_env_get(&registry->env);
    registry->registrations = registrations;
    registry->count = count;
    registry->kept = 0;
    registry->told = (mds_registry_result_t){ 0 };

    /* Each time a little later: a flood is not to be a flood of writes. */
    if (count == 0
        && ngx_current_msec - registry->counted >= NGX_HTTP_MDS_COUNT_MS) {
        registry->kept = registry->passed;
        registry->passed = 0;
        registry->counted = ngx_current_msec;
    }

    if (registry->registry == NULL || pool == NULL
        || ngx_thread_task_post(pool, &registry->task) != NGX_OK)
    {
        registry->passed += registry->kept;
        return NGX_ERROR;
    }

    registry->busy = 1;
    registry->task.event.log = ngx_cycle->log;
    ngx_add_timer(&registry->task.event, NGX_HTTP_MDS_THREAD_MS);

    return NGX_OK;
}

/* The next few writes, of those that are being written or have gathered. */
static void
ngx_http_mds_registry_run(ngx_http_mds_registry_t *registry)
{
    ngx_http_mds_async_writes_t *writes;
    size_t                       count;

    if (registry->written == registry->writing->count) {
        writes = registry->writing;
        registry->writing = registry->gathering;
        registry->gathering = writes;
        registry->written = 0;
        writes->count = 0;
        writes->bytes_used = 0;
    }

    count = registry->writing->count - registry->written;
    if (count == 0) {
        return;
    }

    count = ngx_min(count, NGX_HTTP_MDS_ASYNC_AT_ONCE);

    if (ngx_http_mds_registry_post(registry,
                                   registry->writing->registrations
                                       + registry->written,
                                   count)
        != NGX_OK)
    {
        ngx_http_mds_registry_count_dropped(
            registry, registry->writing->count - registry->written,
            "the registry or its thread pool cannot be"
            " had");
        registry->written = registry->writing->count;
        return;
    }

    registry->written += count;
}

static void
ngx_http_mds_registry_timer(ngx_event_t *event)
{
    ngx_http_mds_registry_t *registry = event->data;

    if (registry->busy) {
        return;
    }

    if (ngx_http_mds_commit_queue_is_busy(&registry->depot->queue)
        && registry->yields++ < NGX_HTTP_MDS_YIELDS_MAX)
    {
        ngx_add_timer(event, NGX_HTTP_MDS_YIELD_MS);
        return;
    }

    registry->yields = 0;
    ngx_http_mds_registry_run(registry);
}

static void
ngx_http_mds_registry_log(ngx_http_mds_registry_t *registry)
{
    if (registry->status != MDS_OK && registry->failed != registry->status) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": devices cannot be registered: %s",
                      &registry->depot->path, registry->err.text);
    }

    registry->failed = registry->status;

    if (registry->status != MDS_OK) {
        ngx_http_mds_registry_count_dropped(registry, registry->count,
                                            "they cannot be written");

    } else if (registry->told.dropped > 0) {
        ngx_http_mds_registry_count_dropped(registry, registry->told.dropped,
                                            "the registry has all the room that"
                                            " \"mds_state_max\" leaves it");
    }
}

static void
ngx_http_mds_registry_done(ngx_event_t *event)
{
    ngx_http_mds_registry_t *registry = event->data;
    ngx_uint_t               left;

    if (event->timedout) {
        event->timedout = 0;
        ngx_add_timer(event, NGX_HTTP_MDS_THREAD_MS);
        return;
    }

    if (event->timer_set) {
        ngx_del_timer(event);
    }

    registry->busy = 0;

    if (registry->status == MDS_DAMAGED) {
        ngx_http_mds_env_quarantine(&registry->env);
    }

    registry->passed += registry->kept;
    ngx_http_mds_registry_log(registry);

    left = registry->written < registry->writing->count
           || registry->gathering->count > 0;

    if (left && !registry->timer.timer_set) {
        registry->timer.log = ngx_cycle->log;
        ngx_add_timer(&registry->timer,
                      registry->written < registry->writing->count
                          ? 1
                          : NGX_HTTP_MDS_GATHER_MS);
    }
}

void
ngx_http_mds_registry_refresh(ngx_http_mds_registry_t     *registry,
                              const char                  *path,
                              const ngx_http_mds_bounds_t *bounds)
{
    ngx_http_mds_env_clear_stale_readers(&registry->env);

    if (registry->busy
        || (registry->writing == NULL
            && ngx_http_mds_registry_alloc(registry) != NGX_OK))
    {
        return;
    }

    ngx_http_mds_registry_log_recovery(registry);

    ngx_http_mds_env_refresh(&registry->env, path, bounds);

    if (!ngx_http_mds_commit_queue_is_busy(&registry->depot->queue)
        && !registry->timer.timer_set)
    {
        (void) ngx_http_mds_registry_post(registry, NULL, 0);
    }
}
