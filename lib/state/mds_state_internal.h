/*
 * mds_state_internal: the tables and types that only the files of the state
 * share.
 */

#ifndef MDS_STATE_INTERNAL_H
#define MDS_STATE_INTERNAL_H

#include "state/mds_fleet.h"
#include "state/mds_read_marks.h"
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

    /* Of the writing thread, within a transaction. */
    mds_fleet_t fleet;
    bool        fleet_changed;
};

/* Reads a window's record. A window that has admitted nobody has none, and is
 * all zeros. */
mds_status_t mds_window_get(mds_lmdb_t *lmdb, mds_str_t key, mds_error_t *err,
                            mds_window_t *window) MDS_MUST_CHECK;

/* Make a write within a write transaction. *changed is set to true if there is
 * something to commit. */
mds_status_t mds_window_admit(mds_lmdb_t *lmdb, mds_admission_t *admission,
                              bool shared, int64_t now_ms, mds_error_t *err,
                              bool *changed) MDS_MUST_CHECK;
mds_status_t
mds_read_marks_merge(mds_lmdb_t *lmdb, const mds_read_mark_t *mark,
                     mds_error_t *err, bool *changed) MDS_MUST_CHECK;
mds_status_t
mds_tally_add(mds_lmdb_t *lmdb, mds_report_t *report, int64_t now_ms,
              mds_error_t *err, bool *changed) MDS_MUST_CHECK;

/* Apply an entry of the feed to windows and tallies. */
mds_status_t
mds_window_apply_admission(mds_lmdb_t                  *lmdb,
                           const mds_entry_admission_t *admission,
                           mds_error_t *err, bool *changed) MDS_MUST_CHECK;
mds_status_t
mds_window_apply_full(mds_lmdb_t *lmdb, const mds_entry_window_full_t *full,
                      mds_error_t *err, bool *changed) MDS_MUST_CHECK;
mds_status_t
mds_tally_apply_halt(mds_lmdb_t *lmdb, const mds_entry_halt_t *halt,
                     mds_error_t *err, bool *changed) MDS_MUST_CHECK;
mds_status_t
mds_tally_apply_resume(mds_lmdb_t *lmdb, const mds_entry_resume_t *resume,
                       mds_error_t *err, bool *changed) MDS_MUST_CHECK;

/* Load and save what the state remembers of the fleet, at the beginning and at
 * the end of a write transaction. */
mds_status_t
     mds_fleet_load(mds_state_t *state, mds_error_t *err) MDS_MUST_CHECK;
void mds_fleet_save(mds_state_t *state);

/* Make a write of the fleet within a write transaction. */
mds_status_t
mds_fleet_join(mds_state_t *state, const uint8_t id[MDS_FLEET_BYTES],
               mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_feed_apply(mds_state_t *state, const mds_feed_entry_t *entry,
                            mds_error_t *err, bool *changed) MDS_MUST_CHECK;

/* Add to the outbox of an edge that shares, or drop for want of room. */
mds_status_t mds_outbox_add(mds_state_t *state, mds_entry_type_t type,
                            mds_str_t bytes, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mds_outbox_add_mark(mds_state_t *state, const mds_read_mark_t *mark,
                    mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mds_outbox_add_report(mds_state_t *state, const mds_report_t *report,
                      int64_t now_ms, mds_error_t *err) MDS_MUST_CHECK;

/* Deletes up to MDS_OUTBOX_STEP entries through the number. *more: there may be
 * others. */
mds_status_t mds_outbox_delete(mds_state_t *state, uint64_t through,
                               mds_error_t *err, bool *more) MDS_MUST_CHECK;

/* Adds a name to forget, as the entry of that number has it. */
mds_status_t mds_forget_add(mds_lmdb_t *lmdb, uint64_t number, mds_str_t bytes,
                            mds_error_t *err, bool *changed) MDS_MUST_CHECK;

/* Deletes up to MDS_FORGET_STEP names through the number. *more: there may be
 * others. */
mds_status_t mds_forget_delete(mds_state_t *state, uint64_t through,
                               mds_error_t *err, bool *more) MDS_MUST_CHECK;

/* Sorts runs, joins those that touch, and cuts them to ids above the floor.
 * Returns how many are left. */
size_t mds_runs_tidy(mds_run_t *runs, size_t count, uint64_t floor);

/* Read and write a tally within a transaction. One that does not exist is all
 * zeros. */
mds_status_t mds_tally_get(mds_lmdb_t *lmdb, mds_str_t release,
                           mds_error_t *err, mds_tally_t *tally) MDS_MUST_CHECK;
void
mds_tally_put(mds_lmdb_t *lmdb, mds_str_t release, const mds_tally_t *tally);

/* The outbox's keys in the table of stale numbers begin with this number. */
#define MDS_OUTBOX_PREFIX UINT32_MAX
#define MDS_OUTBOX_KEY_BYTES 12
#define MDS_OUTBOX_STEP 1024 /* entries that one transaction deletes */
#define MDS_FORGET_STEP 256  /* names that one transaction deletes */

/* Gives the tally the next number, and leaves its old one to the stale ones. */
mds_status_t mds_tally_renumber(mds_lmdb_t *lmdb, mds_tally_t *tally,
                                mds_error_t *err) MDS_MUST_CHECK;

/* Counts a halt, or a resumption, within a transaction. */
void mds_tally_count_halt(mds_lmdb_t *lmdb);

/* Deletes a few reporters of a stale number. */
void mds_tally_step_sweep(mds_lmdb_t *lmdb);

#endif
