/*
 * mds_tree_internal: the layout of a tree's file, and the tree's own structure,
 * for the files mds_tree*.c.
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

/* A node that differs from the file's. */
typedef struct {
    uint64_t     index; /* in its level */
    mds_sha256_t hash;
} mds_tree_node_t;

#define MDS_TREE_LEVELS_MAX (MDS_MERKLE_PATH_MAX + 1)

/* The nodes of a tree that differ from those of its file: mds_tree_changes.c */
typedef struct {
    mds_tree_change_t *changes; /* ascending by index; NULL: there are none */
    size_t             count;
    mds_tree_node_t   *nodes; /* one level after the other */
    size_t             starts[MDS_TREE_LEVELS_MAX + 1]; /* of the levels */
} mds_tree_overlay_t;

struct mds_tree_s {
    size_t                   bytes;
    const mds_tree_header_t *header; /* mapped */
    uint64_t                 file_count;
    const mds_sha256_t      *digests; /* the file's, ascending */
    const mds_sha256_t      *levels;  /* the file's, the leaves first */
    uint64_t                 count;   /* with the changes */
    mds_tree_overlay_t       overlay;
};

/* Finds a manifest in the file. */
bool mds_tree_find_in_file(const mds_tree_t *tree, const mds_sha256_t *digest,
                           uint64_t *index);

/* Finds a manifest in the tree as its changes make it. */
bool mds_tree_find(const mds_tree_t *tree, const mds_sha256_t *digest,
                   uint64_t *index);

/* Returns the first of the changes, ascending by index, whose index is at least
 * that. */
size_t mds_tree_changes_lower(const mds_tree_change_t *changes, size_t count,
                              uint64_t index);

static inline bool
mds_tree_change_is_vacant(const mds_tree_change_t *change)
{
    static const mds_sha256_t none;

    return mds_sha256_eq(&change->leaf.digest, &none);
}

/* Sorts the leaves of a buffer, and drops those that are there twice. */
void mds_leaves_sort(mds_buffer_t *leaves);

/* Returns whether sorted leaves have one with that digest. */
bool mds_leaves_have(const mds_buffer_t *leaves, const mds_sha256_t *digest);

#endif
