/*
 * Reads a depot for the overview: each release of the catalog is found again
 * among the series of decisions, and each file that its manifests name among
 * the series of files.
 */

#define _GNU_SOURCE /* memmem() */

#include "overview/mds_overview.h"

#include <stdio.h>
#include <string.h>

#include "base/mds_digest.h"
#include "base/mds_kind.h"
#include "state/mds_window.h"

/* The releases, and the series of files, by hash. */
typedef struct {
    uint32_t *places; /* number plus 1; 0: free */
    uint32_t  mask;
} mds_overview_index_t;

typedef struct {
    const mds_overview_t *overview;
    mds_overview_depot_t *depot;
    mds_state_t          *state;
    const mds_alloc_t    *alloc;
    mds_error_t          *err;
    size_t                releases_max; /* of the array */
    mds_overview_index_t  releases;
    mds_overview_index_t  files;
    mds_str_t             number; /* the depot's, as a series has it */
} mds_overview_reading_t;

static bool
mds_index_init(mds_overview_index_t *index, size_t count,
               const mds_alloc_t *alloc)
{
    size_t bytes;

    index->mask = 1;
    while (index->mask < 2 * count) {
        index->mask = index->mask * 2 + 1;
    }

    bytes = ((size_t) index->mask + 1) * sizeof(*index->places);
    index->places = alloc->alloc(alloc->data, bytes);

    if (index->places != NULL) {
        memset(index->places, 0, bytes);
    }

    return index->places != NULL;
}

/* Hashes texts (FNV-1a); it has to tell them apart within this file only. */
static uint32_t
mds_hash_texts(const mds_str_t *texts, size_t count)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < texts[i].len; k++) {
            hash
                = (hash ^ (uint8_t) texts[i].data[k]) * UINT64_C(0x100000001b3);
        }

        hash = hash * UINT64_C(0x100000001b3);
    }

    return (uint32_t) (hash ^ hash >> 32);
}

/* Copies a text; *ok is false if memory has run out. */
static mds_str_t
mds_copy_text(const mds_alloc_t *alloc, mds_str_t text, bool *ok)
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

static void
mds_release_texts(const mds_overview_release_t *release, mds_str_t texts[4])
{
    texts[0] = release->app;
    texts[1] = release->kind;
    texts[2] = release->name;
    texts[3] = release->id;
}

static void
mds_index_release(mds_overview_reading_t *reading, size_t number)
{
    mds_overview_index_t *index = &reading->releases;
    mds_str_t             texts[4];
    uint32_t              i;

    mds_release_texts(&reading->depot->releases[number], texts);
    i = mds_hash_texts(texts, 4) & index->mask;

    while (index->places[i] != 0) {
        i = (i + 1) & index->mask;
    }

    index->places[i] = (uint32_t) number + 1;
}

static mds_overview_release_t *
mds_find_release(const mds_overview_reading_t *reading, const mds_str_t *texts)
{
    const mds_overview_index_t *index = &reading->releases;
    uint32_t                    i = mds_hash_texts(texts, 4) & index->mask;

    for (; index->places[i] != 0; i = (i + 1) & index->mask) {
        mds_overview_release_t *release
            = &reading->depot->releases[index->places[i] - 1];

        if (mds_str_eq(release->app, texts[0])
            && mds_str_eq(release->kind, texts[1])
            && mds_str_eq(release->name, texts[2])
            && mds_str_eq(release->id, texts[3]))
        {
            return release;
        }
    }

    return NULL;
}

static void
mds_index_files(mds_overview_reading_t *reading)
{
    const mds_totals_t   *totals = &reading->overview->totals;
    mds_overview_index_t *index = &reading->files;

    for (size_t n = 0; n < totals->count; n++) {
        const mds_total_t *total = &totals->series[n];
        uint32_t           i;

        if (total->type != MDS_SERIES_FILE
            || !mds_str_eq(total->fields[0], reading->number))
        {
            continue;
        }

        i = mds_hash_texts(&total->fields[1], 1) & index->mask;
        while (index->places[i] != 0) {
            i = (i + 1) & index->mask;
        }

        index->places[i] = (uint32_t) n + 1;
    }
}

static const mds_total_t *
mds_find_file(const mds_overview_reading_t *reading, mds_str_t hex)
{
    const mds_total_t          *series = reading->overview->totals.series;
    const mds_overview_index_t *index = &reading->files;
    uint32_t                    i = mds_hash_texts(&hex, 1) & index->mask;

    for (; index->places[i] != 0; i = (i + 1) & index->mask) {
        const mds_total_t *total = &series[index->places[i] - 1];

        if (mds_str_eq(total->fields[1], hex)) {
            return total;
        }
    }

    return NULL;
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

    return mds_find_file(reading,
                         (mds_str_t){ MDS_SHA256_HEX, p + member.len });
}

/* Adds the downloads of the files of a release's offers, each file once for an
 * offer: offers of different builds have different files. */
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
                   const mds_record_t *record, mds_range_t platforms, bool *ok)
{
    mds_writer_t writer = { .alloc = reading->alloc };

    for (uint32_t i = 0; i < platforms.count && i < 16; i++) {
        mds_writer_words(&writer, i > 0 ? ", " : "");
        mds_writer_add(&writer, mds_record_text(record, platforms.first + i));
    }

    *ok = *ok && !writer.failed;

    return mds_writer_str(&writer);
}

static mds_str_t
mds_read_audience(const mds_overview_reading_t *reading,
                  const mds_record_t *record, const mds_release_record_t *from,
                  mds_writer_t *shared, bool *ok)
{
    shared->len = 0;
    mds_overview_write_audience(record, from, reading->overview->now_ms,
                                shared);
    *ok = *ok && !shared->failed;

    return mds_copy_text(reading->alloc, mds_writer_str(shared), ok);
}

static mds_status_t
mds_read_release(mds_overview_reading_t *reading, const mds_record_t *record,
                 const mds_release_record_t *from, const mds_str_t names[3],
                 mds_writer_t *shared)
{
    mds_overview_depot_t   *depot = reading->depot;
    mds_overview_release_t *release = &depot->releases[depot->release_count];
    bool                    ok = true;

    *release = (mds_overview_release_t){
        .app = names[0],
        .kind = names[1],
        .name = names[2],
        .id = mds_copy_text(reading->alloc, mds_record_bytes(record, from->id),
                            &ok),
        .version = mds_copy_text(reading->alloc,
                                 mds_record_bytes(record, from->version), &ok),
        .platforms
        = from->platforms.count == 0
              ? mds_null_str
              : mds_read_platforms(reading, record, from->platforms, &ok),
        .audience = mds_read_audience(reading, record, from, shared, &ok),
        .state = (mds_release_state_t) from->state,
        .start_ms = from->start_ms,
        .end_ms = from->end_ms,
    };

    if (!ok) {
        return mds_fail_memory(reading->err);
    }

    mds_read_window(reading, record, from, release);
    mds_read_downloads(reading, record, from->offers, release);
    mds_index_release(reading, depot->release_count++);

    return MDS_OK;
}

static mds_status_t
mds_read_record(mds_overview_reading_t *reading, const mds_record_t *record,
                mds_writer_t *shared)
{
    uint32_t     count = record->tables[MDS_TABLE_RELEASES].count;
    mds_str_t    key = mds_record_bytes(record, record->key);
    bool         ok = true;
    mds_str_t    names[3];
    mds_status_t status = MDS_OK;

    names[0] = mds_str_cut(&key, '\0');
    names[1] = mds_str_cut(&key, '\0');
    names[2] = key;

    if (mds_kind_has(names[1], MDS_KIND_IS_CONFIG)) {
        reading->depot->setting_count += count;
        return MDS_OK;
    }

    for (int i = 0; i < 3; i++) {
        names[i] = mds_copy_text(reading->alloc, names[i], &ok);
    }

    if (!ok) {
        return mds_fail_memory(reading->err);
    }

    for (uint32_t i = 0; status == MDS_OK && i < count; i++) {
        if (reading->depot->release_count == reading->releases_max) {
            reading->depot->omitted++;
            continue;
        }

        status
            = mds_read_release(reading, record,
                               mds_record_item(record, MDS_TABLE_RELEASES, i),
                               names, shared);
    }

    return status;
}

/* Adds what was decided to the releases. */
static void
mds_read_decisions(const mds_overview_reading_t *reading)
{
    const mds_totals_t *totals = &reading->overview->totals;

    for (size_t i = 0; i < totals->count; i++) {
        const mds_total_t      *total = &totals->series[i];
        mds_overview_release_t *release;

        if (total->type != MDS_SERIES_DECISION
            || !mds_str_eq(total->fields[0], reading->number))
        {
            continue;
        }

        release = mds_find_release(reading, &total->fields[1]);

        if (release == NULL) {
            continue;
        }

        if (mds_str_eq(total->fields[5], mds_str("install"))) {
            release->installs += total->values[0];
        } else if (mds_str_eq(total->fields[5], mds_str("rollback"))) {
            release->rollbacks += total->values[0];
        } else if (mds_str_eq(total->fields[6], mds_str("current"))) {
            release->current += total->values[0];
        }
    }
}

/* Reads the last day of the releases that somebody was told to install. */
static mds_status_t
mds_read_histories(const mds_overview_reading_t *reading)
{
    mds_overview_depot_t *depot = reading->depot;
    mds_str_t             fields[5] = { reading->number };

    for (size_t i = 0; i < depot->release_count; i++) {
        mds_overview_release_t *release = &depot->releases[i];
        uint32_t               *points;

        if (release->installs == 0) {
            continue;
        }

        points = reading->alloc->alloc(reading->alloc->data,
                                       MDS_HISTORY_POINTS * sizeof(*points));
        if (points == NULL) {
            return mds_fail_memory(reading->err);
        }

        mds_release_texts(release, &fields[1]);

        if (mds_history_get_release(reading->overview->zone, fields, points)) {
            release->installs_by_time = points;
        }
    }

    return MDS_OK;
}

static mds_status_t
mds_read_records(mds_overview_reading_t *reading, mds_catalog_t *catalog)
{
    mds_writer_t         shared = { .alloc = reading->alloc };
    mds_catalog_cursor_t cursor;
    mds_status_t         status = MDS_OK;
    mds_str_t            key, value;

    mds_catalog_walk(catalog, MDS_CATALOG_RESOURCES, MDS_LAYERS_MAX,
                     mds_null_str, &cursor);

    while (status == MDS_OK && mds_catalog_next(&cursor, &key, &value)) {
        status = mds_read_record(reading, (const void *) value.data, &shared);
    }

    mds_catalog_walk_end(&cursor);

    return status == MDS_OK ? mds_catalog_status(catalog, reading->err)
                            : status;
}

/* Counts the releases of the catalog, to make room for them. */
static size_t
mds_count_releases(mds_catalog_t *catalog)
{
    mds_catalog_cursor_t cursor;
    size_t               count = 0;
    mds_str_t            key, value;

    mds_catalog_walk(catalog, MDS_CATALOG_RESOURCES, MDS_LAYERS_MAX,
                     mds_null_str, &cursor);

    while (mds_catalog_next(&cursor, &key, &value)) {
        const mds_record_t *record = (const void *) value.data;

        count += record->tables[MDS_TABLE_RELEASES].count;
    }

    mds_catalog_walk_end(&cursor);

    return count < MDS_OVERVIEW_RELEASES_MAX ? count
                                             : MDS_OVERVIEW_RELEASES_MAX;
}

mds_status_t
mds_overview_read_depot(const mds_overview_t *overview, mds_catalog_t *catalog,
                        mds_state_t *state, const mds_alloc_t *alloc,
                        mds_error_t *err, mds_overview_depot_t *depot)
{
    char                   number[16];
    mds_overview_reading_t reading = { .overview = overview,
                                       .depot = depot,
                                       .state = state,
                                       .alloc = alloc,
                                       .err = err };
    mds_status_t           status;

    reading.number = (mds_str_t){
        (size_t) snprintf(number, sizeof(number), "%u", depot->number), number
    };
    reading.releases_max = mds_count_releases(catalog);
    depot->releases = alloc->alloc(alloc->data, (reading.releases_max + 1)
                                                    * sizeof(*depot->releases));

    if (depot->releases == NULL
        || !mds_index_init(&reading.releases, reading.releases_max, alloc)
        || !mds_index_init(&reading.files, overview->totals.count, alloc))
    {
        return mds_fail_memory(err);
    }

    depot->open = true;
    depot->serial = mds_catalog_serial(catalog);
    depot->created_ms = mds_catalog_chain(catalog)->layers[0]->meta.created_ms;
    mds_index_files(&reading);

    status = mds_read_records(&reading, catalog);

    if (status == MDS_OK && overview->zone != NULL) {
        mds_read_decisions(&reading);
        status = mds_read_histories(&reading);
    }

    if (status == MDS_OK && reading.state != NULL) {
        depot->has_state = true;
        depot->state_bytes = mds_state_bytes(state);
    }

    return status;
}

uint64_t
mds_overview_depot_value(const mds_overview_t       *overview,
                         const mds_overview_depot_t *depot, unsigned value)
{
    char      text[16];
    mds_str_t number
        = { (size_t) snprintf(text, sizeof(text), "%u", depot->number), text };

    for (size_t i = 0; i < overview->totals.count; i++) {
        const mds_total_t *total = &overview->totals.series[i];

        if (total->type == MDS_SERIES_DEPOT
            && mds_str_eq(total->fields[0], number)) {
            return total->values[value];
        }
    }

    return 0;
}

uint64_t
mds_overview_quantile(const mds_histogram_t *histogram, double fraction)
{
    uint64_t count = 0, seen = 0;

    for (int i = 0; i < MDS_HISTOGRAM_BUCKETS; i++) {
        count += histogram->buckets[i];
    }

    for (int i = 0; i < MDS_HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->buckets[i];

        if (count > 0 && (double) seen >= fraction * (double) count) {
            return mds_histogram_bounds_ns[i];
        }
    }

    return count > 0 ? UINT64_MAX : 0;
}
