/*
 * Makes a tree from another one and from what differs: the sorted leaves of
 * both are merged, and the nodes before the first that differs are copied.
 */

#include "merkle/mds_tree_internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mds_endian.h"

static int
mds_leaf_cmp(const void *a, const void *b)
{
    return memcmp(((const mds_leaf_t *) a)->digest.bytes,
                  ((const mds_leaf_t *) b)->digest.bytes, sizeof(mds_sha256_t));
}

void
mds_leaves_sort(mds_buffer_t *buffer)
{
    mds_leaf_t *leaves = (mds_leaf_t *) buffer->data;
    uint64_t    count = buffer->len / sizeof(*leaves), kept = 0;

    if (count == 0) {
        return;
    }

    qsort(leaves, count, sizeof(*leaves), mds_leaf_cmp);

    for (uint64_t i = 0; i < count; i++) {
        if (kept == 0 || mds_leaf_cmp(&leaves[kept - 1], &leaves[i]) != 0) {
            leaves[kept++] = leaves[i];
        }
    }

    buffer->len = kept * sizeof(*leaves);
}

bool
mds_leaves_have(const mds_buffer_t *leaves, const mds_sha256_t *digest)
{
    mds_leaf_t leaf = { .digest = *digest };

    return leaves->len > 0
           && bsearch(&leaf, leaves->data, leaves->len / sizeof(leaf),
                      sizeof(leaf), mds_leaf_cmp)
                  != NULL;
}

/* The file that is made, in memory. */
typedef struct {
    uint8_t      *bytes;
    uint64_t      total; /* of leaves */
    uint64_t      count; /* of leaves so far */
    uint64_t      same;  /* the first so many are those of the old tree */
    mds_sha256_t *digests;
    mds_sha256_t *levels;
    bool          overrun;
} mds_tree_draft_t;

/* Appends a leaf; is_old tells whether it is one of the old tree's. */
static void
mds_tree_draft_add(mds_tree_draft_t *draft, const mds_sha256_t *digest,
                   const mds_sha256_t *hash, bool is_same)
{
    if (draft->count == draft->total) {
        draft->overrun = true;
        return;
    }

    draft->digests[draft->count] = *digest;
    draft->levels[draft->count] = *hash;
    draft->same += is_same && draft->same == draft->count ? 1 : 0;
    draft->count++;
}

/* Merges the leaves of the old tree with those that are added, and leaves out
 * those that are removed. All three are sorted. */
static void
mds_tree_draft_merge(mds_tree_draft_t *draft, const mds_tree_t *old,
                     const mds_buffer_t *removed, const mds_buffer_t *added)
{
    const mds_leaf_t   *r = (const mds_leaf_t *) removed->data;
    const mds_leaf_t   *a = (const mds_leaf_t *) added->data;
    const mds_leaf_t   *r_end = r + removed->len / sizeof(*r);
    const mds_leaf_t   *a_end = a + added->len / sizeof(*a);
    uint64_t            count = old == NULL ? 0 : old->file_count;
    const mds_sha256_t *hashes = old == NULL ? NULL : old->levels;

    for (uint64_t i = 0; i < count; i++) {
        const mds_sha256_t *digest = &old->digests[i];
        int                 order = -1;

        while (a < a_end
               && (order = memcmp(&a->digest, digest, sizeof(*digest))) < 0) {
            mds_tree_draft_add(draft, &a->digest, &a->hash, false);
            a++;
        }

        while (r < r_end && memcmp(&r->digest, digest, sizeof(*digest)) < 0) {
            r++;
        }

        if (a < a_end && order == 0) {
            mds_tree_draft_add(draft, digest, &hashes[i], draft->same == i);
            a++;

        } else if (r == r_end || !mds_sha256_eq(&r->digest, digest)) {
            mds_tree_draft_add(draft, digest, &hashes[i], draft->same == i);
        }
    }

    for (; a < a_end; a++) {
        mds_tree_draft_add(draft, &a->digest, &a->hash, false);
    }
}

static bool
mds_tree_has(const mds_tree_t *tree, const mds_leaf_t *leaf)
{
    uint64_t index;

    return tree != NULL && mds_tree_find_in_file(tree, &leaf->digest, &index);
}

/* Counts the leaves that the tree will have. */
static uint64_t
mds_tree_count_merged(const mds_tree_t *old, const mds_buffer_t *removed,
                      const mds_buffer_t *added)
{
    const mds_leaf_t *r = (const mds_leaf_t *) removed->data;
    const mds_leaf_t *a = (const mds_leaf_t *) added->data;
    uint64_t          count = old == NULL ? 0 : old->file_count;

    for (size_t i = 0; i < added->len / sizeof(*a); i++) {
        count += mds_tree_has(old, &a[i]) ? 0 : 1;
    }

    for (size_t i = 0; i < removed->len / sizeof(*r); i++) {
        count
            -= mds_tree_has(old, &r[i]) && !mds_leaves_have(added, &r[i].digest)
                   ? 1
                   : 0;
    }

    return count;
}

static mds_status_t
mds_tree_draft_init(mds_tree_draft_t *draft, uint64_t total, mds_error_t *err)
{
    if (total > MDS_MERKLE_LEAVES_MAX) {
        return mds_fail(err, MDS_NO_SPACE, "the app has too many manifests");
    }

    *draft = (mds_tree_draft_t){ .bytes = malloc(mds_tree_bytes(total)),
                                 .total = total };

    if (draft->bytes == NULL) {
        return mds_fail_memory(err);
    }

    draft->digests
        = (mds_sha256_t *) (draft->bytes + sizeof(mds_tree_header_t));
    draft->levels = draft->digests + total;

    return MDS_OK;
}

/* Writes the header, and the levels above the leaves. */
static void
mds_tree_draft_finish(mds_tree_draft_t *draft, const mds_tree_t *old)
{
    mds_tree_header_t *header = (mds_tree_header_t *) draft->bytes;

    *header = (mds_tree_header_t){ .tag = MDS_TREE_TAG };
    mds_store_be64(header->count, draft->count);
    mds_merkle_fill(draft->levels, draft->count,
                    old == NULL ? NULL : old->levels,
                    old == NULL ? 0 : old->file_count, draft->same);
}

/* Writes the file under the name of its root. */
static mds_status_t
mds_tree_draft_write(const mds_tree_draft_t *draft, const char *depot,
                     const mds_sha256_t *root, mds_error_t *err, bool *created)
{
    mds_path_t   dir, path;
    mds_status_t status = mds_path(&dir, err, "%s/" MDS_TREES, depot);

    if (status == MDS_OK) {
        status = mds_dir_make(dir.text, 0755, err);
    }

    if (status == MDS_OK) {
        status = mds_tree_path(depot, root, err, &path);
    }

    if (status != MDS_OK) {
        return status;
    }

    if (access(path.text, F_OK) == 0) {
        *created = false;
        return MDS_OK;
    }

    status = mds_file_write(path.text, 0444, draft->bytes,
                            mds_tree_bytes(draft->count), err);
    *created = status == MDS_OK;

    return status;
}

/* Adds the changes of the old tree to those that are made of its file. */
static void
mds_tree_fold_changes(const mds_tree_t *old, mds_buffer_t *removed,
                      mds_buffer_t *added)
{
    mds_buffer_t carried = { 0 };

    for (size_t i = 0; i < old->overlay.count; i++) {
        const mds_tree_change_t *change = &old->overlay.changes[i];

        if (!mds_tree_change_is_vacant(change)
            && !mds_leaves_have(removed, &change->leaf.digest))
        {
            mds_buffer_add(&carried, &change->leaf, sizeof(change->leaf));
        }
    }

    for (size_t i = 0; i < old->overlay.count; i++) {
        uint64_t   index = old->overlay.changes[i].index;
        mds_leaf_t replaced = { 0 };

        if (index < old->file_count) {
            replaced.digest = old->digests[index];
            mds_buffer_add(removed, &replaced, sizeof(replaced));
        }
    }

    if (carried.len > 0) {
        mds_buffer_add(added, carried.data, carried.len);
    }

    removed->failed |= carried.failed;
    mds_buffer_free(&carried);
    mds_leaves_sort(removed);
    mds_leaves_sort(added);
}

mds_status_t
mds_tree_make(const char *depot, const mds_tree_t *old, mds_buffer_t *removed,
              mds_buffer_t *added, mds_error_t *err, mds_sha256_t *root,
              uint64_t *count, bool *created)
{
    mds_tree_draft_t draft = { 0 };
    bool             is_new = false;
    mds_sha256_t     made;
    mds_status_t     status;

    mds_leaves_sort(removed);
    mds_leaves_sort(added);

    if (old != NULL) {
        mds_tree_fold_changes(old, removed, added);
    }

    if (mds_buffer_failed(removed) || mds_buffer_failed(added)) {
        return mds_fail_memory(err);
    }

    status
        = mds_tree_draft_init(&draft,
                              mds_tree_count_merged(old, removed, added), err);

    if (status == MDS_OK) {
        mds_tree_draft_merge(&draft, old, removed, added);
    }

    if (status == MDS_OK && (draft.overrun || draft.count != draft.total)) {
        status = mds_fail(err, MDS_DAMAGED,
                          "the tree of the app is not sorted: `mdsctl head`"
                          " makes it anew");
    }

    if (status == MDS_OK) {
        mds_tree_draft_finish(&draft, old);
        made = *mds_merkle_root(draft.levels, draft.count);
        status = mds_tree_draft_write(&draft, depot, &made, err, &is_new);
    }

    if (status == MDS_OK) {
        *root = made;
        *count = draft.count;
        *created = is_new;
    }

    free(draft.bytes);

    return status;
}
