/*
 * mds_device_file: a file of the registry's folder (mds_device_folder.h): its
 * name, and how it is opened, created, read, written and locked.
 */

#ifndef MDS_DEVICE_FILE_H
#define MDS_DEVICE_FILE_H

#include "base/mds_file.h"

#define MDS_DEVICE_NAME_BYTES 64
#define MDS_DEVICE_LEVEL_BASE 9
#define MDS_DEVICE_DAMAGED_PREFIX "damaged-"

/* Limits the serials and times in names, so that differences and the next one
 * are in range, too. */
#define MDS_DEVICE_SERIAL_MAX ((uint64_t) INT64_MAX / 2)

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

/* Parses a file's name. Returns OTHER for a name that is not the registry's. */
mds_device_file_kind_t
mds_device_file_parse(const char *name, mds_device_file_t *file);

/* Opens a file for reading, or for both with O_RDWR, which adds O_CREAT.
 * Returns MDS_INVALID if it is not a regular file, or belongs to another user;
 * MDS_DAMAGED if the disk has an error there. */
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

/* Renames a file that cannot be read to "damaged-NAME", so that all others can
 * be merged. */
mds_status_t mds_device_file_set_aside(int dir, const char *name,
                                       mds_error_t *err) MDS_MUST_CHECK;

/* Writes all bytes at the file's position. */
mds_status_t mds_device_file_write(int fd, const char *name, const void *data,
                                   size_t len, mds_error_t *err) MDS_MUST_CHECK;

/* Reads len bytes at an offset. Returns MDS_DAMAGED if the file is shorter, or
 * the disk has an error there. */
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
