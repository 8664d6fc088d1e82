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
 *   counts                  figures (mds_registry_counts.h)
 *   *.lock                  locks of the merges and of the workers
 *   damaged-NAME            a file that could not be read, and was set aside
 *   .tmp-…                  a file that is being written
 *
 * TIME, RANDOM, SERIAL and PART are hexadecimal, LEVEL is one digit.
 */

#ifndef MDS_DEVICE_FOLDER_H
#define MDS_DEVICE_FOLDER_H

#include "registry/mds_device_file.h"

/* Limits the files of a folder; a folder with more is refused. */
#define MDS_DEVICE_FILES_MAX 16384

/* Lists the files of a folder: runs first, the oldest first, and the parts of
 * each in order; then all others, by time. */
typedef struct {
    mds_device_file_t *files;
    size_t             count;
    uint64_t           bytes;
} mds_device_files_t;

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

#endif
