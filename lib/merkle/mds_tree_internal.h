/*
 * mds_tree_internal: the layout of a tree's file, for the files mds_tree*.c.
 */

#ifndef MDS_TREE_INTERNAL_H
#define MDS_TREE_INTERNAL_H

#include "merkle/mds_tree.h"

#define MDS_TREE_TAG "mdstree1"

typedef struct {
    char    tag[8];
    uint8_t count[8]; /* big-endian */
    uint8_t zero[16];
} mds_tree_header_t;

_Static_assert(sizeof(mds_tree_header_t) == 32, "the layout is fixed");

/* Returns the length of the file of a tree with so many leaves. */
static inline uint64_t
mds_tree_bytes(uint64_t count)
{
    return sizeof(mds_tree_header_t)
           + (count + mds_merkle_size(count)) * sizeof(mds_sha256_t);
}

/* Returns the levels of hashes, the leaves first. */
const mds_sha256_t *mds_tree_levels(const mds_tree_t *tree);

#endif
