/*
 * Reads what devices have reported of a release, and whether that has halted
 * it. A state that cannot be read is done without.
 */

#include "overview/mds_overview_internal.h"
#include "state/mds_tally.h"

bool
mds_overview_read_tally(mds_overview_reading_t     *reading,
                        const mds_record_t         *record,
                        const mds_release_record_t *from, mds_tally_t *tally)
{
    char      bytes[MDS_APP_MAX + 1 + MDS_RELEASE_ID_MAX];
    mds_str_t resource = mds_record_bytes(record, record->key);
    mds_str_t app = mds_str_cut(&resource, '\0');
    mds_str_t id = mds_record_bytes(record, from->id);
    mds_str_t key = { app.len + 1 + id.len, bytes };

    if (reading->state == NULL || key.len > sizeof(bytes)) {
        return false;
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    memcpy(bytes + app.len + 1, id.data, id.len);

    if (mds_state_begin(reading->state, NULL) != MDS_OK
        || mds_state_get_tally(reading->state, key, NULL, tally) != MDS_OK)
    {
        reading->state = NULL;
        return false;
    }

    return tally->number != 0;
}

void
mds_overview_read_reports(mds_overview_reading_t     *reading,
                          const mds_record_t         *record,
                          const mds_release_record_t *from,
                          mds_overview_release_t *release, bool *ok)
{
    mds_details_t details;
    mds_tally_t   tally;

    if (!mds_overview_read_tally(reading, record, from, &tally)) {
        return;
    }

    release->has_reports = true;
    memcpy(release->reports, tally.events, sizeof(release->reports));

    /* A limit that is gone halts nothing. */
    if (tally.halted && from->halt != MDS_RECORD_NONE) {
        release->halted_ms = tally.halted_ms;
        release->halted_ends = tally.halted_ends;
        release->halted_failures = tally.halted_failures;
    }

    if (mds_state_get_details(reading->state, &tally, NULL, &details) != MDS_OK)
    {
        return;
    }

    for (size_t i = 0; i < details.count && i < MDS_OVERVIEW_DETAILS; i++) {
        release->details[i].text
            = mds_overview_copy(reading->alloc, details.items[i].text, ok);
        release->details[i].count = details.items[i].count;
        release->detail_count = i + 1;
    }
}
