/* mds_registry_merge_logs: merges logs into a run. */

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "registry/mds_registry_upkeep_internal.h"

/* Defines the age at which all workers, of all instances, have read a file. */
#define MDS_FORGOT_MS 10000

/* Defines the age of a file that no process writes to any more. */
#define MDS_LEFT_MS 60000

/* Limits the bytes of logs that one merge has in memory. The next one merges
 * the others. */
#define MDS_LOGS_BYTES_MAX (UINT64_C(64) << 20)

bool
mds_file_is_log(const mds_device_file_t *file)
{
    return file->kind == MDS_DEVICE_FILE_LOG
           || file->kind == MDS_DEVICE_FILE_FORGET
           || file->kind == MDS_DEVICE_FILE_FORGOT;
}

mds_status_t
mds_log_take(int dir, const mds_device_file_t *file, int64_t now_ms,
             mds_error_t *err, int *fd, uint64_t *bytes)
{
    bool         young = now_ms - (int64_t) file->serial < MDS_FORGOT_MS;
    mds_status_t status;

    *fd = -1;

    if (!mds_file_is_log(file)
        || (file->kind == MDS_DEVICE_FILE_FORGOT && young)
        || (file->kind == MDS_DEVICE_FILE_FORGET
            && now_ms - (int64_t) file->serial < MDS_LEFT_MS))
    {
        return MDS_OK;
    }

    status = mds_device_file_open(dir, file->name, O_RDONLY, err, fd, bytes);

    if (status == MDS_OK && flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        close(*fd);
        *fd = -1;
    }

    return status;
}

bool
mds_status_is_unreadable(mds_status_t status)
{
    return status == MDS_INVALID || status == MDS_DENIED
           || status == MDS_DAMAGED;
}

bool
mds_log_is_unreadable(const mds_device_file_t *file, int64_t now_ms,
                      mds_status_t status)
{
    int64_t age_ms = now_ms - (int64_t) file->serial;

    return mds_status_is_unreadable(status)
           && (age_ms < -MDS_LEFT_MS || age_ms > MDS_LEFT_MS);
}

/* Adds the devices of a log, which stays open and locked. Returns MDS_AGAIN if
 * it is not to be merged now. */
static mds_status_t
mds_logs_add_file(mds_upkeep_t *upkeep, const mds_device_file_t *file,
                  mds_error_t *err)
{
    uint64_t     bytes;
    int          fd;
    mds_status_t status
        = mds_log_take(upkeep->dir, file, upkeep->now_ms, err, &fd, &bytes);

    if (status != MDS_OK || fd < 0) {
        return status == MDS_OK || status == MDS_NOT_FOUND ? MDS_AGAIN : status;
    }

    status = mds_device_logs_read(&upkeep->logs, fd, file->name, bytes, err);

    if (status != MDS_OK) {
        close(fd);
        return status;
    }

    upkeep->fds[upkeep->fd_count++] = fd;
    upkeep->log_bytes += bytes;
    return MDS_OK;
}

/* Reads logs that may be merged, the oldest first, and keeps them locked. A log
 * that cannot be read does not stop the others. */
static mds_status_t
mds_logs_read(mds_upkeep_t *upkeep, mds_error_t *err)
{
    for (size_t i = 0; i < upkeep->files.count; i++) {
        mds_device_file_t *file = &upkeep->files.files[i];
        mds_error_t        why;
        mds_status_t       status = MDS_AGAIN;

        if (upkeep->log_bytes < MDS_LOGS_BYTES_MAX
            && upkeep->fd_count < MDS_LOGS_FILES_MAX)
        {
            status = mds_logs_add_file(upkeep, file, &why);
        }

        if (status == MDS_OK) {
            continue;
        }

        if (mds_log_is_unreadable(file, upkeep->now_ms, status)) {
            mds_upkeep_set_aside(upkeep, file->name, &why);

        } else if (status != MDS_AGAIN && !mds_status_is_unreadable(status)) {
            return mds_fail(err, status, "%s", why.text);
        }

        file->kind = MDS_DEVICE_FILE_OTHER;
    }

    return MDS_OK;
}

static void
mds_logs_remove(mds_upkeep_t *upkeep)
{
    for (size_t i = 0; i < upkeep->files.count; i++) {
        const mds_device_file_t *file = &upkeep->files.files[i];

        if (mds_file_is_log(file)) {
            (void) unlinkat(upkeep->dir, file->name, 0);
        }
    }
}

static mds_status_t
mds_logs_merge(mds_upkeep_t *upkeep, const atomic_bool *stop, mds_error_t *err)
{
    mds_device_item_t item;
    mds_status_t      status
        = mds_device_merge_new(upkeep->now_ms, err, &upkeep->merge);

    if (status == MDS_OK) {
        status = mds_device_merge_add_logs(upkeep->merge, &upkeep->logs, err);
    }

    while (status == MDS_OK) {
        status = mds_device_merge_next(upkeep->merge, err, &item);

        if (status == MDS_OK) {
            status = mds_upkeep_add(upkeep, &item, err);
        }

        if (status == MDS_OK
            && mds_device_writer_devices(upkeep->writer) == MDS_DEVICE_RUN_MAX)
        {
            status = mds_upkeep_commit(upkeep, err);
        }

        if (status == MDS_OK && atomic_load(stop)) {
            status = mds_fail(err, MDS_AGAIN, "the merge was stopped");
        }
    }

    return status == MDS_NOT_FOUND && upkeep->writer != NULL
               ? mds_upkeep_commit(upkeep, err)
               : (status == MDS_NOT_FOUND ? MDS_OK : status);
}

mds_status_t
mds_registry_merge_logs(int dir, const mds_registry_limits_t *limits,
                        int64_t now_ms, const atomic_bool *stop,
                        mds_error_t *err, mds_registry_merged_t *merged)
{
    mds_upkeep_t upkeep = { .dir = dir,
                            .limits = limits,
                            .now_ms = now_ms,
                            .lock = -1,
                            .merged = merged };
    mds_status_t status = mds_upkeep_begin(&upkeep, MDS_LOGS_LOCK, err, merged);

    if (status == MDS_OK) {
        upkeep.serial = mds_upkeep_serial(&upkeep, 0);
        status = mds_logs_read(&upkeep, err);
    }

    if (status == MDS_OK) {
        mds_device_logs_sort(&upkeep.logs, now_ms);
        status = mds_logs_merge(&upkeep, stop, err);
    }

    if (status == MDS_OK) {
        mds_logs_remove(&upkeep);
    }

    return mds_upkeep_end(&upkeep, status, err);
}
