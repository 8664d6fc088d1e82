/*
 * mds_revert: reverts one change of the log, as a change of its own.
 *
 * Each part of the change (mds_diff.h) has to be as the change left it; what
 * other changes did to other parts stays. An item that is restored gets its
 * place behind its old neighbour, or at the end if that one was removed. The
 * change that created an app is not reverted to nothing: the app stays, with an
 * empty document, unless it had been removed before.
 */

#ifndef MDS_REVERT_H
#define MDS_REVERT_H

#include "loader/mds_loader.h"

/* Finds the entry of the log; a new reference. MDS_NOT_FOUND has a message.
 * MDS_CONFLICT: the change is one of roots or heads. */
mds_status_t
mds_revert_find_entry(mds_loader_t *loader, uint64_t serial, mds_error_t *err,
                      mds_json_t **entry) MDS_MUST_CHECK;

/*
 * The edit (mds_loader.h): data is the serial, a uint64_t, of a change of the
 * same app. MDS_CONFLICT: later changes, which the message names, depend on it.
 */
mds_status_t mds_edit_revert(mds_loader_t *loader, void *data,
                             mds_json_t *state, mds_error_t *err);

#endif
