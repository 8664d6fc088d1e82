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
 * behind it, and changes most nodes. A change of a large tree therefore leaves
 * the file as it is, and adds *tree changes*: leaves that stand at their index
 * in place of the file's, or behind the last one. The leaf of a manifest that
 * is removed becomes vacant, the leaf of an empty entry, and a manifest that is
 * added takes a vacant index. So the nodes above the changed leaves alone
 * differ from the file's. A file is written anew, and has 96 bytes for each
 * manifest, where the tree is small or has too many changes.
 */

#ifndef MDS_TREE_H
#define MDS_TREE_H

#include "base/mds_buffer.h"
#include "base/mds_file.h"
#include "base/mds_terms.h"
#include "merkle/mds_proof.h"

#define MDS_TREES "trees" /* the folder */

/* A manifest in a tree. */
typedef struct {
    mds_sha256_t digest; /* of the signed bytes */
    mds_sha256_t hash;   /* of the leaf */
} mds_leaf_t;

/* A leaf that differs from the file's. A digest of zeros: it is vacant. */
typedef struct MDS_PACKED {
    uint64_t   index;
    mds_leaf_t leaf;
} mds_tree_change_t;

/* Changes of a tree, and the leaves for each of them that its file must have:
 * opening a tree hashes the nodes above its changes. */
#define MDS_TREE_CHANGES_MAX 512
#define MDS_TREE_CHANGE_LEAVES 64

/* Gives digest and hash of the signed bytes. */
void mds_leaf_make(mds_str_t manifest, mds_leaf_t *leaf);

typedef struct mds_tree_s mds_tree_t;

/* Opens the tree of that root. MDS_NOT_FOUND, MDS_DAMAGED. */
mds_status_t mds_tree_open(const char *depot, const mds_sha256_t *root,
                           mds_error_t *err, mds_tree_t **tree) MDS_MUST_CHECK;

void mds_tree_close(mds_tree_t *tree); /* takes NULL, too */

/*
 * Puts changes, ascending by index, in place of those that the tree had: bytes
 * of mds_tree_change_t, which are copied. MDS_DAMAGED: they are not ascending,
 * are too many, or leave out an index.
 */
mds_status_t mds_tree_set_changes(mds_tree_t *tree, mds_str_t changes,
                                  mds_error_t *err) MDS_MUST_CHECK;

/* Return the number of leaves, with those that are vacant, and the root. */
uint64_t            mds_tree_count(const mds_tree_t *tree);
const mds_sha256_t *mds_tree_root(const mds_tree_t *tree);

/* Gives the proof for a manifest by the SHA-256 of its bytes. False: it is not
 * in the tree. */
bool mds_tree_prove(const mds_tree_t *tree, const mds_sha256_t *digest,
                    mds_proof_t *proof);

/* Recomputes all nodes of the file. MDS_DAMAGED: one is wrong, or the order
 * is. */
mds_status_t
mds_tree_check(const mds_tree_t *tree, mds_error_t *err) MDS_MUST_CHECK;

/* Returns how many changes a file with so many leaves may have. */
uint64_t mds_tree_changes_max(uint64_t count);

/*
 * Plans the changes, at most `max`, that remove and add manifests (as
 * mds_tree_make() does). Those that the tree has already are among them. False:
 * there would be more, and the tree is to be made anew.
 */
bool
mds_tree_plan_changes(const mds_tree_t *tree, mds_buffer_t *removed,
                      mds_buffer_t *added, uint64_t max, mds_buffer_t *changes);

/*
 * Makes a tree of those of `old` (NULL: none), without those in `removed`, and
 * with those in `added`, two buffers of mds_leaf_t in any order. A manifest
 * that is in both is added; none is vacant. Writes the file durably, unless
 * there is one, and gives the root and whether the file is new.
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
