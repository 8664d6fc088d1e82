/* mds_registry_upkeep: finds the work that is due, and removes forgotten
 * devices from the filter. mds_registry_merge_logs.c and
 * mds_registry_merge_runs.c do the work. */

#include "registry/mds_registry_upkeep.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "registry/mds_registry_counts.h"
#include "registry/mds_registry_upkeep_internal.h"

/* Define the bytes, the files, or the age at which logs are merged. */
#define MDS_LOGS_BYTES (UINT64_C(32) << 20)
#define MDS_LOGS_FILES 16

/* Defines the bytes of logs beyond which workers register no more, as merges do
 * not keep up. */
#define MDS_LOGS_BEHIND (UINT64_C(512) << 20)

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

        mds_status_t status
            = mds_log_take(dir, file, now_ms, NULL, &fd, &bytes);

        if (status != MDS_OK) {
            old = old || mds_log_is_unreadable(file, now_ms, status);

        } else if (fd >= 0) {
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

void
mds_registry_look(int dir, const mds_device_files_t *files,
                  const mds_registry_limits_t *limits, int64_t now_ms,
                  mds_registry_due_t *due)
{
    uint64_t logs = 0;
    uint64_t most = limits->max_bytes == 0
                        ? UINT64_MAX
                        : limits->max_bytes - limits->max_bytes / 8;

    for (size_t i = 0; i < files->count; i++) {
        const mds_device_file_t *file = &files->files[i];

        logs += mds_file_is_log(file) ? file->bytes : 0;
    }

    *due = (mds_registry_due_t){
        .room = files->bytes < most ? (most - files->bytes) / 4 : 0,
        .behind = logs >= mds_registry_part(limits, 8, MDS_LOGS_BEHIND),
        .merge_logs = mds_logs_are_due(dir, files, limits, now_ms),
        .merge_runs = mds_runs_are_due(files, limits, now_ms),
    };
}

/* Foreign files */

static bool
mds_file_is_unreadable(int dir, const char *name, mds_error_t *why)
{
    uint64_t     bytes;
    int          fd;
    mds_status_t status
        = mds_device_file_open(dir, name, O_RDONLY, why, &fd, &bytes);

    if (status == MDS_OK) {
        close(fd);
    }

    return mds_status_is_unreadable(status);
}

/* Sets a file aside under a lock of the folder: another process may have
 * replaced it meanwhile, and its new file must stay. */
static void
mds_foreign_set_aside(int dir, const char *name, mds_registry_merged_t *merged)
{
    mds_error_t why;
    int         folder;

    if (!mds_file_is_unreadable(dir, name, &why)) {
        return;
    }

    folder = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder >= 0 && flock(folder, LOCK_EX | LOCK_NB) == 0
        && mds_file_is_unreadable(dir, name, &why)
        && mds_device_file_set_aside(dir, name, NULL) == MDS_OK
        && merged->set_aside++ == 0)
    {
        merged->why = why;
    }

    if (folder >= 0) {
        close(folder);
    }
}

void
mds_registry_set_foreign_aside(int dir, mds_registry_merged_t *merged)
{
    static const char *const names[]
        = { MDS_REGISTRY_COUNTS, MDS_REGISTRY_WORKERS_LOCK, MDS_LOGS_LOCK,
            MDS_RUNS_LOCK };

    for (size_t i = 0; i < mds_nelems(names); i++) {
        mds_foreign_set_aside(dir, names[i], merged);
    }
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
mds_registry_take_forgotten(int dir, const mds_device_files_t *files,
                            mds_device_filter_t *filter, int64_t *seen_ms,
                            mds_error_t *err)
{
    int64_t newest_ms = *seen_ms;

    for (size_t i = 0; i < files->count; i++) {
        const mds_device_file_t *file = &files->files[i];
        int64_t                  time_ms = (int64_t) file->serial;
        mds_status_t             status;

        if (file->kind != MDS_DEVICE_FILE_FORGET
            && (file->kind != MDS_DEVICE_FILE_FORGOT || time_ms <= *seen_ms))
        {
            continue;
        }

        status = mds_forgotten_read(dir, file, filter, err);

        if (status == MDS_NOT_FOUND || mds_status_is_unreadable(status)) {
            continue;
        }

        if (status != MDS_OK) {
            return status;
        }

        newest_ms = time_ms > newest_ms ? time_ms : newest_ms;

        if (file->kind == MDS_DEVICE_FILE_FORGET) {
            mds_forgotten_rename(dir, file->name);
        }
    }

    *seen_ms = newest_ms;
    return MDS_OK;
}
