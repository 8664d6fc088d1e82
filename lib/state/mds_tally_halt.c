/*
 * Halts and resumes releases: by a command, or as the feed of a fleet says.
 * What halts by reports is in mds_tally.c.
 */

#include "state/mds_state_internal.h"
#include "state/mds_tally.h"

/* Ends the halt of a release and counts its reports anew. */
static mds_status_t
mds_tally_resume(mds_lmdb_t *lmdb, mds_str_t release, mds_tally_t *tally,
                 int64_t now_ms, mds_error_t *err)
{
    mds_status_t status;

    memset(tally->events, 0, sizeof(tally->events));
    memset(tally->ends, 0, sizeof(tally->ends));
    tally->halted = false;
    tally->resumed_ms = now_ms;
    status = mds_tally_renumber(lmdb, tally, err);

    if (status == MDS_OK) {
        mds_tally_put(lmdb, release, tally);
        mds_tally_count_halt(lmdb);
    }

    return status;
}

mds_status_t
mds_state_resume(mds_state_t *state, mds_str_t release, int64_t now_ms,
                 mds_error_t *err, bool *halted)
{
    mds_lmdb_t  *lmdb = state->env.writer;
    mds_tally_t  tally;
    mds_status_t status = mds_state_env_write(&state->env, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_tally_get(lmdb, release, err, &tally);

    if (status != MDS_OK || !tally.halted) {
        mds_lmdb_abort(lmdb);
        *halted = status == MDS_OK ? false : *halted;
        return status;
    }

    status = mds_tally_resume(lmdb, release, &tally, now_ms, err);

    if (status != MDS_OK) {
        mds_lmdb_abort(lmdb);
        return status;
    }

    status = mds_lmdb_commit(lmdb, err);

    if (status == MDS_OK) {
        *halted = true;
    }

    return status;
}

mds_status_t
mds_tally_apply_halt(mds_lmdb_t *lmdb, const mds_entry_halt_t *halt,
                     mds_error_t *err, bool *changed)
{
    mds_tally_t  tally;
    mds_status_t status = mds_tally_get(lmdb, halt->release, err, &tally);

    if (status != MDS_OK || (tally.halted && tally.halted_ms == halt->when_ms))
    {
        return status;
    }

    mds_tally_count_halt(lmdb);
    tally.halted = true;
    tally.halted_ms = halt->when_ms;
    tally.halted_ends = halt->ends;
    tally.halted_failures = halt->failures;
    mds_tally_put(lmdb, halt->release, &tally);
    *changed = true;

    return MDS_OK;
}

/* Applies also to a release that is not halted here, unless it is the latest
 * one: the fleet counts its reports anew. No clocks are compared, so that a
 * feed that is applied again from its beginning ends as it did. */
mds_status_t
mds_tally_apply_resume(mds_lmdb_t *lmdb, const mds_entry_resume_t *resume,
                       mds_error_t *err, bool *changed)
{
    mds_tally_t  tally;
    mds_status_t status = mds_tally_get(lmdb, resume->release, err, &tally);

    if (status != MDS_OK
        || (!tally.halted && tally.resumed_ms == resume->when_ms)) {
        return status;
    }

    *changed = true;
    return mds_tally_resume(lmdb, resume->release, &tally, resume->when_ms,
                            err);
}
