/* mds_registry_merge: begins and ends merges, and writes their runs. */

#include <stdlib.h>
#include <unistd.h>

#include "registry/mds_registry_upkeep_internal.h"

void
mds_upkeep_set_aside(mds_upkeep_t *upkeep, const char *name,
                     const mds_error_t *why)
{
    mds_error_t err;

    if (mds_device_file_set_aside(upkeep->dir, name, &err) != MDS_OK) {
        upkeep->stuck = err;

    } else if (upkeep->merged->set_aside++ == 0) {
        upkeep->merged->why = *why;
    }
}

/* Sets runs aside that no serial can follow, which no merge has written. */
static void
mds_upkeep_set_last_aside(mds_upkeep_t *upkeep)
{
    for (size_t i = 0; i < upkeep->files.count; i++) {
        mds_device_file_t *file = &upkeep->files.files[i];
        mds_error_t        why;

        if (file->kind == MDS_DEVICE_FILE_RUN
            && file->serial == MDS_DEVICE_SERIAL_MAX) {
            (void) mds_fail(&why, MDS_INVALID,
                            "the serial of \"state/devices/%s\" is too high",
                            file->name);
            mds_upkeep_set_aside(upkeep, file->name, &why);
            file->kind = MDS_DEVICE_FILE_OTHER;
        }
    }
}

mds_status_t
mds_upkeep_begin(mds_upkeep_t *upkeep, const char *lock, mds_error_t *err,
                 mds_registry_merged_t *merged)
{
    mds_status_t status;

    *merged = (mds_registry_merged_t){ 0 };
    status = mds_device_lock(upkeep->dir, lock, false, err, &upkeep->lock);

    if (mds_status_is_unreadable(status)) {
        mds_registry_set_foreign_aside(upkeep->dir, merged);
        status = mds_device_lock(upkeep->dir, lock, false, err, &upkeep->lock);
    }

    if (status == MDS_OK && upkeep->lock < 0) {
        merged->busy = true;
        return MDS_AGAIN;
    }

    if (status == MDS_OK) {
        status = mds_device_folder_list(upkeep->dir, err, &upkeep->files);
    }

    if (status == MDS_OK) {
        mds_upkeep_set_last_aside(upkeep);
    }

    return status;
}

mds_status_t
mds_upkeep_end(mds_upkeep_t *upkeep, mds_status_t status, mds_error_t *err)
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

    if (upkeep->lock >= 0) {
        close(upkeep->lock);
    }

    if (upkeep->merged->busy) {
        return MDS_OK;
    }

    return status == MDS_OK && upkeep->stuck.status != MDS_OK
               ? mds_fail(err, upkeep->stuck.status, "%s", upkeep->stuck.text)
               : status;
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

        status
            = mds_device_writer_add(upkeep->writer, item->hash, &device, err);
    }

    return status;
}
