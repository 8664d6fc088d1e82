/*
 * mds_device_writer: writes runs. A run is synced a few megabytes at a time, so
 * that no other file's sync has to wait for all of it.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mds_time.h"
#include "registry/mds_device_run_internal.h"

#define MDS_WRITER_BUFFER ((size_t) 128 * 1024)
#define MDS_WRITER_SYNC (UINT64_C(8) << 20)

/* Defines the slots of the table of profiles, more than twice as many as
 * profiles. */
#define MDS_WRITER_SLOTS (UINT32_C(1) << 17)

struct mds_device_writer_s {
    int          dir;
    int          fd;
    mds_buffer_t out; /* bytes that are not written yet */
    uint64_t     written;
    uint64_t     synced;
    mds_buffer_t index;
    mds_buffer_t texts;   /* of the profiles */
    uint32_t    *slots;   /* numbers of profiles, counted from 1 */
    mds_buffer_t offsets; /* of each profile's texts, a uint32_t each */
    uint32_t     profiles;
    mds_buffer_t users; /* hash and block of each, a uint64_t */
    uint64_t     user_count;
    uint64_t     devices;
    uint64_t     forgotten;
    uint64_t     first;
    uint64_t     last;
    int64_t      oldest_ms;
    uint64_t     block_hash; /* of its first device */
    uint32_t     block_count;
    size_t       block_len;
    uint8_t      block[MDS_RUN_BLOCK_HEAD + MDS_DEVICE_BLOCK_MAX];
    char         temp[MDS_DEVICE_NAME_BYTES];
};

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

static mds_status_t
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

/* Profiles */

static size_t
mds_text_put(mds_str_t text, uint8_t *p)
{
    p[0] = (uint8_t) (text.len >> 8);
    p[1] = (uint8_t) text.len;

    if (text.len > 0) {
        memcpy(p + 2, text.data, text.len);
    }

    return text.len + 2;
}

/* Finds or adds a device's profile and returns its number, or 0 if there are
 * too many profiles and the device is written out. */
static mds_status_t
mds_writer_find_profile(mds_device_writer_t *w, const mds_device_t *device,
                        mds_error_t *err, uint32_t *number)
{
    uint8_t  texts[MDS_RUN_PROFILE_MAX];
    size_t   len = mds_text_put(device->app, texts);
    uint32_t slot, offset = (uint32_t) w->texts.len;

    len += mds_text_put(device->platform, texts + len);
    len += mds_text_put(device->version, texts + len);
    slot = (uint32_t) mds_run_hash(texts, len) % MDS_WRITER_SLOTS;

    for (; w->slots[slot] != 0; slot = (slot + 1) % MDS_WRITER_SLOTS) {
        const uint32_t *offsets = (const void *) w->offsets.data;
        uint32_t        at = offsets[w->slots[slot] - 1];

        if (w->texts.len - at >= len
            && memcmp(w->texts.data + at, texts, len) == 0) {
            *number = w->slots[slot];
            return MDS_OK;
        }
    }

    if (w->profiles == MDS_DEVICE_PROFILES_MAX) {
        *number = 0;
        return MDS_OK;
    }

    mds_buffer_add(&w->offsets, &offset, sizeof(offset));
    mds_buffer_add(&w->texts, texts, len);
    w->slots[slot] = ++w->profiles;
    *number = w->profiles;

    return mds_buffer_failed(&w->offsets) || mds_buffer_failed(&w->texts)
               ? mds_fail_memory(err)
               : MDS_OK;
}

/* Adds the block of a user's device to the users. */
static mds_status_t
mds_writer_add_user(mds_device_writer_t *w, const mds_device_t *device,
                    mds_error_t *err)
{
    uint64_t block = w->index.len / MDS_RUN_INDEX_ENTRY;
    uint64_t user = (uint64_t) mds_device_user_hash(device->app, device->user)
                        << 32
                    | block;

    mds_buffer_add(&w->users, &user, sizeof(user));
    w->user_count++;

    return mds_buffer_failed(&w->users) ? mds_fail_memory(err) : MDS_OK;
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

/* Sorts the users by hash and block, 16 bits at a time, from memory to memory
 * and back. */
static mds_status_t
mds_writer_sort_users(mds_device_writer_t *w, mds_error_t *err)
{
    uint64_t *other = malloc((w->user_count + 1) * sizeof(*other));
    uint32_t *counts = malloc(65536 * sizeof(*counts));
    uint64_t *from = (void *) w->users.data, *to = other;

    if (other == NULL || counts == NULL) {
        free(other);
        free(counts);
        return mds_fail_memory(err);
    }

    for (unsigned shift = 0; shift < 64; shift += 16) {
        uint32_t  sum = 0;
        uint64_t *swap = from;

        memset(counts, 0, 65536 * sizeof(*counts));

        for (uint64_t i = 0; i < w->user_count; i++) {
            counts[from[i] >> shift & 0xffff]++;
        }

        for (size_t i = 0; i < 65536; i++) {
            uint32_t count = counts[i];

            counts[i] = sum;
            sum += count;
        }

        for (uint64_t i = 0; i < w->user_count; i++) {
            to[counts[from[i] >> shift & 0xffff]++] = from[i];
        }

        from = to;
        to = swap;
    }

    free(counts);
    free(other);
    return MDS_OK;
}

/* Holds the piece of a table that is to be written and added to the hash.
 * Pieces go through one buffer, so that they begin where the reader's do. */
typedef struct {
    mds_device_writer_t *w;
    uint64_t             hash;
    size_t               len;
    uint8_t              piece[MDS_RUN_CHUNK];
} mds_tables_t;

static mds_status_t
mds_tables_end_piece(mds_tables_t *tables, mds_error_t *err)
{
    size_t len = tables->len;

    if (len == 0) {
        return MDS_OK;
    }

    tables->hash = mds_run_hash_on(tables->hash, tables->piece, len);
    tables->len = 0;
    return mds_writer_put(tables->w, tables->piece, len, err);
}

static mds_status_t
mds_tables_add(mds_tables_t *tables, const uint8_t *data, size_t len,
               mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && len > 0) {
        size_t room = sizeof(tables->piece) - tables->len;
        size_t n = len < room ? len : room;

        memcpy(tables->piece + tables->len, data, n);
        tables->len += n;
        data += n;
        len -= n;

        if (tables->len == sizeof(tables->piece)) {
            status = mds_tables_end_piece(tables, err);
        }
    }

    return status;
}

static mds_status_t
mds_writer_write_tables(mds_device_writer_t *w, mds_tables_t *tables,
                        mds_error_t *err)
{
    const uint64_t *users = (const void *) w->users.data;
    mds_status_t    status
        = mds_tables_add(tables, w->index.data, w->index.len, err);

    if (status == MDS_OK) {
        status = mds_tables_add(tables, w->texts.data, w->texts.len, err);
    }

    for (uint64_t i = 0; status == MDS_OK && i < w->user_count; i++) {
        uint8_t entry[MDS_RUN_USER_ENTRY];

        mds_store_be64(entry, users[i]);
        status = mds_tables_add(tables, entry, sizeof(entry), err);
    }

    return status == MDS_OK ? mds_tables_end_piece(tables, err) : status;
}

static mds_status_t
mds_writer_write_trailer(mds_device_writer_t *w, uint64_t index_at,
                         uint64_t tables_hash, mds_error_t *err)
{
    mds_device_trailer_t trailer = { .magic = MDS_RUN_MAGIC };
    uint64_t             profiles_at = index_at + w->index.len;

    mds_store_be64(trailer.devices, w->devices);
    mds_store_be64(trailer.blocks, w->index.len / MDS_RUN_INDEX_ENTRY);
    mds_store_be64(trailer.index_at, index_at);
    mds_store_be64(trailer.profiles_at, profiles_at);
    mds_store_be64(trailer.profiles, w->profiles);
    mds_store_be64(trailer.users_at, profiles_at + w->texts.len);
    mds_store_be64(trailer.users, w->user_count);
    mds_store_be64(trailer.first, w->first);
    mds_store_be64(trailer.last, w->last);
    mds_store_be64(trailer.oldest_ms,
                   w->devices == 0 ? 0 : (uint64_t) w->oldest_ms);
    mds_store_be64(trailer.forgotten, w->forgotten);
    mds_store_be64(trailer.tables_hash, tables_hash);
    mds_store_be64(trailer.hash, mds_trailer_hash(&trailer));

    return mds_writer_put(w, &trailer, sizeof(trailer), err);
}

static mds_status_t
mds_writer_finish(mds_device_writer_t *w, mds_tables_t *tables,
                  mds_error_t *err)
{
    uint64_t     index_at;
    mds_status_t status = mds_writer_end_block(w, err);

    if (status == MDS_OK && w->user_count > 0) {
        status = mds_writer_sort_users(w, err);
    }

    index_at = w->written + w->out.len;
    tables->w = w;

    if (status == MDS_OK) {
        status = mds_writer_write_tables(w, tables, err);
    }

    if (status == MDS_OK) {
        status = mds_writer_write_trailer(w, index_at, tables->hash, err);
    }

    return status == MDS_OK ? mds_writer_flush(w, err) : status;
}

mds_status_t
mds_device_writer_commit(mds_device_writer_t *writer, const char *name,
                         mds_error_t *err)
{
    mds_tables_t *tables = calloc(1, sizeof(*tables));
    mds_status_t  status = tables == NULL
                               ? mds_fail_memory(err)
                               : mds_writer_finish(writer, tables, err);

    free(tables);

    if (status != MDS_OK) {
        mds_device_writer_abort(writer);
        return status;
    }

    status = mds_device_file_commit(writer->dir, writer->fd, writer->temp, name,
                                    err);
    mds_writer_free(writer);
    return status;
}
