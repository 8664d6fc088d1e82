/*
 * Writes the environment of a set, from sorted hashes.
 */

#include "idset/mds_idset_internal.h"

#include <stdlib.h>

#define MDS_IDSET_CHUNK 8192 /* fewer hashes than twice this need one chunk */

/* The memory that the pages of one transaction may take. */
#define MDS_IDSET_COMMIT (16 * 1024 * 1024)

typedef struct {
    mds_lmdb_t      *lmdb;
    mds_idset_info_t info;
    uint64_t         chunk;  /* is being filled */
    uint64_t        *hashes; /* of that chunk */
    size_t           len;
    size_t           room;
    size_t           uncommitted; /* bytes */
} mds_idset_build_t;

/* Appends the chunk that was filled, and commits from time to time. */
static mds_status_t
mds_idset_flush(mds_idset_build_t *build, mds_error_t *err)
{
    const char key[MDS_IDSET_KEY_BYTES]
        = { (char) (build->chunk >> 8), (char) build->chunk };
    mds_status_t status = MDS_OK;
    mds_str_t    value
        = { build->len * sizeof(uint64_t), (const char *) build->hashes };

    if (build->len == 0) {
        return MDS_OK;
    }

    mds_lmdb_append(build->lmdb, MDS_IDSET_HASH,
                    (mds_str_t){ sizeof(key), key }, value);

    build->len = 0;
    build->uncommitted += value.len;

    if (build->uncommitted >= MDS_IDSET_COMMIT) {
        build->uncommitted = 0;
        status = mds_lmdb_commit(build->lmdb, err);

        if (status == MDS_OK) {
            status = mds_lmdb_write(build->lmdb, err);
        }
    }

    return status;
}

static mds_status_t
mds_idset_append(mds_idset_build_t *build, uint64_t hash, mds_error_t *err)
{
    mds_status_t status;
    uint64_t     chunk = mds_idset_chunk(hash, build->info.bits);

    if (chunk != build->chunk) {
        status = mds_idset_flush(build, err);
        if (status != MDS_OK) {
            return status;
        }

        build->chunk = chunk;
    }

    if (build->len == build->room) {
        size_t    room = build->room * 2 + MDS_IDSET_CHUNK;
        uint64_t *more = realloc(build->hashes, room * sizeof(*more));

        if (more == NULL) {
            return mds_fail_memory(err);
        }

        build->hashes = more;
        build->room = room;
    }

    build->hashes[build->len++] = hash;
    build->info.count++;

    return MDS_OK;
}

static mds_status_t
mds_idset_write(mds_idset_build_t *build, mds_u64_sort_t *sort,
                mds_progress_t *progress, mds_error_t *err)
{
    uint64_t     hash, total = mds_u64_sort_count(sort);
    mds_status_t status = mds_lmdb_write(build->lmdb, err);

    while (status == MDS_OK) {
        status = mds_u64_sort_next(sort, err, &hash);
        if (status != MDS_OK) {
            break;
        }

        status = mds_idset_append(build, hash, err);

        if (progress != NULL && build->info.count % 65536 == 0) {
            progress->report(progress, build->info.count, total);
        }
    }

    if (status == MDS_NOT_FOUND) {
        status = mds_idset_flush(build, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    mds_lmdb_append(build->lmdb, MDS_IDSET_INFO, mds_str("list"),
                    (mds_str_t){ sizeof(build->info),
                                 (const char *) &build->info });

    return mds_lmdb_commit(build->lmdb, err);
}

/* Returns the bits that give chunks of 8,192 to 16,383 hashes, if there are so
 * many bits. */
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

/* Returns more than the environment takes: twice the hashes, and two pages for
 * each chunk. */
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
    uint64_t          added = mds_u64_sort_count(sort);
    mds_status_t      status;
    mds_idset_build_t build = { .info = { .bits = mds_idset_bits(added) } };

    status = mds_u64_sort_begin(sort, err);

    if (status == MDS_OK) {
        status = mds_lmdb_open(path, MDS_LMDB_BUILD, mds_idset_tables,
                               MDS_IDSET_TABLES, mds_idset_map_bytes(added),
                               err, &build.lmdb);
    }

    if (status == MDS_OK) {
        status = mds_idset_write(&build, sort, progress, err);
    }

    mds_lmdb_close(build.lmdb);
    free(build.hashes);

    if (status == MDS_OK) {
        *count = build.info.count;
    }

    return status;
}
