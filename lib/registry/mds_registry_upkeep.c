/* mds_registry_upkeep: finds the work that is due, removes forgotten devices
 * from the filter, and merges logs. mds_registry_merge_runs.c merges runs. */

#include "registry/mds_registry_upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "registry/mds_registry_upkeep_internal.h"

/* Define the bytes, the files, or the age at which logs are merged. */
#define MDS_LOGS_BYTES (UINT64_C(32) << 20)
#define MDS_LOGS_FILES 16

/* Limits the bytes of logs that one merge has in memory. */
#define MDS_LOGS_BYTES_MAX (UINT64_C(64) << 20)

/* Defines the bytes of logs beyond which workers register no more, as merges do
 * not keep up. */
#define MDS_LOGS_BEHIND (UINT64_C(512) << 20)

/* Defines the age at which all workers, of all instances, have read a file. */
#define MDS_FORGOT_MS 10000

/* Defines the age of a file that no process writes to any more. */
#define MDS_LEFT_MS 60000

uint64_t
mds_registry_part(const mds_registry_limits_t *limits, uint64_t divisor,
                  uint64_t most)
{
    uint64_t part = limits->max_bytes / divisor;

    return limits->max_bytes == 0 || part > most ? most : part;
}

uint64_t
mds_registry_log_bytes(const mds_registry_limits_t *limits)
{
    return mds_registry_part(limits, 128, MDS_LOGS_BYTES / 4);
}

static bool
mds_file_is_log(const mds_device_file_t *file)
{
    return file->kind == MDS_DEVICE_FILE_LOG
           || file->kind == MDS_DEVICE_FILE_FORGET
           || file->kind == MDS_DEVICE_FILE_FORGOT;
}

/* Opens a log that no process writes to; *fd is below zero if one does. A list
 * of devices to be forgotten is opened only once workers have read it. */
static mds_status_t
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

/* Returns whether logs are to be merged, as there are many, or old ones. */
static bool
mds_logs_are_due(int dir, const mds_device_files_t *files,
                 const mds_registry_limits_t *limits, int64_t now_ms)
{
    uint64_t total = 0, count = 0;
    bool     old = false;

    for (size_t i = 0; i < files->count; i++) {
        const mds_device_file_t *file = &files->files[i];
        int64_t                  age_ms = now_ms - (int64_t) file->serial;
        uint64_t                 bytes;
        int                      fd;

        if (mds_log_take(dir, file, now_ms, NULL, &fd, &bytes) == MDS_OK
            && fd >= 0) {
            close(fd);
            total += bytes;
            count++;
            old = old || age_ms > MDS_REGISTRY_LOG_MS || age_ms < 0
                  || file->kind != MDS_DEVICE_FILE_LOG;
        }
    }

    return total >= mds_registry_part(limits, 64, MDS_LOGS_BYTES)
           || count >= MDS_LOGS_FILES || old;
}

mds_status_t
mds_registry_look(int dir, const mds_registry_limits_t *limits, int64_t now_ms,
                  mds_error_t *err, mds_registry_due_t *due)
{
    mds_device_files_t files;
    uint64_t           logs = 0, most;
    mds_status_t       status = mds_device_folder_list(dir, err, &files);

    if (status != MDS_OK) {
        return status;
    }

    for (size_t i = 0; i < files.count; i++) {
        logs += mds_file_is_log(&files.files[i]) ? files.files[i].bytes : 0;
    }

    most = limits->max_bytes == 0 ? UINT64_MAX
                                  : limits->max_bytes - limits->max_bytes / 8;
    *due = (mds_registry_due_t){
        .room = files.bytes < most ? (most - files.bytes) / 4 : 0,
        .behind = logs >= mds_registry_part(limits, 8, MDS_LOGS_BEHIND),
        .merge_logs = mds_logs_are_due(dir, &files, limits, now_ms),
        .merge_runs = mds_runs_are_due(&files, limits, now_ms),
    };

    mds_device_files_free(&files);
    return MDS_OK;
}

/* Forgetting */

static mds_status_t
mds_forgotten_read(int dir, const mds_device_file_t *file,
                   mds_device_filter_t *filter, mds_error_t *err)
{
    mds_device_logs_t logs = { 0 };
    mds_device_copy_t copy;
    uint64_t          bytes;
    int               fd;
    mds_status_t      status
        = mds_device_file_open(dir, file->name, O_RDONLY, err, &fd, &bytes);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_device_logs_read(&logs, fd, file->name, bytes, err);
    close(fd);

    for (size_t i = 0; status == MDS_OK && i < logs.count; i++) {
        mds_device_logs_get(&logs, &logs.entries[i], &copy);
        mds_device_filter_remove(filter, copy.device.app, copy.device.device);
    }

    mds_device_logs_free(&logs);
    return status;
}

/* Confirms a list to mdsctl: renames "forget-…" to "forgot-…". */
static void
mds_forgotten_rename(int dir, const char *name)
{
    char to[MDS_DEVICE_NAME_BYTES];

    strcpy(to, name);
    memcpy(to, "forgot", 6);
    (void) renameat(dir, name, dir, to);
}

mds_status_t
mds_registry_take_forgotten(int dir, mds_device_filter_t *filter,
                            int64_t *seen_ms, mds_error_t *err)
{
    mds_device_files_t files;
    int64_t            newest_ms = *seen_ms;
    mds_status_t       status = mds_device_folder_list(dir, err, &files);

    if (status != MDS_OK) {
        return status;
    }

    for (size_t i = 0; status == MDS_OK && i < files.count; i++) {
        const mds_device_file_t *file = &files.files[i];
        int64_t                  time_ms = (int64_t) file->serial;

        if (file->kind == MDS_DEVICE_FILE_FORGET
            || (file->kind == MDS_DEVICE_FILE_FORGOT && time_ms > *seen_ms))
        {
            status = mds_forgotten_read(dir, file, filter, err);
            status = status == MDS_NOT_FOUND ? MDS_OK : status;
            newest_ms = time_ms > newest_ms ? time_ms : newest_ms;
        }

        if (status == MDS_OK && file->kind == MDS_DEVICE_FILE_FORGET) {
            mds_forgotten_rename(dir, file->name);
        }
    }

    mds_device_files_free(&files);

    if (status == MDS_OK) {
        *seen_ms = newest_ms;
    }

    return status;
}

/* Merging */

mds_status_t
mds_upkeep_begin(mds_upkeep_t *upkeep, const char *lock, mds_error_t *err,
                 mds_registry_merged_t *merged)
{
    mds_status_t status;

    *merged = (mds_registry_merged_t){ 0 };
    status = mds_device_lock(upkeep->dir, lock, false, err, &upkeep->lock);

    if (status == MDS_OK && upkeep->lock < 0) {
        merged->busy = true;
        return MDS_AGAIN;
    }

    return status == MDS_OK
               ? mds_device_folder_list(upkeep->dir, err, &upkeep->files)
               : status;
}

void
mds_upkeep_end(mds_upkeep_t *upkeep)
{
    mds_device_merge_free(upkeep->merge);
    mds_device_writer_abort(upkeep->writer);
    mds_device_files_free(&upkeep->files);
    mds_device_logs_free(&upkeep->logs);

    for (size_t i = 0; i < upkeep->part_count; i++) {
        mds_device_run_close(upkeep->parts[i].run);
    }

    free(upkeep->parts);

    for (size_t i = 0; i < upkeep->fd_count; i++) {
        close(upkeep->fds[i]);
    }

    free(upkeep->fds);

    if (upkeep->lock >= 0) {
        close(upkeep->lock);
    }
}

uint64_t
mds_upkeep_serial(const mds_upkeep_t *upkeep, unsigned level)
{
    uint64_t serial = (uint64_t) upkeep->now_ms;
    bool     lowest = level == MDS_DEVICE_LEVEL_BASE;

    for (size_t i = 0; i < upkeep->files.count; i++) {
        const mds_device_file_t *file = &upkeep->files.files[i];

        if (file->kind == MDS_DEVICE_FILE_RUN
            && (lowest ? file->level == level && file->serial == serial
                       : file->serial >= serial))
        {
            serial = file->serial + 1;
        }
    }

    return serial;
}

/* Commits the run that is being written. */
mds_status_t
mds_upkeep_commit(mds_upkeep_t *upkeep, mds_error_t *err)
{
    char         name[MDS_DEVICE_NAME_BYTES];
    mds_status_t status;

    snprintf(name, sizeof(name), "run-%u-%016llx-%08x", upkeep->level,
             (unsigned long long) upkeep->serial, upkeep->part++);
    upkeep->written += mds_device_writer_bytes(upkeep->writer);
    status = mds_device_writer_commit(upkeep->writer, name, err);
    upkeep->writer = NULL;

    return status;
}

mds_status_t
mds_upkeep_add(mds_upkeep_t *upkeep, const mds_device_item_t *item,
               mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (upkeep->writer == NULL) {
        status = mds_device_writer_begin(upkeep->dir, err, &upkeep->writer);
    }

    if (status == MDS_OK) {
        mds_device_t device = *item->device;

        /* A time from a clock that was ahead must not stay ahead for ever. */
        if (mds_device_sanitize_seen(device.seen_ms, upkeep->now_ms) == 0) {
            device.seen_ms = upkeep->now_ms;
        }

        upkeep->merged->devices++;
        status
            = mds_device_writer_add(upkeep->writer, item->hash, &device, err);
    }

    return status;
}

/* Reads all logs that may be merged, the oldest first, and keeps them locked.
 */
static mds_status_t
mds_logs_read(mds_upkeep_t *upkeep, mds_error_t *err)
{
    uint64_t     total = 0;
    mds_status_t status = MDS_OK;

    upkeep->fds = calloc(upkeep->files.count + 1, sizeof(*upkeep->fds));

    if (upkeep->fds == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; status == MDS_OK && i < upkeep->files.count; i++) {
        mds_device_file_t *file = &upkeep->files.files[i];
        uint64_t           bytes = 0;
        int                fd = -1;

        if (total < MDS_LOGS_BYTES_MAX) {
            status = mds_log_take(upkeep->dir, file, upkeep->now_ms, err, &fd,
                                  &bytes);
            status = status == MDS_NOT_FOUND ? MDS_OK : status;
        }

        if (status != MDS_OK || fd < 0) {
            file->kind = MDS_DEVICE_FILE_OTHER;
            continue;
        }

        upkeep->fds[upkeep->fd_count++] = fd;
        total += bytes;
        status
            = mds_device_logs_read(&upkeep->logs, fd, file->name, bytes, err);
    }

    return status;
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

    mds_upkeep_end(&upkeep);
    return merged->busy ? MDS_OK : status;
}
