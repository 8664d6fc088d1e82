/*
 * stage: a folder in which something is made ready, under a temporary name.
 * Who makes it holds its lock as long as it lives: a folder that nobody holds
 * was left by somebody who was killed, and is removed by the next one.
 */

#ifndef MDSCTL_STAGE_H
#define MDSCTL_STAGE_H

#include "base/mds_file.h"

/* What its name ends with, when it is asked for. */
#define MDSCTL_STAGE_ANY "XXXXXX"

/* What a snapshot holds, in the depot. */
#define MDSCTL_SNAPSHOT_STAGE MDS_TEMP_PREFIX "snapshot-" MDSCTL_STAGE_ANY

/*
 * Makes the folder, 0700, and *path, which ends with MDSCTL_STAGE_ANY, its
 * name; removes those of such names that nobody holds. Until *held is closed,
 * it is held.
 */
mds_status_t
mdsctl_stage_make(mds_path_t *path, mds_error_t *err, int *held) MDS_MUST_CHECK;

/* Removes the folders of such names that nobody holds, as far as it can. */
void mdsctl_stage_sweep(const mds_path_t *path);

#endif
