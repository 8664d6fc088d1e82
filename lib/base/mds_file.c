/*
 * Paths, and reading of whole files. Writing is in mds_file_write.c.
 */

#include "base/mds_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes that are allocated first for a file whose size is not known, as that of
 * a pipe: a key or a signature fits. */
#define MDS_FILE_FIRST_BYTES 4096

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
        goto failed;
    }

    if (!S_ISREG(st.st_mode)) {
        status
            = mds_fail(err, MDS_INVALID, "\"%s\" must be a regular file", path);
        goto failed;
    }

    *fd = opened;
    *size_bytes = (uint64_t) st.st_size;
    return MDS_OK;

failed:
    close(opened);
    return status;
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

/* Reads from the descriptor to its end, and closes it. */
static mds_status_t
mds_file_read_fd(int fd, const char *path, size_t max_bytes, mds_error_t *err,
                 char **data, size_t *len)
{
    char        *bytes = NULL, *grown;
    size_t       room = MDS_FILE_FIRST_BYTES, done = 0;
    ssize_t      n = 1;
    struct stat  st;
    mds_status_t status = MDS_OK;

    /* One byte more than the file has, so that its end is seen. */
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        room = (uint64_t) st.st_size > max_bytes ? max_bytes
                                                 : (size_t) st.st_size;
        room++;
    }

    while (status == MDS_OK && n != 0) {
        if (bytes == NULL || done == room) {
            room *= bytes == NULL ? 1 : 2;
            grown = realloc(bytes, room);

            if (grown == NULL) {
                status = mds_fail_memory(err);
                break;
            }

            bytes = grown;
        }

        n = read(fd, bytes + done, room - done);

        if (n > 0) {
            done += (size_t) n;

        } else if (n < 0 && errno != EINTR) {
            status = mds_fail_errno(err, "read \"%s\"", path);
        }

        if (done > max_bytes) {
            status = mds_fail(err, MDS_INVALID,
                              "\"%s\" is too long: at most %zu bytes are read",
                              path, max_bytes);
        }
    }

    close(fd);

    if (status != MDS_OK) {
        free(bytes);
        return status;
    }

    bytes[done] = '\0';
    *data = bytes;
    *len = done;
    return MDS_OK;
}

mds_status_t
mds_file_read(const char *path, size_t max_bytes, mds_error_t *err, char **data,
              size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? mds_fail_errno(err, "open \"%s\"", path)
                  : mds_file_read_fd(fd, path, max_bytes, err, data, len);
}

mds_status_t
mds_file_read_regular(const char *path, size_t max_bytes, mds_error_t *err,
                      char **data, size_t *len)
{
    int          fd;
    uint64_t     size_bytes;
    mds_status_t status = mds_file_open(path, err, &fd, &size_bytes);

    return status == MDS_OK
               ? mds_file_read_fd(fd, path, max_bytes, err, data, len)
               : status;
}

mds_status_t
mds_file_read_at(int fd, const char *path, uint64_t offset, void *data,
                 size_t len, mds_error_t *err)
{
    char   *next = data;
    ssize_t n;

    while (len > 0) {
        n = pread(fd, next, len, (off_t) offset);

        if (n == 0) {
            return mds_fail(err, MDS_DAMAGED, "\"%s\" is truncated", path);
        }

        if (n > 0) {
            next += n;
            offset += (uint64_t) n;
            len -= (size_t) n;

        } else if (errno != EINTR) {
            return mds_fail_errno(err, "read \"%s\"", path);
        }
    }

    return MDS_OK;
}

mds_status_t
mds_file_read_chunks(int fd, const char *path, mds_chunk_t take, void *data,
                     mds_error_t *err)
{
    char         chunk[MDS_FILE_CHUNK];
    ssize_t      n;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && (n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n > 0) {
            status = take(data, chunk, (size_t) n, err);

        } else if (errno != EINTR) {
            status = mds_fail_errno(err, "read \"%s\"", path);
        }
    }

    return status;
}
