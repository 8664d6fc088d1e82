/*
 * mds_tally: what devices have reported of a release, and whether that has
 * halted it; a part of the state (mds_state.h).
 *
 *   tallies    app 00 release     mds_tally_record_t
 *   reporters  number, device     events (1 byte), end (1)
 *   details    number             the summary of the texts (mds_details.h)
 *   stale      number             nothing: its reporters are to be deleted
 *   stale      00                 the highest number so far (4)
 *   stale      01                 how often a release was halted or resumed (8)
 *
 * Numbers are big-endian. A device is the hash of its id; its events are bits,
 * and its end is the last one that it has reported, plus one, if it counts. A
 * tally that is counted anew, or is forgotten, leaves its number to the stale
 * ones, whose reporters are deleted step by step, by the writes of reports.
 */

#ifndef MDS_TALLY_H
#define MDS_TALLY_H

#include "state/mds_details.h"
#include "state/mds_state.h"

#define MDS_ENDS (MDS_EVENT_COUNT - MDS_EVENT_FIRST_END)

typedef struct {
    uint32_t number;                  /* 0: nothing was reported */
    uint64_t events[MDS_EVENT_COUNT]; /* devices, by event */
    uint64_t ends[MDS_ENDS];          /* devices that count, by their end */

    bool     halted;
    int64_t  halted_ms;   /* when it was halted last; 0: never */
    uint64_t halted_ends; /* by so many ends, and so many failures of them */
    uint64_t halted_failures;
    int64_t  resumed_ms; /* when it was resumed last; 0: never */
} mds_tally_t;

/* Returns the ends, and of them the failures. */
uint64_t mds_tally_ends(const mds_tally_t *tally);
uint64_t mds_tally_failures(const mds_tally_t *tally);

/* Gives the tally of a release, whose key is app 00 release; one of which
 * nothing was reported is all zeros. */
mds_status_t
mds_state_get_tally(mds_state_t *state, mds_str_t release, mds_error_t *err,
                    mds_tally_t *tally) MDS_MUST_CHECK;

/* Gives the most frequent details of a tally, which are views until
 * mds_state_end(). */
mds_status_t
mds_state_get_details(mds_state_t *state, const mds_tally_t *tally,
                      mds_error_t *err, mds_details_t *details) MDS_MUST_CHECK;

/* Ends the halt of a release and counts its reports anew. *halted: it was
 * halted; if not, nothing is changed. */
mds_status_t
mds_state_resume(mds_state_t *state, mds_str_t release, int64_t now_ms,
                 mds_error_t *err, bool *halted) MDS_MUST_CHECK;

/* Forgets the reports of a release. */
mds_status_t mds_state_forget_tally(mds_state_t *state, mds_str_t release,
                                    mds_error_t *err) MDS_MUST_CHECK;

/* Forgets the reports of the releases that do not exist, unless the fleet has
 * halted them. */
mds_status_t
mds_state_forget_tallies(mds_state_t *state,
                         bool (*exists)(void *data, mds_str_t app,
                                        mds_str_t id),
                         void *data, mds_error_t *err) MDS_MUST_CHECK;

/* Deletes the reporters of all stale numbers. */
mds_status_t
mds_state_sweep_reporters(mds_state_t *state, mds_error_t *err) MDS_MUST_CHECK;

/* Returns the number of devices that have reported, the stale ones included,
 * within a transaction. */
uint64_t mds_state_reporter_count(mds_state_t *state);

/* Gives a number that rises with each halt and each resumption. */
mds_status_t mds_state_get_halt_serial(mds_state_t *state, mds_error_t *err,
                                       uint64_t *serial) MDS_MUST_CHECK;

/* A device that has reported. */
typedef struct {
    uint64_t device; /* mds_install_hash() */
    unsigned events; /* bits */
    unsigned end;    /* its place among the ends, plus 1; 0: none counts */
} mds_reporter_t;

/* Visits the devices of a tally, by its number, between begin and end. */
mds_status_t
mds_state_visit_reporters(mds_state_t *state, uint32_t number,
                          mds_status_t (*visit)(void                 *data,
                                                const mds_reporter_t *reporter,
                                                mds_error_t          *err),
                          void *data, mds_error_t *err) MDS_MUST_CHECK;

/* Visits the tallies of all releases, between begin and end. */
mds_status_t mds_state_visit_tallies(
    mds_state_t *state,
    mds_status_t (*visit)(void *data, mds_str_t app, mds_str_t id,
                          const mds_tally_t *tally, mds_error_t *err),
    void *data, mds_error_t *err) MDS_MUST_CHECK;

#endif
