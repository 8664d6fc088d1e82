/* The directory of a preview, and its two generations. */

#include "loader/mds_preview.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/mds_preview_internal.h"

struct mds_preview_s {
    mds_path_t     dir;   /* empty: it is not made yet */
    mds_json_t    *sizes; /* of files that are not stored, by SHA-256 */
    mds_catalog_t *before;
    mds_catalog_t *after;
};

static const char *const mds_preview_dirs[] = { "catalog", "lists" };

/* Links one file of the depot into the preview. */
static mds_status_t
mds_preview_link(const char *from_dir, const char *to_dir, const char *name,
                 mds_error_t *err)
{
    mds_path_t   from, to;
    mds_status_t status = mds_path(&from, err, "%s/%s", from_dir, name);

    if (status == MDS_OK) {
        status = mds_path(&to, err, "%s/%s", to_dir, name);
    }

    if (status == MDS_OK && symlink(from.text, to.text) != 0) {
        status = mds_fail_errno(err, "link \"%s\"", to.text);
    }

    return status;
}

/* Makes one directory of the preview with links to the files of the depot's. */
static mds_status_t
mds_preview_link_all(const mds_preview_t *preview, const char *depot,
                     const char *name, mds_error_t *err)
{
    mds_path_t     from, to;
    DIR           *dir;
    struct dirent *entry;
    mds_status_t   status = mds_path(&from, err, "%s/%s", depot, name);

    if (status == MDS_OK) {
        status = mds_path(&to, err, "%s/%s", preview->dir.text, name);
    }

    if (status != MDS_OK) {
        return status;
    }

    if (mkdir(to.text, 0700) != 0) {
        return mds_fail_errno(err, "create \"%s\"", to.text);
    }

    dir = opendir(from.text);
    if (dir == NULL) {
        return mds_fail_errno(err, "open \"%s\"", from.text);
    }

    while (status == MDS_OK && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            status = mds_preview_link(from.text, to.text, entry->d_name, err);
        }
    }

    closedir(dir);
    return status;
}

mds_status_t
mds_preview_new(const char *depot, mds_error_t *err, mds_preview_t **preview)
{
    mds_preview_t *made = calloc(1, sizeof(*made));
    char          *real = realpath(depot, NULL);
    mds_status_t   status;

    if (made == NULL || real == NULL
        || (made->sizes = mds_json_object_new()) == NULL)
    {
        status = mds_fail_errno(err, "open \"%s\"", depot);
    } else {
        status = mds_temp_dir_create(NULL, err, &made->dir);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(mds_preview_dirs);
         i++) {
        status = mds_preview_link_all(made, real, mds_preview_dirs[i], err);
    }

    free(real);

    if (status != MDS_OK) {
        mds_preview_close(made);
        return status;
    }

    *preview = made;
    return MDS_OK;
}

const char *
mds_preview_dir(const mds_preview_t *preview)
{
    return preview->dir.text;
}

mds_status_t
mds_preview_note_size(mds_preview_t *preview, const mds_sha256_t *sha256,
                      uint64_t size_bytes, mds_error_t *err)
{
    char hex[MDS_SHA256_HEX + 1];

    return mds_json_done(mds_json_set_integer(preview->sizes,
                                              mds_sha256_hex(sha256, hex),
                                              (int64_t) size_bytes),
                         err);
}

bool
mds_preview_get_size(const mds_preview_t *preview, const mds_sha256_t *sha256,
                     uint64_t *size_bytes)
{
    char              hex[MDS_SHA256_HEX + 1];
    const mds_json_t *size
        = mds_json_get(preview->sizes, mds_sha256_hex(sha256, hex));

    if (size != NULL) {
        *size_bytes = (uint64_t) mds_json_integer(size);
    }

    return size != NULL;
}

mds_status_t
mds_preview_open(mds_preview_t *preview, mds_catalog_t *before, uint64_t serial,
                 mds_error_t *err)
{
    preview->before = before;

    return mds_catalog_open(preview->dir.text, serial, false, err,
                            &preview->after);
}

mds_catalog_t *
mds_preview_before(const mds_preview_t *preview)
{
    return preview->before;
}

mds_catalog_t *
mds_preview_after(const mds_preview_t *preview)
{
    return preview->after;
}

/* Removes a directory with its files, and nothing that they link to. */
static void
mds_preview_remove_dir(const char *path)
{
    DIR           *dir = opendir(path);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        (void) unlinkat(dirfd(dir), entry->d_name, 0);
    }

    if (dir != NULL) {
        closedir(dir);
    }

    (void) rmdir(path);
}

void
mds_preview_close(mds_preview_t *preview)
{
    mds_path_t  path;
    mds_error_t err;

    if (preview == NULL) {
        return;
    }

    mds_catalog_close(preview->after);
    mds_catalog_close(preview->before);

    for (size_t i = 0;
         preview->dir.text[0] != '\0' && i < mds_nelems(mds_preview_dirs); i++)
    {
        if (mds_path(&path, &err, "%s/%s", preview->dir.text,
                     mds_preview_dirs[i])
            == MDS_OK)
        {
            mds_preview_remove_dir(path.text);
        }
    }

    if (preview->dir.text[0] != '\0') {
        (void) rmdir(preview->dir.text);
    }

    mds_json_release(preview->sizes);
    free(preview);
}
