/*
 * Plans the changes of a tree. A manifest that comes back takes its index of
 * the file again, so that the tree is the one that it was before.
 */

#include "merkle/mds_tree_internal.h"

#include <stdlib.h>

/* The changes so far: bounded, ascending by index. */
typedef struct {
    const mds_tree_t  *tree;
    uint64_t           leaves; /* with those that the changes append */
    size_t             count;
    size_t             max;
    bool               overrun;
    mds_tree_change_t *changes; /* room for max */
} mds_tree_plan_t;

/* Sets the leaf at an index. */
static void
mds_tree_plan_set(mds_tree_plan_t *plan, uint64_t index, const mds_leaf_t *leaf)
{
    mds_tree_change_t *change
        = &plan->changes[mds_tree_changes_lower(plan->changes, plan->count,
                                                index)];
    size_t behind = (size_t) (plan->changes + plan->count - change);

    if (behind == 0 || change->index != index) {
        if (plan->count == plan->max) {
            plan->overrun = true;
            return;
        }

        memmove(change + 1, change, behind * sizeof(*change));
        plan->count++;
    }

    *change = (mds_tree_change_t){ index, *leaf };
}

/* Gives the index the file's leaf again. */
static void
mds_tree_plan_unset(mds_tree_plan_t *plan, size_t i)
{
    plan->count--;
    memmove(&plan->changes[i], &plan->changes[i + 1],
            (plan->count - i) * sizeof(plan->changes[i]));
}

static void
mds_tree_plan_remove(mds_tree_plan_t *plan, const mds_leaf_t *leaf)
{
    mds_leaf_t vacant = { 0 };
    uint64_t   index;

    /* The changes so far are about other manifests. */
    if (mds_tree_find(plan->tree, &leaf->digest, &index)) {
        mds_merkle_leaf(mds_null_str, &vacant.hash);
        mds_tree_plan_set(plan, index, &vacant);
    }
}

static void
mds_tree_plan_add(mds_tree_plan_t *plan, const mds_leaf_t *leaf)
{
    uint64_t index;
    size_t   i;

    if (mds_tree_find(plan->tree, &leaf->digest, &index)) {
        return;
    }

    if (mds_tree_find_in_file(plan->tree, &leaf->digest, &index)) {
        i = mds_tree_changes_lower(plan->changes, plan->count, index);

        if (mds_tree_change_is_vacant(&plan->changes[i])) {
            mds_tree_plan_unset(plan, i);
            return;
        }
    }

    for (i = 0; i < plan->count; i++) {
        if (mds_tree_change_is_vacant(&plan->changes[i])) {
            plan->changes[i].leaf = *leaf;
            return;
        }
    }

    mds_tree_plan_set(plan, plan->leaves++, leaf);
}

/* Drops appended leaves that are vacant, from the end. */
static void
mds_tree_plan_trim(mds_tree_plan_t *plan)
{
    while (plan->count > 0) {
        const mds_tree_change_t *last = &plan->changes[plan->count - 1];

        if (last->index < plan->tree->file_count
            || !mds_tree_change_is_vacant(last)) {
            return;
        }

        plan->count--;
    }
}

uint64_t
mds_tree_changes_max(uint64_t count)
{
    uint64_t max = count / MDS_TREE_CHANGE_LEAVES;

    return max < MDS_TREE_CHANGES_MAX ? max : MDS_TREE_CHANGES_MAX;
}

/* Makes the steps until one is too many. */
static void
mds_tree_plan_all(mds_tree_plan_t *plan, const mds_buffer_t *removed,
                  const mds_buffer_t *added)
{
    const mds_leaf_t *r = (const mds_leaf_t *) removed->data;
    const mds_leaf_t *a = (const mds_leaf_t *) added->data;

    for (size_t i = 0; !plan->overrun && i < removed->len / sizeof(*r); i++) {
        if (!mds_leaves_have(added, &r[i].digest)) {
            mds_tree_plan_remove(plan, &r[i]);
        }
    }

    for (size_t i = 0; !plan->overrun && i < added->len / sizeof(*a); i++) {
        mds_tree_plan_add(plan, &a[i]);
    }

    mds_tree_plan_trim(plan);
}

bool
mds_tree_plan_changes(const mds_tree_t *tree, mds_buffer_t *removed,
                      mds_buffer_t *added, uint64_t max, mds_buffer_t *changes)
{
    mds_tree_plan_t plan = {
        .tree = tree,
        .leaves = tree->count,
        .count = tree->overlay.count,
        .max = max < MDS_TREE_CHANGES_MAX ? max : MDS_TREE_CHANGES_MAX,
    };

    if (tree->file_count == 0 || plan.count > plan.max
        || mds_buffer_failed(removed) || mds_buffer_failed(added))
    {
        return false;
    }

    plan.changes = malloc(plan.max * sizeof(*plan.changes) + 1);
    if (plan.changes == NULL) {
        return false;
    }

    if (plan.count > 0) {
        memcpy(plan.changes, tree->overlay.changes,
               plan.count * sizeof(*plan.changes));
    }

    mds_leaves_sort(removed);
    mds_leaves_sort(added);
    mds_tree_plan_all(&plan, removed, added);

    if (!plan.overrun) {
        changes->len = 0;
        mds_buffer_add(changes, plan.changes,
                       plan.count * sizeof(*plan.changes));
    }

    free(plan.changes);

    return !plan.overrun && !mds_buffer_failed(changes);
}
