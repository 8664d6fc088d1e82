/*
 * Opens sets, and looks up ids.
 */

#include "idset/mds_idset_internal.h"

#include <stdlib.h>

#include "base/mds_siphash.h"
#include "lmdb/mds_seal.h"

/* The place of a hash is computed so often at most: bytes in disorder cost no
 * more than that, and then a binary search. */
#define MDS_IDSET_GUESSES 16

const char *const mds_idset_tables[MDS_IDSET_TABLES] = { "info", "hash" };

struct mds_idset_s {
    mds_lmdb_t      *lmdb;
    mds_idset_info_t info;
    mds_str_t       *chunks; /* views of them, by number: 1 << bits */
};

uint64_t
mds_id_hash(mds_str_t id)
{
    /* It is public, and never changes: all lists contain hashes made with it.
     */
    static const uint8_t key[MDS_SIPHASH_KEY] = "mds list of ids";

    return mds_siphash(key, id);
}

mds_status_t
mds_idset_path(const char *depot_dir, const mds_sha256_t *sha256,
               const char *suffix, mds_error_t *err, mds_path_t *path)
{
    char hex[MDS_SHA256_HEX + 1];

    return mds_path(path, err, "%s/lists/%s%s", depot_dir,
                    mds_sha256_hex(sha256, hex), suffix);
}

mds_idset_file_t
mds_idset_parse_name(const char *name, mds_sha256_t *sha256)
{
    const char *suffix;

    if (strlen(name) < MDS_SHA256_HEX
        || !mds_sha256_parse((mds_str_t){ MDS_SHA256_HEX, name }, sha256))
    {
        return MDS_IDSET_OTHER;
    }

    suffix = name + MDS_SHA256_HEX;

    return strcmp(suffix, ".mdb") == 0   ? MDS_IDSET_HASHES
           : strcmp(suffix, ".ids") == 0 ? MDS_IDSET_TEXT
                                         : MDS_IDSET_OTHER;
}

static mds_status_t
mds_idset_fail_format(const char *path, mds_error_t *err)
{
    return mds_fail(err, MDS_DAMAGED, "\"%s\" is not a set of ids", path);
}

static mds_status_t
mds_idset_read_info(mds_idset_t *list, const char *path, mds_error_t *err)
{
    mds_str_t value;

    if (!mds_lmdb_get(list->lmdb, MDS_IDSET_INFO, mds_str("list"), &value)
        || value.len != sizeof(list->info))
    {
        return mds_idset_fail_format(path, err);
    }

    memcpy(&list->info, value.data, sizeof(list->info));

    return list->info.bits <= MDS_IDSET_BITS_MAX
               ? MDS_OK
               : mds_idset_fail_format(path, err);
}

/* Finds the chunks once: the file is immutable and stays mapped. A chunk's
 * number is checked before it is an index. */
static mds_status_t
mds_idset_read_chunks(mds_idset_t *list, const char *path, mds_error_t *err)
{
    size_t             most = (size_t) 1 << list->info.bits;
    mds_lmdb_cursor_t *cursor;
    mds_str_t          key, value;
    bool               good = true;
    mds_status_t       status;

    list->chunks = calloc(most, sizeof(*list->chunks));
    if (list->chunks == NULL) {
        return mds_fail_memory(err);
    }

    cursor = mds_lmdb_walk(list->lmdb, MDS_IDSET_HASH, mds_null_str);

    while (good && mds_lmdb_next(cursor, &key, &value)) {
        size_t chunk = key.len != MDS_IDSET_KEY_BYTES
                           ? most
                           : (size_t) ((uint8_t) key.data[0] << 8
                                       | (uint8_t) key.data[1]);

        good = chunk < most;

        if (good) {
            list->chunks[chunk] = value;
        }
    }

    mds_lmdb_walk_end(cursor);
    status = mds_lmdb_status(list->lmdb, err);

    return status == MDS_OK && !good ? mds_idset_fail_format(path, err)
                                     : status;
}

static mds_status_t
mds_idset_read(mds_idset_t *list, const char *path, mds_error_t *err)
{
    mds_status_t status = mds_lmdb_read(list->lmdb, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_idset_read_info(list, path, err);

    if (status == MDS_OK) {
        status = mds_idset_read_chunks(list, path, err);
    }

    mds_lmdb_abort(list->lmdb);

    return status;
}

mds_status_t
mds_idset_open(const char *depot_dir, const mds_sha256_t *sha256,
               mds_error_t *err, mds_idset_t **list)
{
    mds_path_t   path;
    mds_idset_t *opened;
    mds_status_t status = mds_idset_path(depot_dir, sha256, ".mdb", err, &path);

    if (status == MDS_OK) {
        status = mds_seal_check(path.text, sha256->bytes, false, err, NULL);
    }

    if (status != MDS_OK) {
        return status;
    }

    opened = calloc(1, sizeof(*opened));
    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_lmdb_open(path.text, MDS_LMDB_IMMUTABLE | MDS_LMDB_SCATTERED,
                           mds_idset_tables, MDS_IDSET_TABLES, 0, err,
                           &opened->lmdb);

    if (status == MDS_OK) {
        status = mds_idset_read(opened, path.text, err);
    }

    if (status != MDS_OK) {
        mds_idset_close(opened);
        return status;
    }

    *list = opened;
    return MDS_OK;
}

void
mds_idset_close(mds_idset_t *list)
{
    if (list != NULL) {
        mds_lmdb_close(list->lmdb);
        free(list->chunks);
        free(list);
    }
}

const mds_file_id_t *
mds_idset_file_id(const mds_idset_t *list)
{
    return mds_lmdb_file_id(list->lmdb);
}

mds_status_t
mds_idset_check(const mds_idset_t *list, mds_error_t *err)
{
    return mds_lmdb_check(list->lmdb, err);
}

uint64_t
mds_idset_count(const mds_idset_t *list)
{
    return list->info.count;
}

/* Returns how many of count hashes, evenly spread over a chunk, lie within the
 * distance. */
static size_t
mds_idset_ahead(uint64_t distance, unsigned bits, size_t count)
{
    return (size_t) ((unsigned __int128) (distance << bits) * count >> 64);
}

mds_status_t
mds_idset_search(mds_str_t chunk, unsigned bits, uint64_t hash, bool *in)
{
    uint64_t value;
    size_t   count = chunk.len / sizeof(value);
    size_t   low = 0, high = count; /* the hash is in [low, high) */
    size_t   at = mds_idset_ahead(hash, bits, count);

    if (chunk.len % sizeof(value) != 0) {
        return MDS_DAMAGED;
    }

    /* Each turn makes the range smaller, whatever the bytes are. */
    for (unsigned turn = 0; low < high; turn++) {

        if (turn >= MDS_IDSET_GUESSES || at < low || at >= high) {
            at = low + (high - low) / 2;
        }

        memcpy(&value, chunk.data + at * sizeof(value), sizeof(value));

        if (value == hash) {
            *in = true;
            return MDS_OK;
        }

        if (value < hash) {
            low = at + 1;
            at = low + mds_idset_ahead(hash - value, bits, count);

        } else {
            high = at;
            at = high - 1 - mds_idset_ahead(value - hash, bits, count);
        }
    }

    *in = false;
    return MDS_OK;
}

mds_status_t
mds_idset_contains(mds_idset_t *list, uint64_t hash, mds_error_t *err, bool *in)
{
    mds_str_t chunk = list->chunks[mds_idset_chunk(hash, list->info.bits)];

    return mds_idset_search(chunk, list->info.bits, hash, in) == MDS_OK
               ? MDS_OK
               : mds_fail(err, MDS_DAMAGED,
                          "a list of ids is damaged: a chunk has %zu bytes",
                          chunk.len);
}
