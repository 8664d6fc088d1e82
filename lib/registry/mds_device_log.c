/* mds_device_log: appends to logs, and reads them. */

#define _GNU_SOURCE /* memmem(), qsort_r() */

#include "registry/mds_device_log.h"

#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_endian.h"
#include "base/mds_siphash.h"

#define MDS_FRAME_HEAD 16
#define MDS_FRAME_MAGIC "mdl1"

#define MDS_LOG_TRIES 8

/* Limits how often a reader looks for the next frame after one that is not
 * whole. */
#define MDS_FRAME_TRIES_MAX 64

static const uint8_t mds_frame_key[MDS_SIPHASH_KEY] = "mds device frame";

/* Returns whether the open file still has its name. */
static bool
mds_device_log_has_name(const mds_device_log_t *log)
{
    struct stat st;

    return fstat(log->fd, &st) == 0 && st.st_nlink > 0;
}

/* Creates and locks the log's file. Returns MDS_AGAIN if a merge has taken it
 * in between: it has it still, or has removed it. */
static mds_status_t
mds_device_log_try(mds_device_log_t *log, const char *prefix, int64_t now_ms,
                   mds_error_t *err)
{
    mds_status_t status;

    mds_device_file_name(prefix, now_ms, log->name);
    status = mds_device_file_create(log->dir, log->name, err, &log->fd);

    if (status != MDS_OK) {
        log->fd = -1;
        return status;
    }

    log->bytes = 0;
    log->begun_ms = now_ms;

    if (flock(log->fd, LOCK_EX | LOCK_NB) != 0 || !mds_device_log_has_name(log))
    {
        status = mds_fail(err, MDS_AGAIN,
                          "\"state/devices/%s\" was taken by another process",
                          log->name);
    } else if (fsync(log->dir) != 0) {
        status = mds_fail_errno(err, "sync \"state/devices\"");
    }

    if (status != MDS_OK) {
        (void) unlinkat(log->dir, log->name, 0);
        mds_device_log_close(log);
    }

    return status;
}

/* Creates the log's file. Tries another name if a merge has taken the new file
 * before it was locked. */
static mds_status_t
mds_device_log_create(mds_device_log_t *log, const char *prefix, int64_t now_ms,
                      mds_error_t *err)
{
    mds_status_t status = MDS_AGAIN;

    for (int i = 0; i < MDS_LOG_TRIES && status == MDS_AGAIN; i++) {
        status = mds_device_log_try(log, prefix, now_ms, err);
    }

    return status;
}

void
mds_device_log_close(mds_device_log_t *log)
{
    if (log->fd >= 0) {
        close(log->fd);
        log->fd = -1;
    }
}

/* Builds a frame with as many devices as fit; *done is their number. */
static mds_status_t
mds_frame_build(const mds_device_t *devices, size_t count, mds_error_t *err,
                mds_buffer_t *frame, size_t *done)
{
    uint8_t record[MDS_DEVICE_RECORD_MAX];
    uint8_t head[MDS_FRAME_HEAD] = MDS_FRAME_MAGIC;
    size_t  i;

    mds_buffer_add(frame, head, sizeof(head));

    for (i = 0; i < count && frame->len + sizeof(record) < MDS_DEVICE_FRAME_MAX;
         i++)
    {
        if (mds_device_is_valid(&devices[i])) {
            mds_buffer_add(frame, record,
                           mds_device_encode(&devices[i], 0, record));
        }
    }

    if (mds_buffer_failed(frame)) {
        return mds_fail_memory(err);
    }

    mds_store_be32(frame->data + 4, (uint32_t) (frame->len - MDS_FRAME_HEAD));
    mds_store_be64(frame->data + 8,
                   mds_siphash(mds_frame_key,
                               (mds_str_t){ frame->len - MDS_FRAME_HEAD,
                                            (const char *) frame->data
                                                + MDS_FRAME_HEAD }));
    *done = i;
    return MDS_OK;
}

/* Cuts off the part of a frame that was written. Closes a log that cannot be
 * cut. */
static void
mds_device_log_undo(mds_device_log_t *log)
{
    if (ftruncate(log->fd, (off_t) log->bytes) != 0
        || lseek(log->fd, (off_t) log->bytes, SEEK_SET) < 0)
    {
        mds_device_log_close(log);
    }
}

mds_status_t
mds_device_log_append(mds_device_log_t *log, const char *prefix,
                      const mds_device_t *devices, size_t count, int64_t now_ms,
                      mds_error_t *err)
{
    mds_buffer_t frames = { 0 };
    size_t       done = 0;
    mds_status_t status = MDS_OK;

    /* A write to a file that was removed would be lost. */
    if (log->fd >= 0 && !mds_device_log_has_name(log)) {
        mds_device_log_close(log);
    }

    if (log->fd < 0) {
        status = mds_device_log_create(log, prefix, now_ms, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    for (size_t bytes = 0; status == MDS_OK && count > 0; bytes += frames.len) {
        frames.len = 0;
        status = mds_frame_build(devices, count, err, &frames, &done);
        devices += done;
        count -= done;

        if (status == MDS_OK) {
            status = mds_device_file_write(log->fd, log->name, frames.data,
                                           frames.len, err);
        }

        if (status == MDS_OK && count == 0) {
            status = fdatasync(log->fd) == 0
                         ? MDS_OK
                         : mds_fail_errno(err, "sync \"state/devices/%s\"",
                                          log->name);
            log->bytes += status == MDS_OK ? bytes + frames.len : 0;
        }
    }

    if (status != MDS_OK) {
        mds_device_log_undo(log);
    }

    mds_buffer_free(&frames);
    return status;
}

/* Reading */

/* Adds the records of a payload, up to the first that is not valid. */
static mds_status_t
mds_device_logs_add_records(mds_device_logs_t *logs, const uint8_t *bytes,
                            size_t len, mds_error_t *err)
{
    mds_device_copy_t  copy;
    mds_device_entry_t entry;
    size_t             at = logs->bytes.len, n;

    mds_buffer_add(&logs->bytes, bytes, len);

    if (mds_buffer_failed(&logs->bytes)) {
        return mds_fail_memory(err);
    }

    for (; len > 0; at += n, bytes += n, len -= n) {
        n = mds_device_decode(bytes, len, NULL, 0, &copy);

        if (n == 0) {
            logs->damaged = true;
            break;
        }

        entry.hash = mds_device_hash(copy.device.app, copy.device.device);
        entry.at = at;
        mds_buffer_add(&logs->entry_bytes, &entry, sizeof(entry));
    }

    if (mds_buffer_failed(&logs->entry_bytes)) {
        return mds_fail_memory(err);
    }

    logs->entries = (void *) logs->entry_bytes.data;
    logs->count = logs->entry_bytes.len / sizeof(entry);
    return MDS_OK;
}

/* Returns the length of the frame at the beginning of the bytes, with its head,
 * or 0 if there is no whole frame. */
static size_t
mds_frame_len(const uint8_t *bytes, size_t len)
{
    mds_str_t payload;

    if (len < MDS_FRAME_HEAD || memcmp(bytes, MDS_FRAME_MAGIC, 4) != 0) {
        return 0;
    }

    payload = (mds_str_t){ mds_load_be32(bytes + 4),
                           (const char *) bytes + MDS_FRAME_HEAD };

    return payload.len <= MDS_DEVICE_FRAME_MAX
                   && payload.len <= len - MDS_FRAME_HEAD
                   && mds_siphash(mds_frame_key, payload)
                          == mds_load_be64(bytes + 8)
               ? MDS_FRAME_HEAD + payload.len
               : 0;
}

/* Returns the number of bytes before what may be the next frame. */
static size_t
mds_frame_skip(const uint8_t *bytes, size_t len)
{
    const uint8_t *next
        = len > 1 ? memmem(bytes + 1, len - 1, MDS_FRAME_MAGIC, 4) : NULL;

    return next == NULL ? len : (size_t) (next - bytes);
}

mds_status_t
mds_device_logs_add(mds_device_logs_t *logs, const uint8_t *bytes, size_t len,
                    mds_error_t *err)
{
    uint64_t     cut = 0;
    int          tries = 0;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && len > 0) {
        size_t n = mds_frame_len(bytes, len);

        if (n > 0) {
            logs->damaged = logs->damaged || cut > 0;
            status = mds_device_logs_add_records(logs, bytes + MDS_FRAME_HEAD,
                                                 n - MDS_FRAME_HEAD, err);
        } else {
            n = tries++ < MDS_FRAME_TRIES_MAX ? mds_frame_skip(bytes, len)
                                              : len;
            cut += n;
        }

        bytes += n;
        len -= n;
    }

    logs->cut += cut;
    return status;
}

mds_status_t
mds_device_logs_read(mds_device_logs_t *logs, int fd, const char *name,
                     uint64_t bytes, mds_error_t *err)
{
    uint8_t     *data;
    mds_status_t status;

    if (bytes == 0) {
        return MDS_OK;
    }

    if (bytes > MDS_DEVICE_LOG_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "\"state/devices/%s\" must have at most %llu bytes, and"
                        " has %llu",
                        name, (unsigned long long) MDS_DEVICE_LOG_MAX,
                        (unsigned long long) bytes);
    }

    data = malloc((size_t) bytes);
    if (data == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_device_file_read(fd, name, 0, data, (size_t) bytes, err);

    if (status == MDS_OK) {
        status = mds_device_logs_add(logs, data, (size_t) bytes, err);
    }

    free(data);
    return status;
}

/* Treats a device that was seen long after now as the oldest: the clock that
 * saw it was wrong. */
int64_t
mds_device_sanitize_seen(int64_t seen_ms, int64_t now_ms)
{
    return seen_ms > now_ms + MDS_DEVICE_AHEAD_MS ? 0 : seen_ms;
}

static int
mds_device_entry_order(const void *a, const void *b, void *data)
{
    const mds_device_entry_t *x = a, *y = b;
    const mds_device_logs_t  *logs = data;
    mds_device_copy_t         first, second;
    int64_t                   x_ms, y_ms;
    int                       order;

    if (x->hash != y->hash) {
        return x->hash < y->hash ? -1 : 1;
    }

    mds_device_logs_get(logs, x, &first);
    mds_device_logs_get(logs, y, &second);
    order = mds_device_cmp(&first.device, &second.device);

    if (order != 0) {
        return order;
    }

    x_ms = mds_device_sanitize_seen(first.device.seen_ms, logs->now_ms);
    y_ms = mds_device_sanitize_seen(second.device.seen_ms, logs->now_ms);

    return x_ms != y_ms ? (x_ms < y_ms ? -1 : 1) : (x->at < y->at ? -1 : 1);
}

void
mds_device_logs_sort(mds_device_logs_t *logs, int64_t now_ms)
{
    logs->now_ms = now_ms;

    if (logs->count > 0) {
        qsort_r(logs->entries, logs->count, sizeof(*logs->entries),
                mds_device_entry_order, logs);
    }
}

void
mds_device_logs_get(const mds_device_logs_t  *logs,
                    const mds_device_entry_t *entry, mds_device_copy_t *copy)
{
    /* The record was decoded when it was added, so this cannot fail. */
    (void) !mds_device_decode(logs->bytes.data + entry->at,
                              logs->bytes.len - entry->at, NULL, 0, copy);
}

void
mds_device_logs_free(mds_device_logs_t *logs)
{
    mds_buffer_free(&logs->bytes);
    mds_buffer_free(&logs->entry_bytes);
    *logs = (mds_device_logs_t){ 0 };
}
