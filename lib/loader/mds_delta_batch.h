/*
 * mds_delta_batch: the deltas of one change, which are made on all cores while
 * the journal is not locked.
 *
 * A change finds with the journal locked which deltas it lacks, and begins the
 * batch: their packages are linked into a directory of the batch, where nobody
 * changes or removes them. Then it gives up, lets other loaders work, and makes
 * the deltas. After that the change is made once more from its beginning, with
 * the depot as it is by then, and takes from the batch the deltas that it needs
 * still. The packages that it had stored are kept in the directory as well, so
 * that they need not be copied and digested once more.
 */

#ifndef MDS_DELTA_BATCH_H
#define MDS_DELTA_BATCH_H

#include "base/mds_buffer.h"
#include "base/mds_work_dir.h"
#include "loader/mds_loader_internal.h"

/* A package towards which deltas are made. */
typedef struct {
    mds_sha256_t sha256;
    uint64_t     bytes;
    uint64_t     compressed_bytes;
    bool         measured; /* compressed_bytes is set */
    bool         checked;  /* the file has that digest */
} mds_delta_target_t;

typedef struct {
    mds_sha256_t from;
    mds_sha256_t to;
    uint64_t     from_bytes;
    size_t       target; /* the index of `to` */
    bool         made;
    mds_sha256_t sha256;
    uint64_t     bytes;
} mds_delta_item_t;

typedef struct {
    mds_zstd_level_t level;
    mds_work_dir_t   work;
    mds_buffer_t     targets; /* of mds_delta_target_t */
    mds_buffer_t     items;   /* of mds_delta_item_t */
    size_t           missing; /* items to be made: the last ones */
    mds_json_t      *stored;  /* digests of the change's files, by path */
    unsigned         rounds;  /* of making */
} mds_delta_batch_t;

void mds_delta_batch_init(mds_delta_batch_t *batch, mds_zstd_level_t level);

/* Removes the directory as well. */
void mds_delta_batch_free(mds_delta_batch_t *batch);

/* Returns the number of deltas, made or not. */
size_t mds_delta_batch_count(const mds_delta_batch_t *batch);

/* Returns a delta of these files that was made, or NULL. */
const mds_delta_item_t *
mds_delta_batch_find(const mds_delta_batch_t *batch, const mds_sha256_t *from,
                     const mds_sha256_t *to);

/* Returns the target of a delta. */
const mds_delta_target_t *mds_delta_batch_target(const mds_delta_batch_t *batch,
                                                 const mds_delta_item_t  *item);

/* Adds a delta that has to be made, unless it was added; with the journal
 * locked. */
mds_status_t mds_delta_batch_add(mds_delta_batch_t *batch, mds_loader_t *loader,
                                 const mds_sha256_t *from, uint64_t from_bytes,
                                 const mds_sha256_t *to, uint64_t to_bytes,
                                 mds_error_t *err) MDS_MUST_CHECK;

/* Makes all that were added. MDS_DAMAGED: a file has not its digest. */
mds_status_t
mds_delta_batch_make(mds_delta_batch_t *batch, mds_loader_t *loader,
                     mds_error_t *err) MDS_MUST_CHECK;

/* --- the files of the change, which it stores each time it is made */

/* Notes that the file of a path was stored. */
mds_status_t
mds_delta_batch_note_file(mds_delta_batch_t *batch, const char *path,
                          const mds_sha256_t *sha256,
                          mds_error_t        *err) MDS_MUST_CHECK;

/* Links the noted files into the directory, since the change gives up. */
mds_status_t
mds_delta_batch_keep_files(mds_delta_batch_t *batch, const char *depot,
                           mds_error_t *err) MDS_MUST_CHECK;

/* Looks up the file of a path that was kept: mds_store_put() stores it again.
 * False: it has to be read. */
bool mds_delta_batch_find_file(const mds_delta_batch_t *batch, const char *path,
                               mds_sha256_t *sha256);

#endif
