/*
 * mds_work_dir: a directory under a temporary name for files that are made
 * while other processes may write beside it, and remove what is abandoned.
 *
 * A process locks its directory, so one that is not locked was left by a
 * process that was killed, and mds_temp_files_remove() removes it. It holds
 * files only.
 */

#ifndef MDS_WORK_DIR_H
#define MDS_WORK_DIR_H

#include "base/mds_file.h"

#include <dirent.h>

typedef struct {
    DIR       *dir; /* locked, open so that removal needs no memory; or NULL */
    mds_path_t path;
} mds_work_dir_t;

/* Creates a directory with mode 0700 in parent. Until it returns, no other
 * process may remove temporary files there. */
mds_status_t mds_work_dir_create(mds_work_dir_t *work, const char *parent,
                                 mds_error_t *err) MDS_MUST_CHECK;

/* Removes the directory and its files; does nothing if there is none. */
void mds_work_dir_remove(mds_work_dir_t *work);

/* Removes a directory, unless a process holds it, or it is no directory with
 * files only. */
void mds_work_dir_remove_abandoned(int parent_fd, const char *name);

#endif
