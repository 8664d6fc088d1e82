/*
 * assets: removes from DIR/.mds what belongs to versions that are gone: their
 * indexes, and the deltas that no index names any more.
 */

#include "archive/assets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mds_endian.h"

/* A younger delta may be that of a publish which has not written its index. */
#define DELTA_GRACE_S 3600

/* The files that a delta is between, in the order of its name. */
typedef struct {
    mds_sha256_t to;
    mds_sha256_t from;
} ends_t;

static int
compare_ends(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(ends_t));
}

/* Adds the deltas that an index names; an index has at most
 * MDS_ASSET_INDEX_MAX bytes. */
static mds_status_t
add_named(const char *path, mds_buffer_t *named, mds_error_t *err)
{
    char             *bytes;
    size_t            len;
    mds_asset_index_t index;
    mds_status_t      status
        = mds_file_read_regular(path, MDS_ASSET_INDEX_MAX, err, &bytes, &len);

    if (status != MDS_OK) {
        return status;
    }

    if (!mds_asset_index_read((mds_str_t){ len, bytes }, &index)) {
        free(bytes);
        return mds_fail(err, MDS_DAMAGED, "\"%s\" is not an index of files",
                        path);
    }

    for (uint32_t i = 0; i < index.count; i++) {
        const mds_asset_record_t *asset = &index.assets[i];
        uint32_t                  first = mds_load_be32(asset->first);

        for (uint32_t n = 0; n < mds_load_be32(asset->count); n++) {
            ends_t ends = { asset->sha256, index.deltas[first + n] };

            mds_buffer_add(named, &ends, sizeof(ends));
        }
    }

    free(bytes);
    return MDS_OK;
}

/* Removes the index if its version is gone, and otherwise adds the deltas that
 * it names. */
static mds_status_t
visit_index(const char *dir, const char *name, mds_str_t version,
            mds_buffer_t *named, mds_error_t *err)
{
    mds_path_t   path, files;
    mds_status_t status = mds_path(&path, err, "%s/.mds/%s", dir, name);

    if (status == MDS_OK) {
        status = mds_path(&files, err, "%s/%.*s", dir, MDS_STR(version));
    }

    if (status != MDS_OK) {
        return status;
    }

    if (access(files.text, F_OK) == 0 || errno != ENOENT) {
        return add_named(path.text, named, err);
    }

    return unlink(path.text) == 0 || errno == ENOENT
               ? MDS_OK
               : mds_fail_errno(err, "remove \"%s\"", path.text);
}

static mds_status_t
visit_indexes(const char *dir, mds_buffer_t *named, mds_error_t *err)
{
    static const mds_str_t suffix = { sizeof(".index") - 1, ".index" };
    mds_path_t             path;
    DIR                   *stream;
    struct dirent         *entry;
    mds_status_t           status = mds_path(&path, err, "%s/.mds", dir);

    if (status != MDS_OK) {
        return status;
    }

    stream = opendir(path.text);
    if (stream == NULL) {
        return mds_fail_errno(err, "read \"%s\"", path.text);
    }

    while (status == MDS_OK && (entry = readdir(stream)) != NULL) {
        mds_str_t version = mds_str_of(entry->d_name);

        if (version.len <= suffix.len || version.data[0] == '.'
            || memcmp(version.data + version.len - suffix.len, suffix.data,
                      suffix.len)
                   != 0)
        {
            continue;
        }

        version.len -= suffix.len;

        /* Files that are kept have no deltas. */
        if (!mds_str_eq(version, mds_str("kept"))) {
            status = visit_index(dir, entry->d_name, version, named, err);
        }
    }

    closedir(stream);
    return status;
}

/* Reads the ends of a delta from its name: TO.FROM. */
static bool
parse_name(const char *name, ends_t *ends)
{
    mds_str_t from = mds_str_of(name);
    mds_str_t to = mds_str_cut(&from, '.');

    return mds_sha256_parse(to, &ends->to)
           && mds_sha256_parse(from, &ends->from);
}

static mds_status_t
sweep_deltas(const char *dir, const mds_buffer_t *named, mds_error_t *err)
{
    mds_path_t     path;
    DIR           *stream;
    struct dirent *entry;
    struct stat    st;
    ends_t         ends;
    mds_status_t   status = mds_path(&path, err, "%s/.mds/delta", dir);

    if (status != MDS_OK) {
        return status;
    }

    stream = opendir(path.text);
    if (stream == NULL) {
        return mds_fail_errno(err, "read \"%s\"", path.text);
    }

    while (status == MDS_OK && (entry = readdir(stream)) != NULL) {
        if (!parse_name(entry->d_name, &ends)
            || (named->len > 0
                && bsearch(&ends, named->data, named->len / sizeof(ends),
                           sizeof(ends), compare_ends)
                       != NULL)
            || fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW)
                   != 0
            || st.st_mtime > time(NULL) - DELTA_GRACE_S)
        {
            continue;
        }

        if (unlinkat(dirfd(stream), entry->d_name, 0) != 0 && errno != ENOENT) {
            status = mds_fail_errno(err, "remove \"%s/%s\"", path.text,
                                    entry->d_name);
        }
    }

    closedir(stream);
    return status;
}

mds_status_t
mdsctl_assets_sweep(const char *dir, mds_error_t *err)
{
    mds_buffer_t named = { 0 };
    mds_status_t status = visit_indexes(dir, &named, err);

    if (status == MDS_OK && mds_buffer_failed(&named)) {
        status = mds_fail_memory(err);
    }

    if (status == MDS_OK) {
        if (named.len > 0) {
            qsort(named.data, named.len / sizeof(ends_t), sizeof(ends_t),
                  compare_ends);
        }

        status = sweep_deltas(dir, &named, err);
    }

    mds_buffer_free(&named);

    /* A damaged index may name any of them, and is no fault of this publish. */
    return status == MDS_DAMAGED ? MDS_OK : status;
}
