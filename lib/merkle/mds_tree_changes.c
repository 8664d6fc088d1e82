/*
 * Puts changes over the file of a tree. A node differs from the file's only
 * above a leaf that does: those nodes are hashed when the changes are set,
 * level by level, and a path takes each hash from them or from the file.
 */

#include "merkle/mds_tree_internal.h"

#include <stdlib.h>

size_t
mds_tree_changes_lower(const mds_tree_change_t *changes, size_t count,
                       uint64_t index)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (changes[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return low;
}

/* Returns the place of a node among those of its level that differ, or of the
 * first behind it. */
static size_t
mds_tree_overlay_lower(const mds_tree_overlay_t *overlay, unsigned level,
                       uint64_t index)
{
    size_t low = overlay->starts[level], high = overlay->starts[level + 1];

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (overlay->nodes[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return low;
}

/* Returns a node of the tree; file_level is its level in the file. */
static const mds_sha256_t *
mds_tree_node(const mds_tree_t *tree, unsigned level,
              const mds_sha256_t *file_level, uint64_t index)
{
    const mds_tree_overlay_t *overlay = &tree->overlay;
    size_t                    i;

    if (overlay->count > 0) {
        i = mds_tree_overlay_lower(overlay, level, index);

        if (i < overlay->starts[level + 1] && overlay->nodes[i].index == index)
        {
            return &overlay->nodes[i].hash;
        }
    }

    return &file_level[index];
}

/* Returns the level above one of `count` nodes; the root's is its own. */
static const mds_sha256_t *
mds_tree_file_above(const mds_sha256_t *level, uint64_t count)
{
    return count > 1 ? level + count : level;
}

/* The children of nodes that are hashed together. */
typedef struct {
    mds_sha256_t *pairs;  /* two for each node */
    mds_sha256_t *hashes; /* of the nodes */
} mds_tree_batch_t;

/*
 * Adds the nodes above those of a level, which has `count` nodes in the tree.
 * A node without a neighbour goes up as it is. Returns where the nodes end.
 */
static size_t
mds_tree_overlay_raise(mds_tree_t *tree, mds_tree_batch_t *batch,
                       unsigned level, const mds_sha256_t *file_level,
                       uint64_t count)
{
    mds_tree_overlay_t *overlay = &tree->overlay;
    size_t              first = overlay->starts[level + 1], end = first;
    uint64_t            pairs = 0;

    for (size_t i = overlay->starts[level]; i < first; i++) {
        uint64_t above = overlay->nodes[i].index / 2;

        if (end > first && overlay->nodes[end - 1].index == above) {
            continue;
        }

        overlay->nodes[end].index = above;

        if (2 * above + 1 < count) {
            batch->pairs[2 * pairs]
                = *mds_tree_node(tree, level, file_level, 2 * above);
            batch->pairs[2 * pairs + 1]
                = *mds_tree_node(tree, level, file_level, 2 * above + 1);
            pairs++;
        } else {
            overlay->nodes[end].hash = overlay->nodes[i].hash;
        }

        end++;
    }

    mds_merkle_nodes(batch->pairs, pairs, batch->hashes);

    for (uint64_t i = 0; i < pairs; i++) {
        overlay->nodes[first + i].hash = batch->hashes[i];
    }

    return end;
}

/* Hashes the nodes above the changed leaves. */
static void
mds_tree_overlay_fill(mds_tree_t *tree, mds_tree_batch_t *batch)
{
    mds_tree_overlay_t *overlay = &tree->overlay;
    const mds_sha256_t *file_level = tree->levels;
    uint64_t            file_count = tree->file_count;
    unsigned            level = 0;

    for (size_t i = 0; i < overlay->count; i++) {
        overlay->nodes[i] = (mds_tree_node_t){ overlay->changes[i].index,
                                               overlay->changes[i].leaf.hash };
    }

    overlay->starts[0] = 0;
    overlay->starts[1] = overlay->count;

    for (uint64_t count = tree->count; count > 1; count = (count + 1) / 2) {
        overlay->starts[level + 2]
            = mds_tree_overlay_raise(tree, batch, level, file_level, count);
        file_level = mds_tree_file_above(file_level, file_count);
        file_count = (file_count + 1) / 2;
        level++;
    }
}

/* Checks the changes, and gives how many leaves the tree has with them. */
static mds_status_t
mds_tree_check_changes(const mds_tree_t *tree, const mds_tree_change_t *changes,
                       size_t count, mds_error_t *err, uint64_t *leaves)
{
    uint64_t end = tree->file_count;

    for (size_t i = 0; i < count; i++) {
        uint64_t index = changes[i].index;

        if (index > end || (i > 0 && index <= changes[i - 1].index)) {
            return mds_fail(err, MDS_DAMAGED,
                            "the changes of a tree are not in order");
        }

        end += index == end ? 1 : 0;
    }

    if (end > MDS_MERKLE_LEAVES_MAX || (tree->file_count == 0 && count > 0)) {
        return mds_fail(err, MDS_DAMAGED, "a tree has too many leaves");
    }

    *leaves = end;
    return MDS_OK;
}

/* Returns the number of nodes above so many leaves, with them, at most. */
static size_t
mds_tree_overlay_size(size_t changes, uint64_t leaves)
{
    size_t levels = 1;

    for (; leaves > 1; leaves = (leaves + 1) / 2) {
        levels++;
    }

    return changes * levels;
}

mds_status_t
mds_tree_set_changes(mds_tree_t *tree, mds_str_t changes, mds_error_t *err)
{
    mds_tree_overlay_t overlay = { 0 };
    mds_tree_batch_t   batch;
    size_t             size, count = changes.len / sizeof(*overlay.changes);
    uint64_t           leaves = 0;
    mds_status_t       status;

    if (changes.len % sizeof(*overlay.changes) != 0
        || count > MDS_TREE_CHANGES_MAX) {
        return mds_fail(err, MDS_DAMAGED, "a tree has too many changes");
    }

    overlay.count = count;
    overlay.changes = malloc(changes.len + 1);
    batch.pairs = malloc((3 * count + 1) * sizeof(*batch.pairs));
    status = overlay.changes == NULL || batch.pairs == NULL
                 ? mds_fail_memory(err)
                 : MDS_OK;

    if (status == MDS_OK) {
        if (count > 0) {
            memcpy(overlay.changes, changes.data, changes.len);
        }

        status = mds_tree_check_changes(tree, overlay.changes, count, err,
                                        &leaves);
    }

    if (status == MDS_OK) {
        size = mds_tree_overlay_size(count, leaves);
        overlay.nodes = malloc((size + 1) * sizeof(*overlay.nodes));
        status = overlay.nodes == NULL ? mds_fail_memory(err) : MDS_OK;
    }

    if (status == MDS_OK) {
        mds_tree_overlay_t before = tree->overlay;

        tree->overlay = overlay;
        tree->count = leaves;
        batch.hashes = batch.pairs + 2 * count;
        mds_tree_overlay_fill(tree, &batch);
        overlay = before;
    }

    free(overlay.changes);
    free(overlay.nodes);
    free(batch.pairs);

    return status;
}

const mds_sha256_t *
mds_tree_root(const mds_tree_t *tree)
{
    const mds_tree_overlay_t *overlay = &tree->overlay;
    unsigned                  level = 0;

    if (overlay->count == 0) {
        return mds_merkle_root(tree->levels, tree->file_count);
    }

    for (uint64_t count = tree->count; count > 1; count = (count + 1) / 2) {
        level++;
    }

    return &overlay->nodes[overlay->starts[level]].hash;
}

bool
mds_tree_find(const mds_tree_t *tree, const mds_sha256_t *digest,
              uint64_t *index)
{
    const mds_tree_overlay_t *overlay = &tree->overlay;
    uint64_t                  found;
    size_t                    i;

    if (mds_tree_find_in_file(tree, digest, &found)) {
        i = mds_tree_changes_lower(overlay->changes, overlay->count, found);

        if (i == overlay->count || overlay->changes[i].index != found) {
            *index = found;
            return true;
        }
    }

    for (i = 0; i < overlay->count; i++) {
        if (mds_sha256_eq(&overlay->changes[i].leaf.digest, digest)) {
            *index = overlay->changes[i].index;
            return true;
        }
    }

    return false;
}

bool
mds_tree_prove(const mds_tree_t *tree, const mds_sha256_t *digest,
               mds_proof_t *proof)
{
    const mds_sha256_t *file_level = tree->levels;
    uint64_t            file_count = tree->file_count, index;
    unsigned            level = 0, len = 0;

    if (!mds_tree_find(tree, digest, &index)) {
        return false;
    }

    proof->index = index;
    proof->size = tree->count;

    for (uint64_t count = tree->count; count > 1; count = (count + 1) / 2) {
        if ((index ^ 1) < count) {
            proof->path[len++]
                = *mds_tree_node(tree, level, file_level, index ^ 1);
        }

        file_level = mds_tree_file_above(file_level, file_count);
        file_count = (file_count + 1) / 2;
        index /= 2;
        level++;
    }

    proof->path_len = len;
    return true;
}
