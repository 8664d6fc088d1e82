/*
 * ngx_http_mds_registry_folder: what a worker does in the folder of the
 * registry. It is opened in the event loop, and written in a thread of the
 * pool, which uses only its own members of the registry.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_registry_internal.h"

#include "base/mds_time.h"
#include "registry/mds_registry_counts.h"

/* Estimates the bytes of a record of a log beside its texts. */
#define NGX_HTTP_MDS_RECORD_BYTES 16

void
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
    mds_device_files_t    files;
    mds_registry_merged_t merged = { 0 };
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

    mds_registry_set_foreign_aside(registry->dir, &merged);
    ngx_http_mds_registry_log_set_aside(registry, &merged);

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

void
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

ngx_uint_t
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

void
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

void
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

    /* Without its counts, the folder is opened anew, which writes them. */
    registry->lost
        = mds_registry_counts_read(registry->dir).folder != registry->number;

    if (status == MDS_OK && registry->kept > 0 && !registry->lost) {
        status = ngx_http_mds_registry_write_count(registry);
    }

    registry->status = status;
}
