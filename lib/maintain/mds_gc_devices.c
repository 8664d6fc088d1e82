/*
 * mds_gc_devices: removes what merges and commands have left in state/devices/:
 * files that were set aside because they could not be read, and unfinished
 * files of killed processes. All else there belongs to the workers.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maintain/mds_gc_internal.h"
#include "registry/mds_device_folder.h"

/* Holds the state of a walk over the folder. */
typedef struct {
    int                     dir;
    const mds_gc_options_t *options;
    int64_t                 now_s;
    mds_gc_result_t        *result;
} mds_gc_devices_t;

/* Returns whether a file may be removed. A rename changes ctime, so that the
 * age of a file that was set aside is counted from then. */
static bool
mds_gc_device_is_unneeded(const mds_gc_devices_t *gc, const char *name,
                          const struct stat *st)
{
    int64_t age_s = gc->now_s - (int64_t) st->st_ctime;

    if (mds_str_starts(mds_str_of(name), mds_str(MDS_DEVICE_DAMAGED_PREFIX))) {
        return age_s > MDS_GC_DAMAGED_S;
    }

    return mds_is_temp_name(name) && age_s > gc->options->grace_s
           && !mds_device_is_locked(gc->dir, name);
}

/* Removes a file below the open folder, whose owner may exchange it for a link
 * at any time: no link is followed. A directory stays. */
static void
mds_gc_device_file(mds_gc_devices_t *gc, const char *name)
{
    char        within[sizeof("state/devices/") + NAME_MAX];
    struct stat st;

    if (fstatat(gc->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0
        || S_ISDIR(st.st_mode) || !mds_gc_device_is_unneeded(gc, name, &st)
        || (!gc->options->dry_run && unlinkat(gc->dir, name, 0) != 0))
    {
        return;
    }

    (void) snprintf(within, sizeof(within), "state/devices/%s", name);
    gc->options->removed(gc->options->data, within, (uint64_t) st.st_size);
    gc->result->removed++;
    gc->result->removed_bytes += (uint64_t) st.st_size;
}

mds_status_t
mds_gc_devices(const char *depot, const mds_gc_options_t *options,
               int64_t now_ms, mds_error_t *err, mds_gc_result_t *result)
{
    mds_gc_devices_t gc
        = { .options = options, .now_s = now_ms / 1000, .result = result };
    struct dirent *entry;
    DIR           *stream;
    mds_status_t   status = mds_device_folder_open(depot, err, &gc.dir);

    /* A user who may not read the folder has nothing to remove there. */
    if (status == MDS_NOT_FOUND || status == MDS_DENIED) {
        return MDS_OK;
    }

    if (status != MDS_OK) {
        return status;
    }

    stream = fdopendir(gc.dir);
    if (stream == NULL) {
        status = mds_fail_errno(err, "read \"%s/state/devices\"", depot);
        close(gc.dir);
        return status;
    }

    while ((entry = readdir(stream)) != NULL) {
        mds_gc_device_file(&gc, entry->d_name);
    }

    closedir(stream);
    return MDS_OK;
}
