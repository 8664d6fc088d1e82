/*
 * Reads and writes DEPOT/feed/.
 */

#include "feed/mds_feed_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trust/mds_envelope.h"

static const char *const mds_feed_folders[]
    = { MDS_FEED_CATALOG, MDS_FEED_LISTS, MDS_FEED_TREES };

mds_status_t
mds_feed_head_path(const char *depot, mds_error_t *err, mds_path_t *path)
{
    return mds_path(path, err, "%s/" MDS_FEED "/head", depot);
}

mds_status_t
mds_feed_path(const char *depot, const char *folder, const mds_sha256_t *sha256,
              mds_error_t *err, mds_path_t *path)
{
    char hex[MDS_SHA256_HEX + 1];

    return mds_path(path, err, "%s/" MDS_FEED "/%s/%s", depot, folder,
                    mds_sha256_hex(sha256, hex));
}

/* Makes a folder that nginx can read, whatever the umask. */
static mds_status_t
mds_feed_make_folder(const char *path, mds_error_t *err)
{
    struct stat st;

    if (stat(path, &st) == 0) {
        return MDS_OK;
    }

    if (mds_dir_make(path, 0755, err) != MDS_OK) {
        return err == NULL ? MDS_IO : err->status;
    }

    return chmod(path, 0755) == 0 ? MDS_OK
                                  : mds_fail_errno(err, "chmod \"%s\"", path);
}

mds_status_t
mds_feed_make_folders(const char *depot, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/" MDS_FEED, depot);

    if (status == MDS_OK) {
        status = mds_feed_make_folder(path.text, err);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(mds_feed_folders);
         i++) {
        status = mds_path(&path, err, "%s/" MDS_FEED "/%s", depot,
                          mds_feed_folders[i]);

        if (status == MDS_OK) {
            status = mds_feed_make_folder(path.text, err);
        }
    }

    return status;
}

bool
mds_feed_has_link(const char *depot, const char *folder,
                  const mds_sha256_t *sha256, const char *path, uint64_t *bytes)
{
    mds_path_t  object;
    struct stat own, linked;

    if (mds_feed_path(depot, folder, sha256, NULL, &object) != MDS_OK
        || lstat(path, &own) != 0 || lstat(object.text, &linked) != 0
        || own.st_dev != linked.st_dev || own.st_ino != linked.st_ino)
    {
        return false;
    }

    *bytes = (uint64_t) own.st_size;
    return true;
}

mds_status_t
mds_feed_link(const char *depot, const char *folder, const mds_sha256_t *sha256,
              const char *path, mds_error_t *err)
{
    uint64_t     bytes;
    mds_path_t   object;
    mds_status_t status = mds_feed_path(depot, folder, sha256, err, &object);

    if (status != MDS_OK
        || mds_feed_has_link(depot, folder, sha256, path, &bytes)) {
        return status;
    }

    if (unlink(object.text) != 0 && errno != ENOENT) {
        return mds_fail_errno(err, "remove \"%s\"", object.text);
    }

    return link(path, object.text) == 0
               ? MDS_OK
               : mds_fail_errno(err, "link \"%s\" as \"%s\"", path,
                                object.text);
}

mds_status_t
mds_feed_load_head(const char *depot, mds_error_t *err, mds_feed_head_t *head)
{
    mds_path_t   path;
    char        *text;
    size_t       len;
    mds_status_t status = mds_feed_head_path(depot, err, &path);

    if (status == MDS_OK) {
        status = mds_file_read_regular(path.text, MDS_ENVELOPE_BYTES_MAX, err,
                                       &text, &len);
    }

    if (status == MDS_OK) {
        status = mds_feed_head_read((mds_str_t){ len, text }, path.text, err,
                                    head);
        free(text);
    }

    return status;
}

mds_status_t
mds_feed_store_head(const char *depot, mds_str_t text, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_feed_head_path(depot, err, &path);

    return status == MDS_OK
               ? mds_file_write(path.text, 0644, text.data, text.len, err)
               : status;
}

bool
mds_feed_is_followed(const char *depot, int64_t since_ms)
{
    mds_path_t  path;
    struct stat st;

    return mds_path(&path, NULL, "%s/" MDS_FEED_FOLLOWED, depot) == MDS_OK
           && lstat(path.text, &st) == 0
           && 1000 * (int64_t) st.st_mtime >= since_ms;
}

/* Removes the objects of a folder that have no other link. */
static void
mds_feed_sweep_folder(const char *depot, const char *folder,
                      const mds_sha256_t *kept)
{
    mds_path_t     dir, path;
    mds_sha256_t   sha256;
    struct dirent *entry;
    struct stat    st;
    DIR           *open = NULL;

    if (mds_path(&dir, NULL, "%s/" MDS_FEED "/%s", depot, folder) == MDS_OK) {
        open = opendir(dir.text);
    }

    while (open != NULL && (entry = readdir(open)) != NULL) {
        if (mds_sha256_parse(mds_str_of(entry->d_name), &sha256)
            && !mds_sha256_eq(&sha256, kept)
            && mds_path(&path, NULL, "%s/%s", dir.text, entry->d_name) == MDS_OK
            && lstat(path.text, &st) == 0 && S_ISREG(st.st_mode)
            && st.st_nlink == 1)
        {
            (void) unlink(path.text);
        }
    }

    if (open != NULL) {
        closedir(open);
    }
}

void
mds_feed_sweep(const char *depot, uint64_t serial)
{
    mds_feed_head_t head;

    if (mds_feed_load_head(depot, NULL, &head) != MDS_OK
        || head.serial != serial) {
        return;
    }

    for (size_t i = 0; i < mds_nelems(mds_feed_folders); i++) {
        mds_feed_sweep_folder(depot, mds_feed_folders[i], &head.lists.sha256);
    }
}
