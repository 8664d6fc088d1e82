/*
 * Looks for the times that the releases and messages of a resource name.
 */

#include "evaluate/mds_next_change.h"

/* Lets the time count, if it is still to come and before the others. */
static void
mds_next_consider(int64_t *next_ms, int64_t time_ms, int64_t now_ms)
{
    if (time_ms > now_ms && time_ms < *next_ms) {
        *next_ms = time_ms;
    }
}

/* Considers the times of a release that is running. */
static void
mds_next_of_release(const mds_release_record_t *release, int64_t now_ms,
                    int64_t *next_ms)
{
    mds_next_consider(next_ms, release->start_ms, now_ms);
    mds_next_consider(next_ms, release->end_ms, now_ms);

    if (release->flags & MDS_AUDIENCE_WINDOW) {
        mds_next_consider(next_ms, release->audience.window_until_ms, now_ms);
    }

    if (!(release->flags & MDS_AUDIENCE_RAMP)) {
        return;
    }

    mds_next_consider(next_ms, release->audience.ramp_start_ms, now_ms);
    mds_next_consider(next_ms, release->audience.ramp_end_ms, now_ms);

    if (now_ms >= release->audience.ramp_start_ms
        && now_ms < release->audience.ramp_end_ms)
    {
        mds_next_consider(next_ms, now_ms + MDS_RAMP_STEP_MS, now_ms);
    }
}

int64_t
mds_next_change_ms(const mds_snapshot_t *snapshot, mds_str_t app,
                   mds_str_t kind, mds_str_t name, int64_t now_ms)
{
    const mds_record_t *record;
    int64_t             next_ms = INT64_MAX;
    mds_error_t         err;

    if (mds_catalog_resource(snapshot->catalog, app, kind, name, &err, &record)
        != MDS_OK)
    {
        return next_ms;
    }

    for (uint32_t i = 0; i < record->tables[MDS_TABLE_RELEASES].count; i++) {
        const mds_release_record_t *release
            = mds_record_item(record, MDS_TABLE_RELEASES, i);

        if (release->state == MDS_RELEASE_RUNNING) {
            mds_next_of_release(release, now_ms, &next_ms);
        }
    }

    for (uint32_t i = 0; i < record->tables[MDS_TABLE_MESSAGES].count; i++) {
        const mds_message_record_t *message
            = mds_record_item(record, MDS_TABLE_MESSAGES, i);

        mds_next_consider(&next_ms, message->expires_ms, now_ms);
    }

    return next_ms;
}
