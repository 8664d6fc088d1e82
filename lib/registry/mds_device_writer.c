/*
 * mds_device_writer: writes the blocks of runs; mds_device_writer_tables.c
 * collects and writes what follows them. A run is synced a few megabytes at a
 * time, so that no other file's sync has to wait for all of it.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mds_time.h"
#include "registry/mds_device_writer_internal.h"

#define MDS_WRITER_BUFFER ((size_t) 128 * 1024)
#define MDS_WRITER_SYNC (UINT64_C(8) << 20)

mds_status_t
mds_device_writer_begin(int dir, mds_error_t *err, mds_device_writer_t **writer)
{
    mds_device_writer_t *w = calloc(1, sizeof(*w));
    mds_status_t         status = MDS_OK;

    if (w == NULL) {
        return mds_fail_memory(err);
    }

    w->dir = dir;
    w->fd = -1;
    w->oldest_ms = INT64_MAX;
    w->block_len = MDS_RUN_BLOCK_HEAD;
    w->slots = calloc(MDS_WRITER_SLOTS, sizeof(*w->slots));
    mds_device_file_name(MDS_TEMP_PREFIX "run", mds_time_now_ms(), w->temp);

    if (w->slots == NULL) {
        status = mds_fail_memory(err);
    } else {
        status = mds_device_file_create(dir, w->temp, err, &w->fd);
    }

    /* The sweep removes a file that is not locked: a killed process left it. */
    if (status == MDS_OK) {
        (void) flock(w->fd, LOCK_EX | LOCK_NB);
    }

    if (status != MDS_OK) {
        mds_device_writer_abort(w);
        return status;
    }

    *writer = w;
    return MDS_OK;
}

static void
mds_writer_free(mds_device_writer_t *w)
{
    mds_buffer_free(&w->out);
    mds_buffer_free(&w->index);
    mds_buffer_free(&w->texts);
    mds_buffer_free(&w->offsets);
    free(w->slots);
    mds_buffer_free(&w->users);
    free(w);
}

void
mds_device_writer_abort(mds_device_writer_t *writer)
{
    if (writer == NULL) {
        return;
    }

    if (writer->fd >= 0) {
        close(writer->fd);
        (void) unlinkat(writer->dir, writer->temp, 0);
    }

    mds_writer_free(writer);
}

uint64_t
mds_device_writer_devices(const mds_device_writer_t *writer)
{
    return writer->devices;
}

uint64_t
mds_device_writer_bytes(const mds_device_writer_t *writer)
{
    return writer->written + writer->out.len + writer->block_len
           + writer->index.len + writer->texts.len
           + writer->user_count * MDS_RUN_USER_ENTRY;
}

static mds_status_t
mds_writer_flush(mds_device_writer_t *w, mds_error_t *err)
{
    mds_status_t status
        = mds_device_file_write(w->fd, w->temp, w->out.data, w->out.len, err);

    if (status != MDS_OK) {
        return status;
    }

    w->written += w->out.len;
    w->out.len = 0;

    if (w->written - w->synced >= MDS_WRITER_SYNC) {
        if (fdatasync(w->fd) != 0) {
            return mds_fail_errno(err, "sync \"state/devices/%s\"", w->temp);
        }

        (void) posix_fadvise(w->fd, (off_t) w->synced,
                             (off_t) (w->written - w->synced),
                             POSIX_FADV_DONTNEED);
        w->synced = w->written;
    }

    return MDS_OK;
}

mds_status_t
mds_writer_put(mds_device_writer_t *w, const void *data, size_t len,
               mds_error_t *err)
{
    mds_buffer_add(&w->out, data, len);

    if (mds_buffer_failed(&w->out)) {
        return mds_fail_memory(err);
    }

    return w->out.len >= MDS_WRITER_BUFFER ? mds_writer_flush(w, err) : MDS_OK;
}

static mds_status_t
mds_writer_end_block(mds_device_writer_t *w, mds_error_t *err)
{
    uint8_t entry[MDS_RUN_INDEX_ENTRY];
    size_t  len = w->block_len - MDS_RUN_BLOCK_HEAD;

    if (w->block_count == 0) {
        return MDS_OK;
    }

    mds_store_be64(entry, w->block_hash);
    mds_store_be64(entry + 8, w->written + w->out.len);
    mds_buffer_add(&w->index, entry, sizeof(entry));

    if (mds_buffer_failed(&w->index)) {
        return mds_fail_memory(err);
    }

    mds_store_be32(w->block, (uint32_t) len);
    mds_store_be32(w->block + 4, w->block_count);
    mds_store_be64(w->block + 8,
                   mds_run_hash(w->block + MDS_RUN_BLOCK_HEAD, len));
    len = w->block_len;
    w->block_len = MDS_RUN_BLOCK_HEAD;
    w->block_count = 0;

    return mds_writer_put(w, w->block, len, err);
}

mds_status_t
mds_device_writer_add(mds_device_writer_t *writer, uint64_t hash,
                      const mds_device_t *device, mds_error_t *err)
{
    mds_device_writer_t *w = writer;
    uint8_t              record[MDS_DEVICE_RECORD_MAX];
    uint32_t             profile;
    size_t               len;
    mds_status_t status = mds_writer_find_profile(w, device, err, &profile);

    if (status != MDS_OK) {
        return status;
    }

    len = mds_device_encode(device, profile, record);

    if (w->block_len + len > MDS_RUN_BLOCK_HEAD + MDS_DEVICE_BLOCK) {
        status = mds_writer_end_block(w, err);
    }

    if (status == MDS_OK && device->user.len > 0) {
        status = mds_writer_add_user(w, device, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    memcpy(w->block + w->block_len, record, len);
    w->block_len += len;
    w->block_hash = w->block_count == 0 ? hash : w->block_hash;
    w->block_count++;
    w->first = w->devices == 0 ? hash : w->first;
    w->last = hash;
    w->devices++;
    w->forgotten += device->forgotten ? 1 : 0;

    if (device->seen_ms < w->oldest_ms) {
        w->oldest_ms = device->seen_ms;
    }

    return MDS_OK;
}

static mds_status_t
mds_writer_finish(mds_device_writer_t *w, mds_error_t *err)
{
    mds_status_t status = mds_writer_end_block(w, err);

    if (status == MDS_OK) {
        status = mds_writer_end(w, err);
    }

    return status == MDS_OK ? mds_writer_flush(w, err) : status;
}

mds_status_t
mds_device_writer_commit(mds_device_writer_t *writer, const char *name,
                         mds_error_t *err)
{
    mds_status_t status = mds_writer_finish(writer, err);

    if (status != MDS_OK) {
        mds_device_writer_abort(writer);
        return status;
    }

    status = mds_device_file_commit(writer->dir, writer->fd, writer->temp, name,
                                    err);
    mds_writer_free(writer);
    return status;
}
