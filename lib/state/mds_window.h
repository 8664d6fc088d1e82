/*
 * mds_window: the devices and users that windows have admitted; a part of the
 * state (mds_state.h).
 *
 *   windows     app 00 release    number (4 bytes), count (8), full_ms (8)
 *   admissions  number, id        when: ms since 1970 (8)
 *
 * Numbers are big-endian. A window belongs to the id of a release, which the
 * catalog may change otherwise. Ids are stored whole, not hashed, so that the
 * first N are exactly N.
 */

#ifndef MDS_WINDOW_H
#define MDS_WINDOW_H

#include "state/mds_state.h"

typedef struct {
    uint32_t number;  /* 0: it has admitted nobody yet */
    uint64_t count;   /* of admissions */
    int64_t  full_ms; /* when it became full last; 0: never */
} mds_window_t;

/* Gives a window; one that has admitted nobody is all zeros. */
mds_status_t
mds_state_get_window(mds_state_t *state, mds_str_t window, mds_error_t *err,
                     mds_window_t *found) MDS_MUST_CHECK;

/* Gives whether the window has admitted the id. */
mds_status_t
mds_state_is_admitted(mds_state_t *state, const mds_window_t *window,
                      mds_str_t id, mds_error_t *err, bool *in) MDS_MUST_CHECK;

/* Receives an admission, whose views are valid during the call. The walk ends
 * with the first status that is not MDS_OK. */
typedef mds_status_t (*mds_admission_visit_t)(void *data, mds_str_t window,
                                              mds_str_t id, int64_t when_ms,
                                              mds_error_t *err);

/* Visits all admissions, those of a window one after the other, between begin
 * and end. */
mds_status_t
mds_state_visit_admissions(mds_state_t *state, mds_admission_visit_t visit,
                           void *data, mds_error_t *err) MDS_MUST_CHECK;

#endif
