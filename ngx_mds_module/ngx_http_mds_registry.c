/*
 * ngx_http_mds_registry: registers devices. A device that is in the filter is
 * not registered again. Others are collected in memory, and once a second a
 * thread of the pool appends them to the worker's log, and only then to the
 * filter. No request waits for that: a device that there is no room for is
 * dropped and counted, and is registered with its next check.
 */

#include "ngx_http_mds_registry.h"

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_merge.h"

#include <sys/stat.h>

#include "base/mds_time.h"
#include "registry/mds_device_log.h"
#include "registry/mds_registry_counts.h"
#include "state/mds_state.h"

/* Limit the devices that are collected, and their bytes; half of them are
 * written at once. */
#define NGX_HTTP_MDS_NEWS_MAX 8192
#define NGX_HTTP_MDS_NEWS_BYTES ((size_t) 1024 * 1024)

/* Estimates the bytes of a record of a log beside its texts. */
#define NGX_HTTP_MDS_RECORD_BYTES 16

/* Defines the slots of the table of collected devices; a power of two. */
#define NGX_HTTP_MDS_NEWS_SLOTS 8192

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

/* Holds the devices that are not on the disk yet. */
typedef struct {
    size_t           count;
    size_t           bytes_used;
    mds_device_t     devices[NGX_HTTP_MDS_NEWS_MAX];
    mds_filter_key_t keys[NGX_HTTP_MDS_NEWS_MAX];
    uint64_t         slots[NGX_HTTP_MDS_NEWS_SLOTS]; /* the last key of each */
    u_char           bytes[NGX_HTTP_MDS_NEWS_BYTES];
} ngx_http_mds_news_t;

struct ngx_http_mds_registry_s {
    ngx_http_mds_depot_t *depot;
    mds_device_filter_t  *filter;
    uint64_t              state_max;
    mds_registry_limits_t limits;
    int64_t               refresh_ms;
    int                   dir;         /* below zero: it is not open */
    int                   worker_lock; /* below zero: not taken */
    struct stat           folder;      /* stat of the open folder */
    ngx_http_mds_news_t  *gathering;   /* NULL: no memory yet */
    ngx_http_mds_news_t  *writing;
    ngx_http_mds_merge_t  merges[2]; /* of logs, and of runs */
    uint64_t              passed; /* devices dropped, not yet in the counts */
    uint64_t              total;  /* devices dropped since the log line */
    ngx_msec_t            passed_at;   /* last drop */
    ngx_msec_t            counted;     /* when `passed` was last written */
    ngx_uint_t            passes;      /* reasons that were logged */
    mds_status_t          open_failed; /* status that was logged */
    mds_status_t          write_failed;

    /* Used by the thread alone while it is busy. */
    ngx_thread_task_t  task;
    ngx_uint_t         busy;
    mds_device_log_t   log;
    uint64_t           number;       /* of the folder */
    int64_t            forgotten_ms; /* mds_registry_take_forgotten() */
    uint64_t           kept;         /* dropped devices, for the counts */
    mds_registry_due_t due;
    ngx_uint_t         looks; /* the thread looks after the folder, too */
    ngx_uint_t         full;  /* nothing was written, for want of room */
    ngx_uint_t         lost;  /* the folder was replaced by another */
    mds_status_t       status;
    mds_error_t        err;
};

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

/* The folder */

static void
ngx_http_mds_registry_close(ngx_http_mds_registry_t *registry)
{
    mds_device_log_close(&registry->log);

    if (registry->worker_lock >= 0) {
        close(registry->worker_lock);
        registry->worker_lock = -1;
    }

    if (registry->dir >= 0) {
        close(registry->dir);
        registry->dir = -1;
    }
}

/* Binds the filter to the open folder. Returns MDS_AGAIN if the folder's number
 * is not known yet, as another process is about to write it. */
static mds_status_t
ngx_http_mds_registry_bind(ngx_http_mds_registry_t *registry, mds_error_t *err)
{
    mds_registry_counts_t counts;
    mds_registry_counts_t add = { .max_bytes = registry->state_max,
                                  .ttl_ms = registry->limits.ttl_ms };
    mds_status_t          status
        = mds_registry_counts_add(registry->dir, &add, err, &counts);

    if (status == MDS_AGAIN) {
        counts = mds_registry_counts_read(registry->dir);
        status = counts.folder == 0 ? MDS_AGAIN : MDS_OK;
    }

    if (status == MDS_OK) {
        registry->number = counts.folder;
        mds_device_filter_bind(registry->filter, registry->number);
    }

    return status;
}

/* Opens the folder, which is created if there is a state without one. Data of
 * an older version in it is not read: it is learned again. */
static mds_status_t
ngx_http_mds_registry_try_open(ngx_http_mds_registry_t *registry,
                               const char *path, mds_error_t *err)
{
    mds_device_files_t files;
    mds_status_t status = mds_device_folder_open(path, err, &registry->dir);

    if (status == MDS_NOT_FOUND) {
        status = mds_device_folder_make(path, err);

        if (status == MDS_OK) {
            status = mds_device_folder_open(path, err, &registry->dir);
        }
    }

    if (status != MDS_OK) {
        return status;
    }

    if (fstat(registry->dir, &registry->folder) != 0) {
        return mds_fail_errno(err, "stat \"state/devices\"");
    }

    status = ngx_http_mds_registry_bind(registry, err);

    if (status == MDS_OK) {
        status = mds_device_lock(registry->dir, MDS_REGISTRY_WORKERS_LOCK, true,
                                 err, &registry->worker_lock);
    }

    if (status != MDS_OK) {
        return status;
    }

    (void) unlinkat(registry->dir, "data.mdb", 0);
    (void) unlinkat(registry->dir, "lock.mdb", 0);
    registry->log.dir = registry->dir;

    status = mds_device_folder_list(registry->dir, err, &files);

    if (status == MDS_OK) {
        mds_registry_look(registry->dir, &files, &registry->limits,
                          mds_time_now_ms(), &registry->due);
        mds_device_files_free(&files);
    }

    return status;
}

static void
ngx_http_mds_registry_open(ngx_http_mds_registry_t *registry, const char *path)
{
    mds_error_t  err;
    mds_status_t status = ngx_http_mds_registry_try_open(registry, path, &err);

    if (status != MDS_OK) {
        ngx_http_mds_registry_close(registry);

        /* The next second tries again. */
        if (status == MDS_AGAIN) {
            return;
        }

        if (registry->open_failed != status) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "mds depot \"%s\": devices are not registered: %s",
                          path, err.text);
        }
    }

    registry->open_failed = status;
}

/* Returns whether the open folder still has its name. */
static ngx_uint_t
ngx_http_mds_registry_is_current(ngx_http_mds_registry_t *registry,
                                 const char              *path)
{
    mds_path_t  folder;
    struct stat st;

    return mds_path(&folder, NULL, "%s/state/devices", path) == MDS_OK
           && lstat(folder.text, &st) == 0
           && st.st_dev == registry->folder.st_dev
           && st.st_ino == registry->folder.st_ino;
}

/* News */

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

static void
ngx_http_mds_news_clear(ngx_http_mds_news_t *news)
{
    if (news->count > 0) {
        ngx_memzero(news->slots, sizeof(news->slots));
    }

    news->count = 0;
    news->bytes_used = 0;
}

static uint64_t *
ngx_http_mds_news_slot(ngx_http_mds_news_t *news, mds_filter_key_t key)
{
    return &news->slots[key.place >> 20 & (NGX_HTTP_MDS_NEWS_SLOTS - 1)];
}

static uint64_t
ngx_http_mds_news_slot_value(mds_filter_key_t key)
{
    return key.place << 32 | key.word;
}

static void
ngx_http_mds_news_copy(ngx_http_mds_news_t *news, mds_str_t *view)
{
    u_char *copy = news->bytes + news->bytes_used;

    if (view->len > 0) {
        ngx_memcpy(copy, view->data, view->len);
    }

    news->bytes_used += view->len;
    view->data = (char *) copy;
}

/* Adds a device. Returns 0 if there is no room for it now. */
static ngx_uint_t
ngx_http_mds_news_add(ngx_http_mds_news_t *news, mds_device_t device,
                      mds_filter_key_t key)
{
    size_t bytes = device.app.len + device.device.len + device.user.len
                   + device.platform.len + device.version.len;

    if (news->count == NGX_HTTP_MDS_NEWS_MAX
        || bytes > NGX_HTTP_MDS_NEWS_BYTES - news->bytes_used)
    {
        return 0;
    }

    ngx_http_mds_news_copy(news, &device.app);
    ngx_http_mds_news_copy(news, &device.device);
    ngx_http_mds_news_copy(news, &device.user);
    ngx_http_mds_news_copy(news, &device.platform);
    ngx_http_mds_news_copy(news, &device.version);
    *ngx_http_mds_news_slot(news, key) = ngx_http_mds_news_slot_value(key);
    news->keys[news->count] = key;
    news->devices[news->count++] = device;

    return 1;
}

static ngx_uint_t
ngx_http_mds_news_is_half_full(const ngx_http_mds_news_t *news)
{
    return news->count >= NGX_HTTP_MDS_NEWS_MAX / 2
           || news->bytes_used >= NGX_HTTP_MDS_NEWS_BYTES / 2;
}

ngx_uint_t
ngx_http_mds_registry_is_news(ngx_http_mds_depot_t *depot,
                              const mds_device_t *device, int64_t now_ms)
{
    ngx_http_mds_registry_t *registry = depot->registry;
    mds_filter_key_t         key;
    uint64_t                 value;

    if (registry->dir < 0) {
        return 0;
    }

    key = mds_device_filter_key(registry->filter, device, now_ms,
                                registry->refresh_ms);

    if (mds_device_filter_has(registry->filter, key)) {
        return 0;
    }

    value = ngx_http_mds_news_slot_value(key);

    return *ngx_http_mds_news_slot(registry->gathering, key) != value
           && *ngx_http_mds_news_slot(registry->writing, key) != value;
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

/* Code of the thread, which uses only its own members of the registry. */

static void
ngx_http_mds_registry_write(ngx_http_mds_registry_t *registry)
{
    ngx_http_mds_news_t *news = registry->writing;
    int64_t              now_ms = mds_time_now_ms();
    uint64_t bytes = news->bytes_used + news->count * NGX_HTTP_MDS_RECORD_BYTES;

    registry->full = registry->due.behind || bytes > registry->due.room;

    if (news->count > 0 && !registry->full) {
        registry->status
            = mds_device_log_append(&registry->log, "log", news->devices,
                                    news->count, now_ms, &registry->err);
    }

    if (registry->status == MDS_OK && !registry->full) {
        registry->due.room -= bytes;

        for (size_t i = 0; i < news->count; i++) {
            mds_device_filter_add(registry->filter, news->keys[i]);
        }
    }

    if (registry->log.fd >= 0
        && (registry->log.bytes >= mds_registry_log_bytes(&registry->limits)
            || now_ms - registry->log.begun_ms > MDS_REGISTRY_LOG_MS
            || now_ms < registry->log.begun_ms))
    {
        mds_device_log_close(&registry->log);
    }
}

/* Writes the count of dropped devices, which is tried again later if another
 * process is writing it. */
static mds_status_t
ngx_http_mds_registry_write_count(ngx_http_mds_registry_t *registry)
{
    mds_registry_counts_t counts;
    mds_registry_counts_t add = { .dropped = registry->kept,
                                  .max_bytes = registry->state_max,
                                  .ttl_ms = registry->limits.ttl_ms };
    mds_status_t          status
        = mds_registry_counts_add(registry->dir, &add, &registry->err, &counts);

    if (status == MDS_OK) {
        registry->kept = 0;
    }

    return status == MDS_AGAIN ? MDS_OK : status;
}

static void
ngx_http_mds_registry_look(ngx_http_mds_registry_t *registry)
{
    mds_device_files_t files;
    mds_status_t       status
        = mds_device_folder_list(registry->dir, &registry->err, &files);

    if (status == MDS_OK) {
        status = mds_registry_take_forgotten(registry->dir, &files,
                                             registry->filter,
                                             &registry->forgotten_ms,
                                             &registry->err);
        mds_registry_look(registry->dir, &files, &registry->limits,
                          mds_time_now_ms(), &registry->due);
        mds_device_files_free(&files);
    }

    if (status == MDS_OK && registry->kept > 0) {
        status = ngx_http_mds_registry_write_count(registry);
    }

    registry->lost
        = mds_registry_counts_read(registry->dir).folder != registry->number;
    registry->status = status;
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

    if (merge->merged.set_aside > 0) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%V\": %uL files of \"state/devices\" cannot"
                      " be read and are renamed to \"damaged-...\": %s",
                      &registry->depot->path, merge->merged.set_aside,
                      merge->merged.why.text);
    }

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
                              mds_device_filter_t         *filter)
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
        = bounds->state_max - bounds->state_max / MDS_STATE_SHARE;
    registry->limits.ttl_ms = (int64_t) bounds->device_ttl * 1000;
    registry->refresh_ms = mds_registry_refresh_ms(registry->limits.ttl_ms);

    if (registry->dir >= 0 && !ngx_http_mds_registry_is_current(registry, path))
    {
        ngx_http_mds_registry_close(registry);
    }

    if (registry->dir < 0) {
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
