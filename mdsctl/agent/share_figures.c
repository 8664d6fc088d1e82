/*
 * The figures of the sharing thread: how long the database takes, what its
 * clock differs, and what went wrong.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/share_internal.h"
#include "base/mds_time.h"

#define SHOW_MS 1000
#define CLOCK_FAR_MS 5000 /* an error of a clock that is worth a line */

void
mdsctl_share_note_round_trip(mdsctl_share_t *share, int64_t us)
{
    /* A quarter of each new time, so that one slow commit is not the measure.
     */
    share->round_trip_us
        = share->round_trip_us == 0 ? us : (3 * share->round_trip_us + us) / 4;

    (void) pthread_mutex_lock(&share->lock);
    share->figures.round_trip_us = share->round_trip_us;
    (void) pthread_mutex_unlock(&share->lock);
}

void
mdsctl_share_note_clock(mdsctl_share_t *share, int64_t database_ms)
{
    int64_t ahead_ms = database_ms - mds_time_now_ms();
    int64_t error_ms = ahead_ms < 0 ? -ahead_ms : ahead_ms;
    bool    is_far = error_ms >= CLOCK_FAR_MS;

    /* Smaller ones are the time of the answer. */
    share->clock_ms = is_far ? ahead_ms : 0;

    if (is_far && !share->clock_told) {
        mdsctl_share_log(share,
                         "the clock here is %" PRId64 " s %s that of the"
                         " database: times are told by the latter",
                         error_ms / 1000, ahead_ms < 0 ? "ahead of" : "behind");
    } else if (!is_far && share->clock_told) {
        mdsctl_share_log(share, "the clock here is right again");
    }

    share->clock_told = is_far;
    (void) pthread_mutex_lock(&share->lock);
    share->figures.clock_error_ms = is_far ? error_ms : 0;
    (void) pthread_mutex_unlock(&share->lock);
}

void
mdsctl_share_note_error(mdsctl_share_t *share, const char *text)
{
    (void) pthread_mutex_lock(&share->lock);
    (void) snprintf(share->figures.error, sizeof(share->figures.error), "%s",
                    text);
    (void) pthread_mutex_unlock(&share->lock);
}

void
mdsctl_share_figures_show(mdsctl_share_t *share, int64_t now_ms)
{
    mdsctl_share_figures_t figures;

    if (share->options.show == NULL || now_ms < share->show_ms) {
        return;
    }

    mdsctl_share_figures(share, &figures);

    if (memcmp(&figures, &share->shown, sizeof(figures)) != 0) {
        share->shown = figures;
        share->show_ms = now_ms + SHOW_MS;
        share->options.show(share->options.data, &figures);
    }
}

void
mdsctl_share_figures(mdsctl_share_t *share, mdsctl_share_figures_t *figures)
{
    (void) pthread_mutex_lock(&share->lock);
    *figures = share->figures;
    (void) pthread_mutex_unlock(&share->lock);
}
