/*
 * mds_tree: the tree of an app's manifests, as a file of the depot.
 *
 *   DEPOT/trees/SHA256     named by the root of the tree; immutable
 *
 *   0        8       16      32
 *   +--------+-------+-------+---------------------+----------------------+
 *   | mds    | count | zero  | SHA-256 of each     | levels of hashes     |
 *   | tree1  |       |       | manifest, ascending | (mds_merkle.h)       |
 *   +--------+-------+-------+---------------------+----------------------+
 *
 * count is big-endian. The leaves are in the order of the digests, so that
 * the index of a manifest is found by its digest. An insertion moves all leaves
 * behind it, and changes most nodes: a tree is written anew by each change,
 * which takes 96 bytes for each manifest.
 */

#ifndef MDS_TREE_H
#define MDS_TREE_H

#include "base/mds_buffer.h"
#include "base/mds_file.h"
#include "merkle/mds_proof.h"

#define MDS_TREES "trees" /* the folder */

/* A manifest in a tree. */
typedef struct {
    mds_sha256_t digest; /* of the signed bytes */
    mds_sha256_t hash;   /* of the leaf */
} mds_leaf_t;

/* Gives digest and hash of the signed bytes. */
void mds_leaf_make(mds_str_t manifest, mds_leaf_t *leaf);

typedef struct mds_tree_s mds_tree_t;

/* Opens the tree of that root. MDS_NOT_FOUND, MDS_DAMAGED. */
mds_status_t mds_tree_open(const char *depot, const mds_sha256_t *root,
                           mds_error_t *err, mds_tree_t **tree) MDS_MUST_CHECK;

void mds_tree_close(mds_tree_t *tree); /* takes NULL, too */

uint64_t            mds_tree_count(const mds_tree_t *tree);
const mds_sha256_t *mds_tree_root(const mds_tree_t *tree);

/* Returns the digest of the i-th manifest. */
const mds_sha256_t *mds_tree_digest(const mds_tree_t *tree, uint64_t i);

/* Gives the proof for a manifest by the SHA-256 of its bytes. False: it is not
 * in the tree. */
bool mds_tree_prove(const mds_tree_t *tree, const mds_sha256_t *digest,
                    mds_proof_t *proof);

/* Recomputes all nodes. MDS_DAMAGED: one is wrong, or the order is. */
mds_status_t
mds_tree_check(const mds_tree_t *tree, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Makes a tree of those of `old` (NULL: none), without those in `removed`, and
 * with those in `added`, two buffers of mds_leaf_t in any order. A manifest
 * that is in both is added. Writes the file durably, unless there is one, and
 * gives the root and whether the file is new.
 */
mds_status_t
mds_tree_make(const char *depot, const mds_tree_t *old, mds_buffer_t *removed,
              mds_buffer_t *added, mds_error_t *err, mds_sha256_t *root,
              uint64_t *count, bool *created) MDS_MUST_CHECK;

/* Returns the length of the file of a tree with so many manifests. */
uint64_t mds_tree_file_bytes(uint64_t count);

/* Writes the path DEPOT/trees/SHA256. */
mds_status_t mds_tree_path(const char *depot, const mds_sha256_t *root,
                           mds_error_t *err, mds_path_t *path) MDS_MUST_CHECK;

#endif
