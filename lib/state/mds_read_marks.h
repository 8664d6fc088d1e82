/*
 * mds_read_marks: what a user has done with messages; part of the state.
 *
 *   marks  app 00 user   delete_through (8 bytes), then runs of read ids above
 *                        it, ascending, apart: first (8), last (8), …
 *
 * Numbers are big-endian. Marks merge: the deletion point only rises, and what
 * is read stays read, so that any order of any repeats comes to the same end.
 */

#ifndef MDS_READ_MARKS_H
#define MDS_READ_MARKS_H

#include "state/mds_state.h"

/* A user's marks as they lie there; valid until mds_state_end(). */
typedef struct {
    uint64_t  delete_through; /* 0: nothing is deleted */
    mds_str_t runs;
} mds_read_marks_t;

/* A user who has marked nothing has marks of nothing. */
mds_status_t
mds_state_get_read_marks(mds_state_t *state, mds_str_t user, mds_error_t *err,
                         mds_read_marks_t *marks) MDS_MUST_CHECK;

bool mds_read_marks_has_read(const mds_read_marks_t *marks, uint64_t id);

/*
 * Drops the marks of an app's users that speak of nothing any more: all their
 * ids are below the oldest message that there is. A few hundred at a time, so
 * that other writers need not wait for long.
 */
mds_status_t
mds_state_sweep_read_marks(mds_state_t *state, mds_str_t app, uint64_t oldest,
                           mds_error_t *err) MDS_MUST_CHECK;

#endif
