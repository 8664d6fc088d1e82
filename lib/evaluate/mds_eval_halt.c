/*
 * The limit of a release: whether the reports of devices have halted it is in
 * the state, which is read only for releases that have a limit.
 */

#include <inttypes.h>
#include <stdio.h>

#include "base/mds_time.h"
#include "evaluate/mds_eval.h"
#include "state/mds_tally.h"

static const mds_halt_record_t *
mds_eval_limit(const mds_eval_t *eval, const mds_release_record_t *release)
{
    return mds_record_item(eval->record, MDS_TABLE_HALTS, release->halt);
}

/* Reads the tally; on failure, the evaluation fails. */
static bool
mds_eval_read_tally(mds_eval_t *eval, const mds_release_record_t *release,
                    mds_tally_t *tally)
{
    const mds_halt_record_t *halt = mds_eval_limit(eval, release);
    mds_state_t             *state = eval->snapshot->state;
    mds_error_t              why = { .text = "it cannot be opened" };

    /* Not MDS_DAMAGED: the catalog is not at fault. */
    if (state == NULL || mds_state_begin(state, &why) != MDS_OK
        || mds_state_get_tally(state, mds_record_bytes(eval->record, halt->key),
                               &why, tally)
               != MDS_OK)
    {
        eval->status
            = mds_fail(eval->err, MDS_DENIED,
                       "failed to read the reports of \"%.*s\" from the state:"
                       " %s",
                       MDS_STR(mds_record_bytes(eval->record, release->id)),
                       why.text);
        return false;
    }

    return true;
}

bool
mds_eval_is_halted(mds_eval_t *eval, const mds_release_record_t *release)
{
    mds_tally_t tally;

    return eval->status == MDS_OK && mds_eval_read_tally(eval, release, &tally)
           && tally.halted;
}

static MDS_COLD bool
mds_eval_trace_halt(mds_eval_t *eval, const mds_release_record_t *release,
                    const mds_tally_t *tally)
{
    const mds_halt_t *limit = &mds_eval_limit(eval, release)->limit;
    char              figures[MDS_DETAIL_MAX], time[MDS_TIME_BYTES];
    uint64_t          ends = mds_tally_ends(tally);
    uint64_t          failures = mds_tally_failures(tally);

    snprintf(figures, sizeof(figures), "%" PRIu64 " of %" PRIu64 " failed",
             failures, ends);

    if (tally->halted) {
        return mds_eval_trace(eval, "halt", mds_null_str, mds_str_of(figures),
                              false,
                              "halted at %s, when %" PRIu64 " of %" PRIu64
                              " had failed",
                              mds_time_format(tally->halted_ms, time),
                              tally->halted_failures, tally->halted_ends);
    }

    return mds_eval_trace(eval, "halt", mds_null_str, mds_str_of(figures), true,
                          "must be below %g %% of %" PRIu64 " or more",
                          limit->failure_ppm / (MDS_HALT_PPM_MAX / 100.0),
                          limit->min_reports);
}

bool
mds_eval_halt(mds_eval_t *eval, const mds_release_record_t *release,
              mds_eval_mode_t mode, bool holds)
{
    mds_tally_t tally;

    if ((!holds && eval->trace == NULL) || eval->status != MDS_OK
        || !mds_eval_read_tally(eval, release, &tally))
    {
        return false;
    }

    if (eval->trace != NULL) {
        (void) mds_eval_trace_halt(eval, release, &tally);
    }

    if (!tally.halted) {
        return holds;
    }

    eval->pending = false;

    if (holds && mode == MDS_EVAL_OFFER && eval->halted == NULL) {
        eval->halted = release;
    }

    return false;
}
