/*
 * mds_read_marks: the messages that users have read and deleted; a part of the
 * state (mds_state.h).
 *
 *   marks  app 00 user   delete_through (8 bytes), then runs of read ids above
 *                        it, ascending, apart: first (8), last (8), …
 *
 * Numbers are big-endian. Marks are merged: the deletion point only rises, and
 * a message stays read. The result does not depend on order or repetition.
 */

#ifndef MDS_READ_MARKS_H
#define MDS_READ_MARKS_H

#include "state/mds_state.h"

/* A view of a user's marks, valid until mds_state_end(). */
typedef struct {
    uint64_t  delete_through; /* 0: nothing is deleted */
    mds_str_t runs;
} mds_read_marks_t;

/* Gives a user's marks, which may be empty. */
mds_status_t
mds_state_get_read_marks(mds_state_t *state, mds_str_t user, mds_error_t *err,
                         mds_read_marks_t *marks) MDS_MUST_CHECK;

/* Returns whether the message is marked as read. */
bool mds_read_marks_has_read(const mds_read_marks_t *marks, uint64_t id);

/*
 * Deletes marks of an app's users if all their ids are below the oldest message
 * that exists. A transaction deletes a few hundred at most, so that other
 * writers do not wait for long.
 */
mds_status_t
mds_state_sweep_read_marks(mds_state_t *state, mds_str_t app, uint64_t oldest,
                           mds_error_t *err) MDS_MUST_CHECK;

/* Receives the marks of a user, app 00 user. The walk ends with the first
 * status that is not MDS_OK. */
typedef mds_status_t (*mds_read_marks_visit_t)(void *data, mds_str_t user,
                                               const mds_read_marks_t *marks,
                                               mds_error_t            *err);

/* Visits the marks of all users, between begin and end. */
mds_status_t
mds_state_visit_read_marks(mds_state_t *state, mds_read_marks_visit_t visit,
                           void *data, mds_error_t *err) MDS_MUST_CHECK;

#endif
