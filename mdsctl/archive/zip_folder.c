/* zip_folder: walks a directory in the order of names, and adds its files. */

#include "archive/zip_folder.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define EPOCH_OF_ZIP 315532800 /* 1980-01-01, the earliest time of a zip */

typedef struct {
    struct archive *archive;
    size_t          cut; /* bytes of the paths in front of the names */
    size_t          files;
} zipper_t;

static mds_status_t
fail(const zipper_t *z, const char *path, mds_error_t *err)
{
    const char *words = archive_error_string(z->archive);

    return mds_fail(err, MDS_IO, "failed to add \"%s\" to a zip: %s", path,
                    words == NULL ? "unknown error" : words);
}

static int
compare(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static mds_status_t
write_chunk(void *data, const void *bytes, size_t len, mds_error_t *err)
{
    zipper_t *z = data;

    return archive_write_data(z->archive, bytes, len) == (la_ssize_t) len
               ? MDS_OK
               : fail(z, "a file", err);
}

static mds_status_t
write_header(zipper_t *z, const char *path, int64_t size, mds_error_t *err)
{
    struct archive_entry *entry = archive_entry_new();
    mds_status_t          status = MDS_OK;

    if (entry == NULL) {
        return mds_fail_memory(err);
    }

    archive_entry_set_pathname(entry, path + z->cut);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, EPOCH_OF_ZIP, 0);
    archive_entry_set_size(entry, size);

    if (archive_write_header(z->archive, entry) != ARCHIVE_OK) {
        status = fail(z, path, err);
    }

    archive_entry_free(entry);
    return status;
}

static mds_status_t
add_file(zipper_t *z, const FTSENT *file, mds_error_t *err)
{
    int fd = open(file->fts_accpath, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    mds_status_t status;

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", file->fts_path);
    }

    status = write_header(z, file->fts_path, file->fts_statp->st_size, err);

    if (status == MDS_OK) {
        status = mds_file_read_chunks(fd, file->fts_path, write_chunk, z, err);
    }

    close(fd);
    z->files++;
    return status;
}

static mds_status_t
add_entry(zipper_t *z, const FTSENT *entry, mds_error_t *err)
{
    switch (entry->fts_info) {
    case FTS_D:
    case FTS_DP:
        return MDS_OK;
    case FTS_F:
        return add_file(z, entry, err);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        errno = entry->fts_errno;
        return mds_fail_errno(err, "read \"%s\"", entry->fts_path);
    default:
        return mds_fail(err, MDS_INVALID,
                        "\"%s\" is neither a file nor a directory",
                        entry->fts_path);
    }
}

static mds_status_t
add_all(zipper_t *z, char *path, mds_error_t *err)
{
    char        *paths[] = { path, NULL };
    FTS         *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, compare);
    FTSENT      *entry;
    mds_status_t status = MDS_OK;

    if (walk == NULL) {
        return mds_fail_errno(err, "read \"%s\"", path);
    }

    while (status == MDS_OK && (entry = fts_read(walk)) != NULL) {
        status = add_entry(z, entry, err);
    }

    fts_close(walk);

    return status == MDS_OK && z->files == 0
               ? mds_fail(err, MDS_INVALID, "\"%s\" has no files", path)
               : status;
}

static mds_status_t
write_zip(zipper_t *z, char *path, int fd, mds_error_t *err)
{
    const char  *slash = strrchr(path, '/');
    mds_status_t status;

    z->cut = slash == NULL ? 0 : (size_t) (slash + 1 - path);

    if (archive_write_set_format_zip(z->archive) != ARCHIVE_OK
        || archive_write_open_fd(z->archive, fd) != ARCHIVE_OK)
    {
        return fail(z, path, err);
    }

    status = add_all(z, path, err);

    if (status == MDS_OK && archive_write_close(z->archive) != ARCHIVE_OK) {
        status = fail(z, path, err);
    }

    return status;
}

mds_status_t
mdsctl_zip_folder(const char *dir, mds_temp_file_t *draft, mds_error_t *err)
{
    zipper_t     z = { .archive = archive_write_new() };
    char        *path = realpath(dir, NULL);
    mds_status_t status;

    if (path == NULL) {
        status = mds_fail_errno(err, "open \"%s\"", dir);
    } else if (z.archive == NULL) {
        status = mds_fail_memory(err);
    } else {
        status = write_zip(&z, path, draft->fd, err);
    }

    if (z.archive != NULL) {
        archive_write_free(z.archive);
    }

    free(path);
    return status;
}
