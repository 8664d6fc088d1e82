/*
 * Reads a release of the catalog, its window, and the downloads of the files
 * that its manifests name.
 */

#define _GNU_SOURCE /* memmem() */

#include "overview/mds_overview_internal.h"

#include <string.h>

#include "base/mds_digest.h"
#include "state/mds_window.h"

mds_str_t
mds_overview_copy(const mds_alloc_t *alloc, mds_str_t text, bool *ok)
{
    char *copy;

    if (text.len == 0) {
        return mds_null_str;
    }

    copy = alloc->alloc(alloc->data, text.len);
    if (copy == NULL) {
        *ok = false;
        return mds_null_str;
    }

    memcpy(copy, text.data, text.len);
    return (mds_str_t){ text.len, copy };
}

/* Returns the counts of the file that the manifest names as "full" or "delta";
 * NULL: none. A manifest is JSON without spaces. */
static const mds_total_t *
mds_find_manifest_file(const mds_overview_reading_t *reading,
                       mds_str_t manifest, mds_str_t member)
{
    const char *p
        = memmem(manifest.data, manifest.len, member.data, member.len);
    const char *end = manifest.data + manifest.len;

    if (p == NULL || (size_t) (end - p) < member.len + MDS_SHA256_HEX) {
        return NULL;
    }

    return mds_overview_take_file(reading, (mds_str_t){ MDS_SHA256_HEX,
                                                        p + member.len });
}

/* Adds the downloads of the files of a release's offers, each file once:
 * several builds may have the same one. */
static void
mds_read_downloads(const mds_overview_reading_t *reading,
                   const mds_record_t *record, mds_range_t offers,
                   mds_overview_release_t *release)
{
    const mds_total_t *total;

    for (uint32_t i = 0; i < offers.count; i++) {
        const mds_offer_t *offer
            = mds_record_item(record, MDS_TABLE_OFFERS, offers.first + i);

        total = mds_find_manifest_file(reading,
                                       mds_record_bytes(record,
                                                        offer->answer.manifest),
                                       mds_str("\"full\":{\"path\":\"files/"));
        if (total != NULL) {
            release->full_downloads += total->values[1];
            release->download_bytes += total->values[0];
        }

        for (uint32_t d = 0; d < offer->deltas.count; d++) {
            const mds_delta_record_t *delta
                = mds_record_item(record, MDS_TABLE_DELTAS,
                                  offer->deltas.first + d);

            total = mds_find_manifest_file(
                reading, mds_record_bytes(record, delta->answer.manifest),
                mds_str("\"delta\":{\"path\":\"files/"));
            if (total != NULL) {
                release->delta_downloads += total->values[1];
                release->download_bytes += total->values[0];
            }
        }
    }
}

/* Reads a window. A state that cannot be read is done without. */
static void
mds_read_window(mds_overview_reading_t *reading, const mds_record_t *record,
                const mds_release_record_t *from,
                mds_overview_release_t     *release)
{
    mds_window_t window;

    if ((from->flags & MDS_AUDIENCE_WINDOW) == 0 || reading->state == NULL) {
        return;
    }

    if (mds_state_begin(reading->state, NULL) != MDS_OK
        || mds_state_get_window(reading->state,
                                mds_record_bytes(record, from->audience.window),
                                NULL, &window)
               != MDS_OK)
    {
        reading->state = NULL;
        return;
    }

    release->has_window = true;
    release->admitted = window.count;
    release->window_count = from->audience.window_count;
    release->window_until_ms = from->audience.window_until_ms;
}

static mds_str_t
mds_read_platforms(const mds_overview_reading_t *reading,
                   const mds_record_t *record, mds_range_t platforms,
                   mds_writer_t *shared, bool *ok)
{
    shared->len = 0;

    for (uint32_t i = 0; i < platforms.count && i < 16; i++) {
        mds_writer_words(shared, i > 0 ? ", " : "");
        mds_writer_add(shared, mds_record_text(record, platforms.first + i));
    }

    *ok = *ok && !shared->failed;

    return mds_overview_copy(reading->alloc, mds_writer_str(shared), ok);
}

static mds_str_t
mds_read_audience(const mds_overview_reading_t *reading,
                  const mds_record_t *record, const mds_release_record_t *from,
                  mds_writer_t *shared, bool *ok)
{
    shared->len = 0;
    mds_overview_write_audience(record, from, shared);
    *ok = *ok && !shared->failed;

    return mds_overview_copy(reading->alloc, mds_writer_str(shared), ok);
}

mds_status_t
mds_overview_read_release(mds_overview_reading_t     *reading,
                          const mds_record_t         *record,
                          const mds_release_record_t *from,
                          const mds_str_t names[3], mds_writer_t *shared)
{
    mds_overview_depot_t   *depot = reading->depot;
    mds_overview_release_t *release = &depot->releases[depot->release_count];
    bool                    ok = true;

    *release = (mds_overview_release_t){
        .app = names[0],
        .kind = names[1],
        .name = names[2],
        .id = mds_overview_copy(reading->alloc,
                                mds_record_bytes(record, from->id), &ok),
        .version
        = mds_overview_copy(reading->alloc,
                            mds_record_bytes(record, from->version), &ok),
        .platforms
        = mds_read_platforms(reading, record, from->platforms, shared, &ok),
        .audience = mds_read_audience(reading, record, from, shared, &ok),
        .state = (mds_release_state_t) from->state,
        .start_ms = from->start_ms,
        .end_ms = from->end_ms,
    };

    mds_overview_read_reports(reading, record, from, release, &ok);

    if (!ok) {
        return mds_fail_memory(reading->err);
    }

    mds_read_window(reading, record, from, release);
    mds_read_downloads(reading, record, from->offers, release);
    mds_overview_index_release(reading, depot->release_count++);

    return MDS_OK;
}
