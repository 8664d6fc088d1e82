/*
 * How many admissions a statement has. It may take twice as long as a small
 * one, so that a batch is worth its commit, and always 10 ms, but never the
 * whole budget of those that wait.
 */

#include "agent/share_internal.h"

/* Bounds of the time that a statement of several may take. */
#define BATCH_MIN_US 10000
#define BATCH_MAX_US (MDSCTL_SHARE_BUDGET_MS * 1000)

void
mdsctl_share_batch_adapt(mdsctl_share_t *share, size_t count, int64_t took_us)
{
    int64_t limit_us = 2 * share->round_trip_us;

    limit_us = limit_us < BATCH_MIN_US   ? BATCH_MIN_US
               : limit_us > BATCH_MAX_US ? BATCH_MAX_US
                                         : limit_us;

    if (count <= SHARE_BATCH_MIN) {
        mdsctl_share_note_round_trip(share, took_us);
    }

    if (took_us > limit_us && count / 2 < share->batch) {
        share->batch = count / 2;
    } else if (took_us <= limit_us && count >= share->batch) {
        share->batch += share->batch / 2;
    }

    share->batch = share->batch < SHARE_BATCH_MIN   ? SHARE_BATCH_MIN
                   : share->batch > SHARE_BATCH_MAX ? SHARE_BATCH_MAX
                                                    : share->batch;
}
