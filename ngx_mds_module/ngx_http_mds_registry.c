/*
 * ngx_http_mds_registry: registers devices. A device that is in the filter is
 * not registered again. Others are collected in memory, and once a second a
 * thread of the pool appends them to the worker's log, and only then to the
 * filter. No request waits for that: a device that there is no room for is
 * dropped and counted, and is registered with its next check.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_registry_internal.h"

#include "state/mds_state.h"

/* Defines the timer of the thread's event: without one, a worker that exits
 * would not wait for its thread. */
#define NGX_HTTP_MDS_THREAD_MS 60000

/* Define how often the count of dropped devices is written, and how long after
 * the last drop its end is logged. */
#define NGX_HTTP_MDS_COUNT_MS 10000
#define NGX_HTTP_MDS_QUIET_MS 10000

/* Lists the reasons why devices are dropped. */
typedef enum {
    NGX_HTTP_MDS_TOO_MANY,
    NGX_HTTP_MDS_UNMERGED,
    NGX_HTTP_MDS_UNWRITTEN,
    NGX_HTTP_MDS_NO_ROOM
} ngx_http_mds_dropped_t;

static void ngx_http_mds_registry_thread_handler(void *data, ngx_log_t *log);
static void ngx_http_mds_registry_event_handler(ngx_event_t *event);

ngx_http_mds_registry_t *
ngx_http_mds_registry_create(ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_registry_t *registry;

    registry = ngx_calloc(sizeof(*registry), ngx_cycle->log);
    if (registry != NULL) {
        registry->depot = depot;
        registry->dir = -1;
        registry->worker_lock = -1;
        registry->log.fd = -1;
        registry->merges[0].merge = mds_registry_merge_logs;
        registry->merges[1].merge = mds_registry_merge_runs;
        registry->task.ctx = registry;
        registry->task.handler = ngx_http_mds_registry_thread_handler;
        registry->task.event.handler = ngx_http_mds_registry_event_handler;
        registry->task.event.data = registry;
    }

    return registry;
}

/* Counts dropped devices. Logs one line when drops begin, for each reason, and
 * one when they have ended. */
static void
ngx_http_mds_registry_count_dropped(ngx_http_mds_registry_t *registry,
                                    uint64_t count, ngx_http_mds_dropped_t why)
{
    static const char *const reasons[]
        = { [NGX_HTTP_MDS_TOO_MANY] = "more are new than can be written",
            [NGX_HTTP_MDS_UNMERGED] = "more are new than can be merged",
            [NGX_HTTP_MDS_UNWRITTEN] = "they cannot be written",
            [NGX_HTTP_MDS_NO_ROOM] = "the registry has all the room that"
                                     " \"mds_state_max\" leaves it" };

    if (count == 0) {
        return;
    }

    registry->passed += count;
    registry->total += count;
    registry->passed_at = ngx_current_msec;

    if ((registry->passes & 1U << why) == 0) {
        registry->passes |= 1U << why;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": devices are passed over: %s",
                      &registry->depot->path, reasons[why]);
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

/* Allocates the memory for the news. */
static ngx_int_t
ngx_http_mds_registry_alloc(ngx_http_mds_registry_t *registry)
{
    ngx_log_t *log = ngx_cycle->log;

    if (registry->gathering == NULL) {
        registry->gathering = ngx_calloc(sizeof(*registry->gathering), log);
    }

    if (registry->writing == NULL) {
        registry->writing = ngx_calloc(sizeof(*registry->writing), log);
    }

    return registry->gathering == NULL || registry->writing == NULL ? NGX_ERROR
                                                                    : NGX_OK;
}

ngx_uint_t
ngx_http_mds_registry_is_news(ngx_http_mds_depot_t *depot,
                              const mds_device_t *device, int64_t now_ms)
{
    ngx_http_mds_registry_t *registry = depot->registry;
    mds_filter_key_t         key;

    if (registry->dir < 0) {
        return 0;
    }

    key = mds_device_filter_key(registry->filter, device, now_ms,
                                registry->refresh_ms);

    if (mds_device_filter_has(registry->filter, key)) {
        return 0;
    }

    return !ngx_http_mds_news_has(registry->gathering, key)
           && !ngx_http_mds_news_has(registry->writing, key);
}

static void
ngx_http_mds_registry_swap(ngx_http_mds_registry_t *registry)
{
    ngx_http_mds_news_t *news = registry->writing;

    registry->writing = registry->gathering;
    registry->gathering = news;
}

/* Posts a task to write what was collected, and perhaps to look after the
 * folder. Returns NGX_ERROR if there is no thread. */
static ngx_int_t
ngx_http_mds_registry_post(ngx_http_mds_registry_t *registry, ngx_uint_t looks)
{
    ngx_thread_pool_t *pool = ngx_http_mds_pool();

    registry->looks = looks;
    registry->kept = 0;

    /* The count is written at intervals, so that a flood of checks does not
     * become a flood of writes. */
    if (looks && registry->passed > 0
        && ngx_current_msec - registry->counted >= NGX_HTTP_MDS_COUNT_MS)
    {
        registry->kept = registry->passed;
        registry->passed = 0;
        registry->counted = ngx_current_msec;
    }

    ngx_http_mds_registry_swap(registry);

    if (pool == NULL || ngx_thread_task_post(pool, &registry->task) != NGX_OK) {
        ngx_http_mds_registry_swap(registry);
        registry->passed += registry->kept;
        return NGX_ERROR;
    }

    registry->busy = 1;
    registry->task.event.log = ngx_cycle->log;
    ngx_add_timer(&registry->task.event, NGX_HTTP_MDS_THREAD_MS);

    return NGX_OK;
}

void
ngx_http_mds_registry_record(ngx_http_mds_depot_t *depot,
                             const mds_device_t *device, int64_t now_ms)
{
    ngx_http_mds_registry_t *registry = depot->registry;
    mds_device_t             seen = *device;

    if (registry->dir < 0) {
        return;
    }

    seen.seen_ms = now_ms;

    if (!ngx_http_mds_news_add(registry->gathering, seen,
                               mds_device_filter_key(registry->filter, &seen,
                                                     now_ms,
                                                     registry->refresh_ms)))
    {
        ngx_http_mds_registry_count_dropped(registry, 1, NGX_HTTP_MDS_TOO_MANY);
    }

    if (!registry->busy && ngx_http_mds_news_is_half_full(registry->gathering))
    {
        (void) ngx_http_mds_registry_post(registry, 0);
    }
}

static void
ngx_http_mds_registry_thread_handler(void *data, ngx_log_t *log)
{
    ngx_http_mds_registry_t *registry = data;

    (void) log;
    registry->status = MDS_OK;
    registry->full = 0;

    if (registry->looks) {
        ngx_http_mds_registry_look(registry);
    }

    if (registry->status == MDS_OK) {
        ngx_http_mds_registry_write(registry);
    }
}

/* Code of the event loop */

static void
ngx_http_mds_registry_log_write(ngx_http_mds_registry_t *registry)
{
    if (registry->status != MDS_OK
        && registry->write_failed != registry->status) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": devices cannot be registered: %s",
                      &registry->depot->path, registry->err.text);
    }

    /* A second in which nothing was written does not end a failure. */
    if (registry->status != MDS_OK
        || (registry->writing->count > 0 && !registry->full))
    {
        registry->write_failed = registry->status;
    }

    if (registry->status != MDS_OK) {
        ngx_http_mds_registry_count_dropped(registry, registry->writing->count,
                                            NGX_HTTP_MDS_UNWRITTEN);

    } else if (registry->full) {
        ngx_http_mds_registry_count_dropped(registry, registry->writing->count,
                                            registry->due.behind
                                                ? NGX_HTTP_MDS_UNMERGED
                                                : NGX_HTTP_MDS_NO_ROOM);
    }
}

static void
ngx_http_mds_registry_event_handler(ngx_event_t *event)
{
    ngx_http_mds_registry_t *registry = event->data;

    if (event->timedout) {
        event->timedout = 0;
        ngx_add_timer(event, NGX_HTTP_MDS_THREAD_MS);
        return;
    }

    if (event->timer_set) {
        ngx_del_timer(event);
    }

    registry->busy = 0;
    registry->passed += registry->kept;
    ngx_http_mds_registry_log_write(registry);

    if (registry->status == MDS_OK && !registry->full) {
        ngx_http_mds_fleet_add_devices(registry->depot,
                                       registry->writing->devices,
                                       registry->writing->count);
    }

    ngx_http_mds_news_clear(registry->writing);

    if (registry->lost) {
        registry->lost = 0;
        ngx_http_mds_registry_close(registry);
        return;
    }

    if (ngx_http_mds_news_is_half_full(registry->gathering)) {
        (void) ngx_http_mds_registry_post(registry, 0);
    }
}

void
ngx_http_mds_registry_log_set_aside(const ngx_http_mds_registry_t *registry,
                                    const mds_registry_merged_t   *merged)
{
    if (merged->set_aside > 0) {
        ngx_log_error(
            NGX_LOG_ERR, ngx_cycle->log, 0,
            "mds depot \"%V\": files of \"state/devices\" cannot be read"
            " and are renamed to \"damaged-...\", %uL in all: %s",
            &registry->depot->path, merged->set_aside, merged->why.text);
    }
}

/* Finishes a merge that is done: logs a failure and counts dropped devices. */
static void
ngx_http_mds_registry_finish_merge(ngx_http_mds_registry_t *registry,
                                   ngx_http_mds_merge_t    *merge)
{
    /* That another process merges says nothing of a failure before. */
    if (!ngx_http_mds_merge_finish(merge) || merge->merged.busy) {
        return;
    }

    if (merge->status != MDS_OK && merge->status != MDS_AGAIN
        && merge->status != merge->last)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": devices cannot be merged: %s",
                      &registry->depot->path, merge->err.text);
    }

    merge->last = merge->status;

    ngx_http_mds_registry_log_set_aside(registry, &merge->merged);
    ngx_http_mds_registry_count_dropped(registry, merge->merged.dropped,
                                        NGX_HTTP_MDS_NO_ROOM);
}

static void
ngx_http_mds_registry_run_merges(ngx_http_mds_registry_t *registry)
{
    const ngx_uint_t due[]
        = { registry->due.merge_logs, registry->due.merge_runs };

    for (ngx_uint_t i = 0; i < mds_nelems(due); i++) {
        ngx_http_mds_registry_finish_merge(registry, &registry->merges[i]);

        if (due[i] && !ngx_exiting) {
            ngx_http_mds_merge_start(&registry->merges[i], registry->dir,
                                     &registry->limits);
        }
    }
}

void
ngx_http_mds_registry_refresh(ngx_http_mds_registry_t     *registry,
                              const char                  *path,
                              const ngx_http_mds_bounds_t *bounds,
                              mds_device_filter_t *filter, ngx_uint_t may_open)
{
    ngx_http_mds_registry_log_recovery(registry);

    if (registry->busy || filter == NULL
        || ngx_http_mds_registry_alloc(registry) != NGX_OK)
    {
        return;
    }

    /* Without a master process, another cycle may have another configuration.
     */
    registry->filter = filter;
    registry->state_max = bounds->state_max;
    registry->limits.max_bytes
        = bounds->state_max - mds_state_share(bounds->state_max);
    registry->limits.ttl_ms = (int64_t) bounds->device_ttl * 1000;
    registry->refresh_ms = mds_registry_refresh_ms(registry->limits.ttl_ms);

    if (registry->dir >= 0 && !ngx_http_mds_registry_is_current(registry, path))
    {
        ngx_http_mds_registry_close(registry);
    }

    if (registry->dir < 0 && may_open) {
        ngx_http_mds_registry_open(registry, path);
    }

    if (registry->dir >= 0) {
        ngx_http_mds_registry_run_merges(registry);
        (void) ngx_http_mds_registry_post(registry, 1);
    }
}

/* Writes what was collected before the worker exits, and frees the registry. */
void
ngx_http_mds_registry_free(ngx_http_mds_registry_t *registry)
{
    if (registry == NULL) {
        return;
    }

    for (ngx_uint_t i = 0; i < mds_nelems(registry->merges); i++) {
        ngx_http_mds_merge_stop(&registry->merges[i]);
    }

    if (registry->dir >= 0 && registry->gathering->count > 0) {
        registry->status = MDS_OK;
        ngx_http_mds_registry_swap(registry);
        ngx_http_mds_registry_write(registry);
    }

    ngx_http_mds_registry_close(registry);
    ngx_free(registry->gathering);
    ngx_free(registry->writing);
    ngx_free(registry);
}
