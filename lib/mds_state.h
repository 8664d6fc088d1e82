/*
 * mds_state: what requests change, DEPOT/state/: whom the windows have let in.
 *
 *   windows     app 00 release    mds_window_record_t
 *   admissions  number, id        when: 8 bytes, ms since 1970, big-endian
 *
 * A window belongs to the release's id, whatever the catalog says of it now.
 * Workers of all nginx instances on the depot write it, one transaction at a
 * time; ids are kept whole, so that N distinct ones are exactly N.
 *
 * One thread reads, and one other may write: mds_state_admit() has a handle
 * of its own.
 */

#ifndef MDS_STATE_H
#define MDS_STATE_H

#include "mds_base.h"

typedef struct mds_state_s mds_state_t;

typedef struct {
    uint32_t number;  /* 0: nobody was let in yet */
    uint64_t count;   /* how many were */
    int64_t  full_ms; /* when it filled last; 0: never */
} mds_window_t;

/* One that asks to be let in, and what came of it. */
typedef struct {
    mds_str_t window; /* app 00 release */
    mds_str_t id;
    uint64_t  limit;    /* of the window, as the catalog has it now */
    int64_t   until_ms; /* not at or after this */
    bool      admitted; /* out: is in, from now on or since long */
} mds_admission_t;

/* An empty state that uid and gid (-1: as it is) may write. */
mds_status_t mds_state_create(const char *depot, int64_t uid, int64_t gid,
                              mds_error_t *err) MDS_MUST_CHECK;

/* A state that is not there is an error, never a new one: that would forget
 * whom the windows have let in. */
mds_status_t mds_state_open(const char *depot, mds_error_t *err,
                            mds_state_t **state) MDS_MUST_CHECK;
void         mds_state_close(mds_state_t *state);

/*
 * Whether the depot's state is still the one that was opened; if not, close
 * it. Admissions look themselves: what goes to a file without a name would be
 * gone with the process.
 */
mds_status_t
mds_state_check(const mds_state_t *state, mds_error_t *err) MDS_MUST_CHECK;

/* Reading goes between these two; begun twice is begun once. */
mds_status_t
     mds_state_begin(mds_state_t *state, mds_error_t *err) MDS_MUST_CHECK;
void mds_state_end(mds_state_t *state);

mds_status_t
mds_state_window(mds_state_t *state, mds_str_t window, mds_error_t *err,
                 mds_window_t *found) MDS_MUST_CHECK;

mds_status_t
mds_state_admitted(mds_state_t *state, const mds_window_t *window, mds_str_t id,
                   mds_error_t *err, bool *in) MDS_MUST_CHECK;

/*
 * Lets in whom the windows have room for, in order, all in one transaction
 * that is durable when this returns MDS_OK. May wait for other writers and for
 * the disk: not for an event loop. Where nobody new was let in, nothing is
 * written.
 */
mds_status_t
mds_state_admit(mds_state_t *state, mds_admission_t *admissions, size_t count,
                int64_t now_ms, mds_error_t *err) MDS_MUST_CHECK;

#endif
