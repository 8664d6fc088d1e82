/*
 * mds_undo: files that a change has put into the depot, and that go again
 * when it fails. To be used under the loader's lock, from before the first
 * one is stored.
 */

#ifndef MDS_UNDO_H
#define MDS_UNDO_H

#include "mds_base.h"

typedef struct mds_undo_s mds_undo_t;

/* Notes what is there. The caller gives *undo back with mds_undo_free(),
 * which takes NULL as well. */
mds_status_t mds_undo_begin(const char *depot, mds_error_t *err,
                            mds_undo_t **undo) MDS_MUST_CHECK;
void         mds_undo_free(mds_undo_t *undo);

/* Removes what was not there, as far as it can: what stays is of no harm. */
void mds_undo(mds_undo_t *undo);

#endif
