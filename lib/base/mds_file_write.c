/*
 * Durable writing: files that are replaced, created, or built under a temporary
 * name.
 */

#include "base/mds_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_work_dir.h"

mds_status_t
mds_file_write_all(int fd, const char *path, const void *data, size_t len,
                   mds_error_t *err)
{
    const char *next = data;

    while (len > 0) {
        ssize_t n = write(fd, next, len);

        if (n >= 0) {
            next += n;
            len -= (size_t) n;

        } else if (errno != EINTR) {
            return mds_fail_errno(err, "write \"%s\"", path);
        }
    }

    return MDS_OK;
}

/* Sets exactly this mode, syncs the bytes to the disk, and closes fd. */
static mds_status_t
mds_file_finish(int fd, const char *path, mode_t mode, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (fchmod(fd, mode) != 0) {
        status = mds_fail_errno(err, "chmod \"%s\"", path);

    } else if (fsync(fd) != 0) {
        status = mds_fail_errno(err, "sync \"%s\"", path);
    }

    if (close(fd) != 0 && status == MDS_OK) {
        status = mds_fail_errno(err, "close \"%s\"", path);
    }

    return status;
}

mds_status_t
mds_file_sync_dir(const char *path, mds_error_t *err)
{
    mds_status_t status = MDS_OK;
    int          fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    if (fsync(fd) != 0) {
        status = mds_fail_errno(err, "sync \"%s\"", path);
    }

    close(fd);
    return status;
}

static mds_status_t
mds_file_sync_dir_of(const char *path, mds_error_t *err)
{
    mds_path_t   dir;
    mds_status_t status = mds_path_dir(path, err, &dir);

    return status == MDS_OK ? mds_file_sync_dir(dir.text, err) : status;
}

mds_status_t
mds_file_create(const char *path, mode_t mode, const void *data, size_t len,
                mds_error_t *err)
{
    mds_status_t status, finished;

    /* 0600 until the mode is set: a secret is never open to others. */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        return mds_fail_errno(err, "create \"%s\"", path);
    }

    status = mds_file_write_all(fd, path, data, len, err);
    finished = mds_file_finish(fd, path, mode, status == MDS_OK ? err : NULL);

    if (status == MDS_OK) {
        status = finished;
    }

    if (status == MDS_OK) {
        status = mds_file_sync_dir_of(path, err);
    }

    if (status != MDS_OK) {
        unlink(path);
    }

    return status;
}

mds_status_t
mds_dir_make(const char *path, mode_t mode, mds_error_t *err)
{
    struct stat st;

    if (mkdir(path, mode) == 0) {
        return MDS_OK;
    }

    if (errno != EEXIST) {
        return mds_fail_errno(err, "make directory \"%s\"", path);
    }

    if (stat(path, &st) != 0) {
        return mds_fail_errno(err, "stat \"%s\"", path);
    }

    if (!S_ISDIR(st.st_mode)) {
        return mds_fail(err, MDS_EXISTS, "\"%s\" exists and is not a directory",
                        path);
    }

    return MDS_OK;
}

mds_status_t
mds_temp_dir_create(const char *parent, mds_error_t *err, mds_path_t *dir)
{
    mds_path_t   created;
    mds_status_t status;

    if (parent == NULL) {
        parent = getenv("TMPDIR");
    }

    if (parent == NULL || *parent == '\0') {
        parent = "/tmp";
    }

    status
        = mds_path(&created, err, "%s/" MDS_TEMP_PREFIX "mds-XXXXXX", parent);

    if (status != MDS_OK) {
        return status;
    }

    if (mkdtemp(created.text) == NULL) {
        return mds_fail_errno(err, "create a directory in \"%s\"", parent);
    }

    *dir = created;
    return MDS_OK;
}

mds_status_t
mds_temp_file_create(mds_temp_file_t *temp, const char *dir, mds_error_t *err)
{
    mds_status_t status
        = mds_path(&temp->path, err, "%s/" MDS_TEMP_PREFIX "XXXXXX", dir);

    temp->fd = -1;

    if (status != MDS_OK) {
        return status;
    }

    temp->fd = mkstemp(temp->path.text);

    if (temp->fd < 0) {
        return mds_fail_errno(err, "make a file in \"%s\"", dir);
    }

    (void) fcntl(temp->fd, F_SETFD, FD_CLOEXEC);
    return MDS_OK;
}

mds_status_t
mds_temp_file_write(mds_temp_file_t *temp, const void *data, size_t len,
                    mds_error_t *err)
{
    return mds_file_write_all(temp->fd, temp->path.text, data, len, err);
}

mds_status_t
mds_temp_file_commit(mds_temp_file_t *temp, const char *path, mode_t mode,
                     mds_error_t *err)
{
    int          fd = temp->fd;
    mds_status_t status;

    temp->fd = -1;
    status = mds_file_finish(fd, temp->path.text, mode, err);

    if (status == MDS_OK && rename(temp->path.text, path) != 0) {
        status = mds_fail_errno(err, "rename to \"%s\"", path);
    }

    if (status != MDS_OK) {
        unlink(temp->path.text);
        return status;
    }

    return mds_file_sync_dir_of(path, err);
}

void
mds_temp_file_discard(mds_temp_file_t *temp)
{
    if (temp->fd >= 0) {
        close(temp->fd);
        unlink(temp->path.text);
        temp->fd = -1;
    }
}

mds_status_t
mds_file_write(const char *path, mode_t mode, const void *data, size_t len,
               mds_error_t *err)
{
    mds_path_t      dir;
    mds_temp_file_t temp = MDS_NO_TEMP_FILE;
    mds_status_t    status = mds_path_dir(path, err, &dir);

    if (status == MDS_OK) {
        status = mds_temp_file_create(&temp, dir.text, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_write(&temp, data, len, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_commit(&temp, path, mode, err);
    }

    mds_temp_file_discard(&temp);
    return status;
}

mds_status_t
mds_temp_files_remove(const char *path, mds_error_t *err)
{
    mds_status_t   status = MDS_OK;
    struct dirent *entry;
    DIR           *dir = opendir(path);

    if (dir == NULL) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    while (status == MDS_OK && (entry = readdir(dir)) != NULL) {
        if (!mds_is_temp_name(entry->d_name)
            || unlinkat(dirfd(dir), entry->d_name, 0) == 0 || errno == ENOENT)
        {
            continue;
        }

        if (errno == EISDIR) {
            mds_work_dir_remove_abandoned(dirfd(dir), entry->d_name);

        } else {
            status
                = mds_fail_errno(err, "remove \"%s/%s\"", path, entry->d_name);
        }
    }

    closedir(dir);
    return status;
}
