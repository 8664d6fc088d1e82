/*
 * Opens and reads the files of trees.
 */

#include "merkle/mds_tree_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_endian.h"

void
mds_leaf_make(mds_str_t manifest, mds_leaf_t *leaf)
{
    mds_sha256(manifest.data, manifest.len, &leaf->digest);
    mds_merkle_leaf(manifest, &leaf->hash);
}

mds_status_t
mds_tree_path(const char *depot, const mds_sha256_t *root, mds_error_t *err,
              mds_path_t *path)
{
    char hex[MDS_SHA256_HEX + 1];

    return mds_path(path, err, "%s/" MDS_TREES "/%s", depot,
                    mds_sha256_hex(root, hex));
}

/* Checks header, length and root of the mapped file. */
static mds_status_t
mds_tree_read_header(mds_tree_t *tree, const mds_sha256_t *root,
                     const char *path, mds_error_t *err)
{
    const mds_tree_header_t *header = tree->header;
    uint64_t                 count;

    if (tree->bytes < sizeof(*header)
        || memcmp(header->tag, MDS_TREE_TAG, sizeof(header->tag)) != 0)
    {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" is not a tree", path);
    }

    count = mds_load_be64(header->count);

    if (count > MDS_MERKLE_LEAVES_MAX || mds_tree_bytes(count) != tree->bytes) {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" has not the length of a tree",
                        path);
    }

    tree->file_count = count;
    tree->count = count;
    tree->digests = (const mds_sha256_t *) (header + 1);
    tree->levels = tree->digests + count;

    return mds_sha256_eq(mds_merkle_root(tree->levels, count), root)
               ? MDS_OK
               : mds_fail(err, MDS_DAMAGED, "\"%s\" has another root", path);
}

/* Maps the file. */
static mds_status_t
mds_tree_map(mds_tree_t *tree, const char *path, mds_error_t *err)
{
    void        *data;
    uint64_t     bytes;
    int          fd;
    mds_status_t status = mds_file_open(path, err, &fd, &bytes);

    if (status != MDS_OK) {
        return status;
    }

    data = mmap(NULL, bytes == 0 ? 1 : bytes, PROT_READ, MAP_SHARED, fd, 0);

    if (data == MAP_FAILED) {
        status = mds_fail_errno(err, "map \"%s\"", path);
    } else {
        tree->header = data;
        tree->bytes = bytes;
    }

    close(fd);
    return status;
}

mds_status_t
mds_tree_open(const char *depot, const mds_sha256_t *root, mds_error_t *err,
              mds_tree_t **tree)
{
    mds_path_t   path;
    mds_tree_t  *opened = calloc(1, sizeof(*opened));
    mds_status_t status;

    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    if ((status = mds_tree_path(depot, root, err, &path)) != MDS_OK
        || (status = mds_tree_map(opened, path.text, err)) != MDS_OK
        || (status = mds_tree_read_header(opened, root, path.text, err))
               != MDS_OK)
    {
        mds_tree_close(opened);
        return status;
    }

    *tree = opened;
    return MDS_OK;
}

void
mds_tree_close(mds_tree_t *tree)
{
    if (tree != NULL && tree->header != NULL) {
        munmap((void *) tree->header, tree->bytes == 0 ? 1 : tree->bytes);
    }

    if (tree != NULL) {
        free(tree->overlay.changes);
        free(tree->overlay.nodes);
    }

    free(tree);
}

uint64_t
mds_tree_count(const mds_tree_t *tree)
{
    return tree->count;
}

bool
mds_tree_find_in_file(const mds_tree_t *tree, const mds_sha256_t *digest,
                      uint64_t *index)
{
    uint64_t low = 0, high = tree->file_count;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (memcmp(&tree->digests[middle], digest, sizeof(*digest)) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    if (low == tree->file_count || !mds_sha256_eq(&tree->digests[low], digest))
    {
        return false;
    }

    *index = low;
    return true;
}

mds_status_t
mds_tree_check(const mds_tree_t *tree, mds_error_t *err)
{
    uint64_t      count = tree->file_count;
    uint64_t      size = mds_merkle_size(count);
    mds_sha256_t *levels = malloc(size * sizeof(*levels));
    bool          same;

    if (levels == NULL) {
        return mds_fail_memory(err);
    }

    memcpy(levels, tree->levels, count * sizeof(*levels));
    mds_merkle_fill(levels, count, NULL, 0, 0);
    same = memcmp(levels, tree->levels, size * sizeof(*levels)) == 0;
    free(levels);

    for (uint64_t i = 1; same && i < count; i++) {
        same = memcmp(&tree->digests[i - 1], &tree->digests[i],
                      sizeof(tree->digests[0]))
               < 0;
    }

    return same ? MDS_OK
                : mds_fail(err, MDS_DAMAGED, "a hash of the tree is wrong");
}

uint64_t
mds_tree_file_bytes(uint64_t count)
{
    return mds_tree_bytes(count);
}
