/*
 * mds_created_files: files that a change has put into the depot, and that go
 * again when it fails. To be used under the loader's lock, from before the
 * first one is stored.
 */

#ifndef MDS_CREATED_FILES_H
#define MDS_CREATED_FILES_H

#include "base/mds_base.h"

typedef struct mds_created_files_s mds_created_files_t;

/* Notes what is there. The caller gives *undo back with
 * mds_created_files_free(), which takes NULL as well. */
mds_status_t mds_created_files_new(const char *depot, mds_error_t *err,
                                   mds_created_files_t **undo) MDS_MUST_CHECK;

void mds_created_files_free(mds_created_files_t *undo);

/* Removes what was not there, as far as it can: what stays is of no harm. */
void mds_created_files_remove(mds_created_files_t *undo);

#endif
