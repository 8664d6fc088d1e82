/*
 * mds_file: whole files, and files that appear whole or not at all.
 *
 * Paths are zero-terminated. Messages name the path and what the system said.
 */

#ifndef MDS_FILE_H
#define MDS_FILE_H

#include <sys/types.h>

#include "base/mds_base.h"

/* Begins the name of everything unfinished: safe to remove, never served. */
#define MDS_TEMP_PREFIX ".tmp-"

typedef struct {
    char text[4096]; /* zero-terminated */
} mds_path_t;

/* As printf. MDS_INVALID: the path would be too long. */
mds_status_t mds_path(mds_path_t *path, mds_error_t *err, const char *format,
                      ...) MDS_PRINTF(3, 4) MDS_MUST_CHECK;

/* The directory that path lies in: "." for a bare name. */
mds_status_t mds_path_dir(const char *path, mds_error_t *err,
                          mds_path_t *dir) MDS_MUST_CHECK;

/*
 * Opens a regular file for reading; the caller closes *fd.
 * MDS_INVALID: there is something else under that name.
 */
mds_status_t mds_file_open(const char *path, mds_error_t *err, int *fd,
                           uint64_t *size_bytes) MDS_MUST_CHECK;

/* Which file it is, and when it was written last. */
typedef struct {
    uint64_t device;
    uint64_t inode;
    uint64_t bytes;
    int64_t  written_ns;
} mds_file_id_t;

/* The file_id of what is open; path is for the message. */
mds_status_t mds_file_id(int fd, const char *path, mds_error_t *err,
                         mds_file_id_t *file_id) MDS_MUST_CHECK;

static inline bool
mds_file_id_eq(const mds_file_id_t *a, const mds_file_id_t *b)
{
    return a->device == b->device && a->inode == b->inode
           && a->bytes == b->bytes && a->written_ns == b->written_ns;
}

/*
 * The whole file, with a zero byte behind its len bytes; the caller frees
 * *data. A pipe will do. MDS_INVALID: longer than max_bytes.
 */
mds_status_t mds_file_read(const char *path, size_t max_bytes, mds_error_t *err,
                           char **data, size_t *len) MDS_MUST_CHECK;

/* The same of a regular file alone: for what lies in a depot, where nobody is
 * to wait for a FIFO's writer. */
mds_status_t
mds_file_read_regular(const char *path, size_t max_bytes, mds_error_t *err,
                      char **data, size_t *len) MDS_MUST_CHECK;

/* Replaces or makes the file, durably: readers see the old or the new one. */
mds_status_t mds_file_write(const char *path, mode_t mode, const void *data,
                            size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* Makes a file that must not be there yet, durably. MDS_EXISTS: it is. */
mds_status_t mds_file_create(const char *path, mode_t mode, const void *data,
                             size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* fsync of a directory: what was made or renamed in it stays so. */
mds_status_t
mds_file_sync_dir(const char *path, mds_error_t *err) MDS_MUST_CHECK;

/* Fine if the directory is there already; its mode is left alone then. */
mds_status_t
mds_dir_make(const char *path, mode_t mode, mds_error_t *err) MDS_MUST_CHECK;

/*
 * A draft is a file under a temporary name, 0600, that takes its own name when
 * it is complete. Start from MDS_NO_DRAFT; dropping a draft that was never
 * begun, or was committed, does nothing.
 */
typedef struct {
    int        fd; /* below zero: no draft */
    mds_path_t path;
} mds_temp_file_t;

#define MDS_NO_DRAFT ((mds_temp_file_t){ .fd = -1 })

mds_status_t mds_temp_file_create(mds_temp_file_t *draft, const char *dir,
                                  mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_temp_file_write(mds_temp_file_t *draft, const void *data,
                                 size_t len, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Sets the mode (whatever the umask), syncs, renames to path, which has to lie
 * in the draft's directory, and syncs that. The draft is gone in any case.
 */
mds_status_t mds_temp_file_commit(mds_temp_file_t *draft, const char *path,
                                  mode_t mode, mds_error_t *err) MDS_MUST_CHECK;

void mds_temp_file_discard(mds_temp_file_t *draft);

#endif
