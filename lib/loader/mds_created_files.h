/*
 * mds_created_files: removes the files that a change has put into the depot if
 * the change fails. Begin under the loader's lock, before the first one is
 * stored.
 */

#ifndef MDS_CREATED_FILES_H
#define MDS_CREATED_FILES_H

#include "base/mds_base.h"

typedef struct mds_created_files_s mds_created_files_t;

/* Notes the files that are there. */
mds_status_t mds_created_files_new(const char *depot, mds_error_t *err,
                                   mds_created_files_t **files) MDS_MUST_CHECK;

void mds_created_files_free(mds_created_files_t *files); /* NULL is fine */

/* Removes those that were not there. One that it cannot remove does no harm. */
void mds_created_files_remove(mds_created_files_t *files);

#endif
