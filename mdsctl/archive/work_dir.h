/*
 * work_dir: a directory in which something is prepared, under a temporary name.
 * Its maker holds a lock on it: a directory that nobody holds was left by a
 * process that was killed, and the next one removes it.
 */

#ifndef MDSCTL_WORK_DIR_H
#define MDSCTL_WORK_DIR_H

#include "base/mds_file.h"

/* The end of a path, which becomes a unique name. */
#define MDSCTL_WORK_DIR_ANY "XXXXXX"

/* The name, in the depot, of a snapshot's directory. */
#define MDSCTL_SNAPSHOT_WORK_DIR MDS_TEMP_PREFIX "snapshot-" MDSCTL_WORK_DIR_ANY

/*
 * Creates the directory, 0700; *path ends with MDSCTL_WORK_DIR_ANY before and
 * is its name afterwards. Removes abandoned ones of such names. The caller
 * holds it until *lock is closed.
 */
mds_status_t mdsctl_work_dir_create(mds_path_t *path, mds_error_t *err,
                                    int *lock) MDS_MUST_CHECK;

/* Removes abandoned directories of such names, as far as it can. */
void mdsctl_work_dir_sweep(const mds_path_t *path);

#endif
