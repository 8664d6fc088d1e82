/*
 * mds_device_folder: the registry's folder, DEPOT/state/devices/. It belongs
 * to the workers' user, who may put anything into it: files are opened below
 * it, no link is followed, and only regular files of its owner are read.
 *
 *   log-TIME-RANDOM         devices as a worker has seen them; locked while it
 *                           is written to (mds_device_log.h)
 *   forget-TIME-RANDOM      a log of devices to be forgotten
 *   forgot-TIME-RANDOM      the same, once workers know of it
 *   run-LEVEL-SERIAL-PART   sorted devices (mds_device_run.h)
 *   counts                  figures (mds_registry.h)
 *   *.lock                  locks of the merges and of the workers
 *
 * TIME, RANDOM, SERIAL and PART are hexadecimal, LEVEL is one digit.
 */

#ifndef MDS_DEVICE_FOLDER_H
#define MDS_DEVICE_FOLDER_H

#include "base/mds_file.h"

#define MDS_DEVICE_NAME_BYTES 64
#define MDS_DEVICE_LEVEL_BASE 9

/* Limits the files of a folder; a folder with more is refused. */
#define MDS_DEVICE_FILES_MAX 16384

typedef enum {
    MDS_DEVICE_FILE_LOG,
    MDS_DEVICE_FILE_FORGET,
    MDS_DEVICE_FILE_FORGOT,
    MDS_DEVICE_FILE_RUN,
    MDS_DEVICE_FILE_TEMP,
    MDS_DEVICE_FILE_OTHER
} mds_device_file_kind_t;

typedef struct {
    mds_device_file_kind_t kind;
    unsigned               level;  /* of a run */
    uint64_t               serial; /* of a run; of others, its time in ms */
    uint32_t               part;   /* of a run */
    uint64_t               bytes;
    char                   name[MDS_DEVICE_NAME_BYTES];
} mds_device_file_t;

/* Lists the files of a folder: runs first, the oldest first, and the parts of
 * each in order; then all others, by time. */
typedef struct {
    mds_device_file_t *files;
    size_t             count;
    uint64_t           bytes;
} mds_device_files_t;

/* Parses a file's name. Returns OTHER for a name that is not the registry's. */
mds_device_file_kind_t
mds_device_file_parse(const char *name, mds_device_file_t *file);

/* Opens the folder. Returns MDS_NOT_FOUND if it does not exist. */
mds_status_t mds_device_folder_open(const char *depot, mds_error_t *err,
                                    int *dir) MDS_MUST_CHECK;

/* Creates the folder of a depot that has none, for the owner of its state.
 * Returns MDS_NOT_FOUND if there is no state: no data.mdb. */
mds_status_t
mds_device_folder_make(const char *depot, mds_error_t *err) MDS_MUST_CHECK;

mds_status_t mds_device_folder_list(int dir, mds_error_t *err,
                                    mds_device_files_t *files) MDS_MUST_CHECK;

void mds_device_files_free(mds_device_files_t *files);

/* Opens a file for reading, or for both with O_RDWR, which adds O_CREAT.
 * Returns MDS_INVALID if it is not a regular file, or belongs to another user.
 */
mds_status_t
mds_device_file_open(int dir, const char *name, int flags, mds_error_t *err,
                     int *fd, uint64_t *bytes) MDS_MUST_CHECK;

/* Creates a file that does not exist, for the folder's owner. */
mds_status_t mds_device_file_create(int dir, const char *name, mds_error_t *err,
                                    int *fd) MDS_MUST_CHECK;

/* Syncs a file, renames it from temp to name, and syncs the folder. Closes fd.
 */
mds_status_t
mds_device_file_commit(int dir, int fd, const char *temp, const char *name,
                       mds_error_t *err) MDS_MUST_CHECK;

/* Writes all bytes at the file's position. */
mds_status_t mds_device_file_write(int fd, const char *name, const void *data,
                                   size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* Reads len bytes at an offset. Returns MDS_DAMAGED if the file is shorter. */
mds_status_t
mds_device_file_read(int fd, const char *name, uint64_t offset, void *data,
                     size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* Takes a lock file without waiting; *lock is below zero if another process has
 * it. The lock is released when it is closed. */
mds_status_t mds_device_lock(int dir, const char *name, bool shared,
                             mds_error_t *err, int *lock) MDS_MUST_CHECK;

/* Returns whether a process holds the lock. */
bool mds_device_is_locked(int dir, const char *name);

/* Writes "PREFIX-TIME-RANDOM". */
void mds_device_file_name(const char *prefix, int64_t now_ms,
                          char name[MDS_DEVICE_NAME_BYTES]);

#endif
