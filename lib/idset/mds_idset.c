#include "idset/mds_idset.h"

#include <stdlib.h>

#include "base/mds_siphash.h"
#include "lmdb/mds_lmdb.h"
#include "lmdb/mds_seal.h"

#define MDS_IDSET_BITS_MAX 12
#define MDS_IDSET_CHUNK 8192 /* fewer hashes than this need no second one */

/* So often the place is computed; bytes that mislead cost no more than that. */
#define MDS_IDSET_GUESSES 16

/* What the pages of one transaction may take in memory. */
#define MDS_IDSET_COMMIT (16 * 1024 * 1024)

enum { MDS_IDSET_INFO, MDS_IDSET_HASH };

static const char *const mds_idset_tables[] = { "info", "hash" };

/* The record in the table of that name. */
typedef struct {
    uint8_t  bits;
    uint8_t  zero[7];
    uint64_t count;
} mds_idset_info_t;

_Static_assert(sizeof(mds_idset_info_t) == 16, "no padding");

struct mds_idset_s {
    mds_lmdb_t      *lmdb;
    mds_idset_info_t info;
    mds_str_t       *chunks; /* where they lie, by number */
};

typedef struct {
    mds_lmdb_t      *lmdb;
    mds_idset_info_t info;
    uint64_t         chunk;  /* being filled */
    uint64_t        *hashes; /* of it */
    size_t           len;
    size_t           room;
    size_t           uncommitted; /* bytes */
} mds_idset_writer_t;

/* The key of a chunk, in memory of the caller. */
typedef struct {
    char bytes[2];
} mds_idset_key_t;

uint64_t
mds_id_hash(mds_str_t id)
{
    /* Public, and fixed for good: all lists stand on it. */
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

static mds_str_t
mds_idset_key(uint64_t chunk, mds_idset_key_t *key)
{
    key->bytes[0] = (char) (chunk >> 8);
    key->bytes[1] = (char) chunk;

    return (mds_str_t){ sizeof(key->bytes), key->bytes };
}

/* In two steps: a shift by 64 is none. */
static uint64_t
mds_idset_chunk(uint64_t hash, unsigned bits)
{
    return hash >> 1 >> (63 - bits);
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

/* The file is immutable and stays mapped: nobody need look for them again. */
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
        size_t chunk = key.len != sizeof(mds_idset_key_t)
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
                           mds_idset_tables, mds_nelems(mds_idset_tables), 0,
                           err, &opened->lmdb);

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

/* How many of count hashes, evenly spread over a chunk, lie in that distance.
 */
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
    size_t   low = 0, high = count; /* it is at low or above, below high */
    size_t   at = mds_idset_ahead(hash, bits, count);

    if (chunk.len % sizeof(value) != 0) {
        return MDS_DAMAGED;
    }

    /* Each turn leaves fewer between low and high, whatever the bytes are. */
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

/* Puts the chunk that was filled; now and then, all that was put. */
static mds_status_t
mds_idset_flush(mds_idset_writer_t *writer, mds_error_t *err)
{
    mds_idset_key_t key;
    mds_status_t    status = MDS_OK;
    mds_str_t       value
        = { writer->len * sizeof(uint64_t), (const char *) writer->hashes };

    if (writer->len == 0) {
        return MDS_OK;
    }

    mds_lmdb_append(writer->lmdb, MDS_IDSET_HASH,
                    mds_idset_key(writer->chunk, &key), value);

    writer->len = 0;
    writer->uncommitted += value.len;

    if (writer->uncommitted >= MDS_IDSET_COMMIT) {
        writer->uncommitted = 0;
        status = mds_lmdb_commit(writer->lmdb, err);

        if (status == MDS_OK) {
            status = mds_lmdb_write(writer->lmdb, err);
        }
    }

    return status;
}

static mds_status_t
mds_idset_append(mds_idset_writer_t *writer, uint64_t hash, mds_error_t *err)
{
    mds_status_t status;
    uint64_t     chunk = mds_idset_chunk(hash, writer->info.bits);

    if (chunk != writer->chunk) {
        status = mds_idset_flush(writer, err);
        if (status != MDS_OK) {
            return status;
        }

        writer->chunk = chunk;
    }

    if (writer->len == writer->room) {
        size_t    room = writer->room * 2 + MDS_IDSET_CHUNK;
        uint64_t *more = realloc(writer->hashes, room * sizeof(*more));

        if (more == NULL) {
            return mds_fail_memory(err);
        }

        writer->hashes = more;
        writer->room = room;
    }

    writer->hashes[writer->len++] = hash;
    writer->info.count++;

    return MDS_OK;
}

static mds_status_t
mds_idset_write(mds_idset_writer_t *writer, mds_u64_sort_t *sort,
                mds_progress_t *progress, mds_error_t *err)
{
    uint64_t     hash, total = mds_u64_sort_count(sort);
    mds_status_t status = mds_lmdb_write(writer->lmdb, err);

    while (status == MDS_OK) {
        status = mds_u64_sort_next(sort, err, &hash);
        if (status != MDS_OK) {
            break;
        }

        status = mds_idset_append(writer, hash, err);

        if (progress != NULL && writer->info.count % 65536 == 0) {
            progress->report(progress, writer->info.count, total);
        }
    }

    if (status == MDS_NOT_FOUND) {
        status = mds_idset_flush(writer, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    mds_lmdb_append(writer->lmdb, MDS_IDSET_INFO, mds_str("list"),
                    (mds_str_t){ sizeof(writer->info),
                                 (const char *) &writer->info });

    return mds_lmdb_commit(writer->lmdb, err);
}

/* 8,192 to 16,383 in a chunk, while there are bits for that. */
static uint8_t
mds_idset_bits(uint64_t count)
{
    uint8_t bits = 0;

    while (bits < MDS_IDSET_BITS_MAX
           && count >> bits >= (uint64_t) 2 * MDS_IDSET_CHUNK)
    {
        bits++;
    }

    return bits;
}

/* Twice the hashes, and two pages for each chunk: far more than it takes. */
static uint64_t
mds_idset_map_bytes(uint64_t count)
{
    return 2 * count * sizeof(uint64_t)
           + (((uint64_t) 2 << MDS_IDSET_BITS_MAX) + 256) * 4096;
}

mds_status_t
mds_idset_build(const char *path, mds_u64_sort_t *sort,
                mds_progress_t *progress, mds_error_t *err, uint64_t *count)
{
    uint64_t           added = mds_u64_sort_count(sort);
    mds_status_t       status;
    mds_idset_writer_t writer = { .info = { .bits = mds_idset_bits(added) } };

    status = mds_u64_sort_begin(sort, err);

    if (status == MDS_OK) {
        status = mds_lmdb_open(path, MDS_LMDB_BUILD, mds_idset_tables,
                               mds_nelems(mds_idset_tables),
                               mds_idset_map_bytes(added), err, &writer.lmdb);
    }

    if (status == MDS_OK) {
        status = mds_idset_write(&writer, sort, progress, err);
    }

    mds_lmdb_close(writer.lmdb);
    free(writer.hashes);

    if (status == MDS_OK) {
        *count = writer.info.count;
    }

    return status;
}
