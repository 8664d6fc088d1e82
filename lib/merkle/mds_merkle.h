/*
 * mds_merkle: the hash tree of RFC 9162 (2.1), with SHA-256.
 *
 *   leaf  SHA-256(0x00 || entry)
 *   node  SHA-256(0x01 || left || right)
 *   none  SHA-256(), the root of a tree without leaves
 *
 * RFC 9162 splits n leaves at the largest power of two below n. The same tree
 * is made level by level: two neighbours make a node, and one without a
 * neighbour goes up as it is. The levels are stored one after the other, the
 * leaves first and the root last, so that a path is copied, not computed:
 *
 *   leaves  a  b  c  d  e     5
 *           ab    cd    e     3
 *           abcd        e     2
 *           abcde             1
 */

#ifndef MDS_MERKLE_H
#define MDS_MERKLE_H

#include "base/mds_digest.h"

#define MDS_MERKLE_LEAVES_MAX (UINT64_C(1) << 31)
#define MDS_MERKLE_PATH_MAX 32 /* hashes of a path, at most */

void mds_merkle_leaf(mds_str_t entry, mds_sha256_t *hash);

void mds_merkle_node(const mds_sha256_t *left, const mds_sha256_t *right,
                     mds_sha256_t *hash);

/* Hashes `count` nodes, whose children lie one behind the other. */
void mds_merkle_nodes(const mds_sha256_t *below, uint64_t count,
                      mds_sha256_t *above);

/* Returns the number of hashes in all levels; 1 for a tree without leaves. */
uint64_t mds_merkle_size(uint64_t count);

/*
 * Makes the levels above `count` leaves, which are the first hashes of
 * `levels`. The first `same` of them are also the first leaves of the tree
 * `old`, whose nodes are copied as far as they cover no other leaf.
 */
void
mds_merkle_fill(mds_sha256_t *levels, uint64_t count, const mds_sha256_t *old,
                uint64_t old_count, uint64_t same);

/* Returns the root. */
static inline const mds_sha256_t *
mds_merkle_root(const mds_sha256_t *levels, uint64_t count)
{
    return &levels[mds_merkle_size(count) - 1];
}

/* Returns whether the path leads from the leaf to the root, as RFC 9162
 * (2.1.3.2) says. */
bool mds_merkle_verify(const mds_sha256_t *leaf, uint64_t index, uint64_t count,
                       const mds_sha256_t *path, size_t path_len,
                       const mds_sha256_t *root);

#endif
