/*
 * mds_file: reads whole files, and writes files that appear whole or not at
 * all.
 *
 * Paths are zero-terminated. Messages name the path and what the system said.
 */

#ifndef MDS_FILE_H
#define MDS_FILE_H

#include <sys/types.h>

#include "base/mds_base.h"

/* Begins the names of unfinished files, which are never served and may be
 * removed. */
#define MDS_TEMP_PREFIX ".tmp-"

typedef struct {
    char text[4096]; /* zero-terminated */
} mds_path_t;

/* Formats a path as printf does. MDS_INVALID: it would be too long. */
mds_status_t mds_path(mds_path_t *path, mds_error_t *err, const char *format,
                      ...) MDS_PRINTF(3, 4) MDS_MUST_CHECK;

/* Gives the directory that path lies in: "." for a bare name. */
mds_status_t mds_path_dir(const char *path, mds_error_t *err,
                          mds_path_t *dir) MDS_MUST_CHECK;

/*
 * Opens a regular file for reading; the caller closes *fd.
 * MDS_INVALID: there is something else under that name.
 */
mds_status_t mds_file_open(const char *path, mds_error_t *err, int *fd,
                           uint64_t *size_bytes) MDS_MUST_CHECK;

/* Identifies a file and the time when it was written last. */
typedef struct {
    uint64_t device;
    uint64_t inode;
    uint64_t bytes;
    int64_t  written_ns;
} mds_file_id_t;

/* Gives the identity of an open file; path is for the message. */
mds_status_t mds_file_id(int fd, const char *path, mds_error_t *err,
                         mds_file_id_t *file_id) MDS_MUST_CHECK;

static inline bool
mds_file_id_eq(const mds_file_id_t *a, const mds_file_id_t *b)
{
    return a->device == b->device && a->inode == b->inode
           && a->bytes == b->bytes && a->written_ns == b->written_ns;
}

/*
 * Reads a whole file or pipe; a zero byte is behind its len bytes, and the
 * caller frees *data. MDS_INVALID: it is longer than max_bytes.
 */
mds_status_t mds_file_read(const char *path, size_t max_bytes, mds_error_t *err,
                           char **data, size_t *len) MDS_MUST_CHECK;

/* Reads a regular file only. Use it for files of a depot, where nothing may
 * wait for a FIFO's writer. */
mds_status_t
mds_file_read_regular(const char *path, size_t max_bytes, mds_error_t *err,
                      char **data, size_t *len) MDS_MUST_CHECK;

/* Reads exactly len bytes at the offset. MDS_DAMAGED: the file ends before. */
mds_status_t
mds_file_read_at(int fd, const char *path, uint64_t offset, void *data,
                 size_t len, mds_error_t *err) MDS_MUST_CHECK;

#define MDS_FILE_CHUNK 65536

/* Takes the next bytes of a file, at most MDS_FILE_CHUNK. */
typedef mds_status_t (*mds_chunk_t)(void *data, const void *bytes, size_t len,
                                    mds_error_t *err);

/* Reads to the end of the file, and passes on its bytes until take() fails. */
mds_status_t mds_file_read_chunks(int fd, const char *path, mds_chunk_t take,
                                  void *data, mds_error_t *err) MDS_MUST_CHECK;

/* Writes all bytes to an open file; path is for the message. */
mds_status_t mds_file_write_all(int fd, const char *path, const void *data,
                                size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* Replaces or creates the file, durably: readers see the old or the new one. */
mds_status_t mds_file_write(const char *path, mode_t mode, const void *data,
                            size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* Creates a file, durably. MDS_EXISTS: it exists already. */
mds_status_t mds_file_create(const char *path, mode_t mode, const void *data,
                             size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* Syncs a directory, so that files created or renamed in it stay so. */
mds_status_t
mds_file_sync_dir(const char *path, mds_error_t *err) MDS_MUST_CHECK;

/* Creates a directory. One that exists is left as it is. */
mds_status_t
mds_dir_make(const char *path, mode_t mode, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Creates a directory under a temporary name in parent; NULL stands for $TMPDIR
 * or /tmp. The caller removes it.
 */
mds_status_t mds_temp_dir_create(const char *parent, mds_error_t *err,
                                 mds_path_t *dir) MDS_MUST_CHECK;

/*
 * A file under a temporary name, with mode 0600, that takes its own name when
 * it is complete. It starts as MDS_NO_TEMP_FILE. To discard one that was never
 * created, or was committed, does nothing.
 */
typedef struct {
    int        fd; /* below zero: none */
    mds_path_t path;
} mds_temp_file_t;

#define MDS_NO_TEMP_FILE ((mds_temp_file_t){ .fd = -1 })

mds_status_t mds_temp_file_create(mds_temp_file_t *temp, const char *dir,
                                  mds_error_t *err) MDS_MUST_CHECK;

mds_status_t mds_temp_file_write(mds_temp_file_t *temp, const void *data,
                                 size_t len, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Sets the mode (whatever the umask), syncs, renames to path, which lies in the
 * same directory, and syncs that. On failure as well, the temporary file is
 * gone.
 */
mds_status_t mds_temp_file_commit(mds_temp_file_t *temp, const char *path,
                                  mode_t mode, mds_error_t *err) MDS_MUST_CHECK;

void mds_temp_file_discard(mds_temp_file_t *temp);

static inline bool
mds_is_temp_name(const char *name)
{
    return strncmp(name, MDS_TEMP_PREFIX, sizeof(MDS_TEMP_PREFIX) - 1) == 0;
}

/* Removes the files of the directory that have temporary names, and work
 * directories that no process holds (mds_work_dir.h). Call it while no other
 * process writes there. */
mds_status_t
mds_temp_files_remove(const char *path, mds_error_t *err) MDS_MUST_CHECK;

#endif
