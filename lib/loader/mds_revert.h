/*
 * mds_revert: one change of the log undone, as a change of its own.
 *
 * Each part of the change (mds_diff.h) has to be still as the change left it;
 * what other changes did to other parts stays. An item that comes back takes
 * its place behind its old neighbour, or goes to the end where that one has
 * gone. The app itself is never undone: it stays, with an empty document.
 */

#ifndef MDS_REVERT_H
#define MDS_REVERT_H

#include "loader/mds_loader.h"

/* The entry of the log; a new reference. MDS_NOT_FOUND has words. */
mds_status_t
mds_revert_find_entry(mds_loader_t *loader, uint64_t serial, mds_error_t *err,
                      mds_json_t **entry) MDS_MUST_CHECK;

/*
 * The edit (mds_loader.h): data is the serial, a uint64_t of a change of the
 * same app. MDS_CONFLICT: later changes stand on it, and which.
 */
mds_status_t mds_edit_revert(mds_loader_t *loader, void *data,
                             mds_json_t *state, mds_error_t *err);

/*
 * For the log: each item that the changes removed from the state's packages
 * or releases gets a "behind", the id of the one before it; null: it was the
 * first. MDS_NO_MEMORY.
 */
mds_status_t
mds_revert_add_places(const mds_json_t *before, mds_json_t *changes,
                      mds_error_t *err) MDS_MUST_CHECK;

#endif
