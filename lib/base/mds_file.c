#include "base/mds_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* First room for what has no size; a key or a signature fits in. */
#define MDS_FILE_ROOM 4096

mds_status_t
mds_path(mds_path_t *path, mds_error_t *err, const char *format, ...)
{
    int     n;
    va_list args;

    va_start(args, format);
    n = vsnprintf(path->text, sizeof(path->text), format, args);
    va_end(args);

    if (n < 0 || (size_t) n >= sizeof(path->text)) {
        return mds_fail(err, MDS_INVALID, "path \"%.64s...\" is too long",
                        path->text);
    }

    return MDS_OK;
}

mds_status_t
mds_path_dir(const char *path, mds_error_t *err, mds_path_t *dir)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        return mds_path(dir, err, ".");
    }

    return mds_path(dir, err, "%.*s", slash == path ? 1 : (int) (slash - path),
                    path);
}

mds_status_t
mds_file_open(const char *path, mds_error_t *err, int *fd, uint64_t *size_bytes)
{
    struct stat  st;
    mds_status_t status;

    /* Without O_NONBLOCK, opening a FIFO would wait for a writer. */
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (opened < 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    if (fstat(opened, &st) != 0) {
        status = mds_fail_errno(err, "stat \"%s\"", path);
        close(opened);
        return status;
    }

    if (!S_ISREG(st.st_mode)) {
        close(opened);
        return mds_fail(err, MDS_INVALID, "\"%s\" must be a regular file",
                        path);
    }

    *fd = opened;
    *size_bytes = (uint64_t) st.st_size;
    return MDS_OK;
}

mds_status_t
mds_file_id(int fd, const char *path, mds_error_t *err, mds_file_id_t *file_id)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return mds_fail_errno(err, "stat \"%s\"", path);
    }

    *file_id = (mds_file_id_t){
        .device = st.st_dev,
        .inode = st.st_ino,
        .bytes = (uint64_t) st.st_size,
        .written_ns
        = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec,
    };

    return MDS_OK;
}

/* Up to max bytes; fewer only at the end of the file. */
static mds_status_t
mds_file_read_up_to(int fd, const char *path, char *data, size_t max,
                    mds_error_t *err, size_t *len)
{
    size_t  done = 0;
    ssize_t n;

    while (done < max) {
        n = read(fd, data + done, max - done);

        if (n == 0) {
            break;
        }

        if (n > 0) {
            done += (size_t) n;

        } else if (errno != EINTR) {
            return mds_fail_errno(err, "read \"%s\"", path);
        }
    }

    *len = done;
    return MDS_OK;
}

/* To the end of the file into *bytes, which grows from room bytes. */
static mds_status_t
mds_file_read_rest(int fd, const char *path, size_t room, size_t max_bytes,
                   mds_error_t *err, char **bytes, size_t *len)
{
    char        *grown;
    size_t       n = 0, done = 0;
    mds_status_t status;

    for (;; room *= 2) {
        grown = realloc(*bytes, room);
        if (grown == NULL) {
            return mds_fail_memory(err);
        }

        *bytes = grown;
        status
            = mds_file_read_up_to(fd, path, grown + done, room - done, err, &n);
        if (status != MDS_OK) {
            return status;
        }

        done += n;

        if (done > max_bytes) {
            return mds_fail(err, MDS_INVALID,
                            "\"%s\" is too long: at most %zu bytes are read",
                            path, max_bytes);
        }

        if (done < room) {
            grown[done] = '\0';
            *len = done;
            return MDS_OK;
        }
    }
}

/* One byte more than the size, so that the end is seen. */
static size_t
mds_file_room(uint64_t size_bytes, size_t max_bytes)
{
    return size_bytes > max_bytes ? max_bytes + 1 : (size_t) size_bytes + 1;
}

/* Closes fd. */
static mds_status_t
mds_file_read_open(int fd, const char *path, size_t room, size_t max_bytes,
                   mds_error_t *err, char **data, size_t *len)
{
    char        *bytes = NULL;
    mds_status_t status
        = mds_file_read_rest(fd, path, room, max_bytes, err, &bytes, len);

    close(fd);

    if (status != MDS_OK) {
        free(bytes);
        return status;
    }

    *data = bytes;
    return MDS_OK;
}

mds_status_t
mds_file_read(const char *path, size_t max_bytes, mds_error_t *err, char **data,
              size_t *len)
{
    size_t      room = MDS_FILE_ROOM; /* pipes have no size */
    struct stat st;
    int         fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        room = mds_file_room((uint64_t) st.st_size, max_bytes);
    }

    return mds_file_read_open(fd, path, room, max_bytes, err, data, len);
}

mds_status_t
mds_file_read_regular(const char *path, size_t max_bytes, mds_error_t *err,
                      char **data, size_t *len)
{
    int          fd;
    uint64_t     size_bytes;
    mds_status_t status = mds_file_open(path, err, &fd, &size_bytes);

    return status == MDS_OK
               ? mds_file_read_open(fd, path,
                                    mds_file_room(size_bytes, max_bytes),
                                    max_bytes, err, data, len)
               : status;
}

static mds_status_t
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

mds_status_t
mds_file_write(const char *path, mode_t mode, const void *data, size_t len,
               mds_error_t *err)
{
    mds_path_t      dir;
    mds_temp_file_t draft = MDS_NO_DRAFT;
    mds_status_t    status = mds_path_dir(path, err, &dir);

    if (status == MDS_OK) {
        status = mds_temp_file_create(&draft, dir.text, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_write(&draft, data, len, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_commit(&draft, path, mode, err);
    }

    mds_temp_file_discard(&draft);
    return status;
}

/* Closes fd: the bytes are on the disk, the mode is exactly this one. */
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
mds_temp_file_create(mds_temp_file_t *draft, const char *dir, mds_error_t *err)
{
    mds_status_t status
        = mds_path(&draft->path, err, "%s/" MDS_TEMP_PREFIX "XXXXXX", dir);

    draft->fd = -1;

    if (status != MDS_OK) {
        return status;
    }

    draft->fd = mkstemp(draft->path.text);

    if (draft->fd < 0) {
        return mds_fail_errno(err, "make a file in \"%s\"", dir);
    }

    (void) fcntl(draft->fd, F_SETFD, FD_CLOEXEC);
    return MDS_OK;
}

mds_status_t
mds_temp_file_write(mds_temp_file_t *draft, const void *data, size_t len,
                    mds_error_t *err)
{
    return mds_file_write_all(draft->fd, draft->path.text, data, len, err);
}

mds_status_t
mds_temp_file_commit(mds_temp_file_t *draft, const char *path, mode_t mode,
                     mds_error_t *err)
{
    int          fd = draft->fd;
    mds_status_t status;

    draft->fd = -1;
    status = mds_file_finish(fd, draft->path.text, mode, err);

    if (status == MDS_OK && rename(draft->path.text, path) != 0) {
        status = mds_fail_errno(err, "rename to \"%s\"", path);
    }

    if (status != MDS_OK) {
        unlink(draft->path.text);
        return status;
    }

    return mds_file_sync_dir_of(path, err);
}

void
mds_temp_file_discard(mds_temp_file_t *draft)
{
    if (draft->fd >= 0) {
        close(draft->fd);
        unlink(draft->path.text);
        draft->fd = -1;
    }
}
