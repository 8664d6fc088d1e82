/*
 * work_dir: creates temporary directories. A process locks its directory, so an
 * unlocked one was left by a killed process, and the next process removes it.
 */

#ifndef MDSCTL_WORK_DIR_H
#define MDSCTL_WORK_DIR_H

#include "base/mds_file.h"

/* The end of a path, which mdsctl_work_dir_create() replaces. */
#define MDSCTL_WORK_DIR_ANY "XXXXXX"

/* The name of a snapshot's directory in the depot. */
#define MDSCTL_SNAPSHOT_WORK_DIR MDS_TEMP_PREFIX "snapshot-" MDSCTL_WORK_DIR_ANY

/*
 * Removes abandoned directories, and creates and locks a new one with mode
 * 0700. *path ends with MDSCTL_WORK_DIR_ANY, and is set to the new name. The
 * caller closes *lock when it no longer needs the directory.
 */
mds_status_t mdsctl_work_dir_create(mds_path_t *path, mds_error_t *err,
                                    int *lock) MDS_MUST_CHECK;

/* Removes abandoned directories of such names; ignores failures. */
void mdsctl_work_dir_sweep(const mds_path_t *path);

#endif
