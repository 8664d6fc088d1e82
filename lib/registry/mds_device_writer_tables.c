/* mds_device_writer_tables: collects the profiles and users of a run, and
 * writes its tables and its trailer. */

#include <stdlib.h>

#include "registry/mds_device_writer_internal.h"

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

mds_status_t
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

mds_status_t
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

/* Users */

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

/* Writes tables and trailer. */
static mds_status_t
mds_writer_write_end(mds_device_writer_t *w, mds_tables_t *tables,
                     mds_error_t *err)
{
    uint64_t     index_at = w->written + w->out.len;
    mds_status_t status = MDS_OK;

    tables->w = w;

    if (w->user_count > 0) {
        status = mds_writer_sort_users(w, err);
    }

    if (status == MDS_OK) {
        status = mds_writer_write_tables(w, tables, err);
    }

    return status == MDS_OK
               ? mds_writer_write_trailer(w, index_at, tables->hash, err)
               : status;
}

mds_status_t
mds_writer_end(mds_device_writer_t *w, mds_error_t *err)
{
    mds_tables_t *tables = calloc(1, sizeof(*tables));
    mds_status_t  status = tables == NULL ? mds_fail_memory(err)
                                          : mds_writer_write_end(w, tables, err);

    free(tables);
    return status;
}
