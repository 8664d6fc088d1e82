/*
 * mds_state_internal: the tables and types that only the files of the state
 * share.
 */

#ifndef MDS_STATE_INTERNAL_H
#define MDS_STATE_INTERNAL_H

#include "state/mds_state.h"
#include "state/mds_state_env.h"
#include "state/mds_tally.h"
#include "state/mds_window.h"

typedef enum {
    MDS_STATE_WINDOWS,
    MDS_STATE_ADMISSIONS,
    MDS_STATE_MARKS,
    MDS_STATE_TALLIES,
    MDS_STATE_REPORTERS,
    MDS_STATE_DETAILS,
    MDS_STATE_STALE,
    MDS_STATE_TABLES
} mds_state_table_t;

struct mds_state_s {
    mds_state_env_t env;
    uint64_t        limit_bytes; /* 0: none */
    bool            dropped; /* the registry of an older depot was removed */
};

/* Reads a window's record. A window that has admitted nobody has none, and is
 * all zeros. */
mds_status_t mds_window_get(mds_lmdb_t *lmdb, mds_str_t key, mds_error_t *err,
                            mds_window_t *window) MDS_MUST_CHECK;

/* Make a write within a write transaction. *changed is set to true if there is
 * something to commit. */
mds_status_t
mds_window_admit(mds_lmdb_t *lmdb, mds_admission_t *admission, int64_t now_ms,
                 mds_error_t *err, bool *changed) MDS_MUST_CHECK;
mds_status_t
mds_read_marks_merge(mds_lmdb_t *lmdb, const mds_read_mark_t *mark,
                     mds_error_t *err, bool *changed) MDS_MUST_CHECK;
mds_status_t
mds_tally_add(mds_lmdb_t *lmdb, mds_report_t *report, int64_t now_ms,
              mds_error_t *err, bool *changed) MDS_MUST_CHECK;

/* Read and write a tally within a transaction. One that does not exist is all
 * zeros. */
mds_status_t mds_tally_get(mds_lmdb_t *lmdb, mds_str_t release,
                           mds_error_t *err, mds_tally_t *tally) MDS_MUST_CHECK;
void
mds_tally_put(mds_lmdb_t *lmdb, mds_str_t release, const mds_tally_t *tally);

/* Gives the tally the next number, and leaves its old one to the stale ones. */
mds_status_t mds_tally_renumber(mds_lmdb_t *lmdb, mds_tally_t *tally,
                                mds_error_t *err) MDS_MUST_CHECK;

/* Counts a halt, or a resumption, within a transaction. */
void mds_tally_count_halt(mds_lmdb_t *lmdb);

/* Deletes a few reporters of a stale number. */
void mds_tally_step_sweep(mds_lmdb_t *lmdb);

#endif
