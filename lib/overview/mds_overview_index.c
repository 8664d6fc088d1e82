/*
 * The releases of a depot by what their series are named, and the series of
 * files by digest.
 */

#include "overview/mds_overview_internal.h"

#include <string.h>

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

static uint32_t
mds_index_hash(const mds_str_t *texts, size_t count)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < count; i++) {
        hash = mds_counters_hash(hash, texts[i]);
    }

    return (uint32_t) hash;
}

void
mds_overview_release_texts(const mds_overview_release_t *release,
                           mds_str_t                     texts[4])
{
    texts[0] = release->app;
    texts[1] = release->kind;
    texts[2] = release->name;
    texts[3] = release->id;
}

void
mds_overview_index_release(mds_overview_reading_t *reading, size_t number)
{
    mds_overview_index_t *index = &reading->releases;
    mds_str_t             texts[4];
    uint32_t              i;

    mds_overview_release_texts(&reading->depot->releases[number], texts);
    i = mds_index_hash(texts, 4) & index->mask;

    while (index->places[i] != 0) {
        i = (i + 1) & index->mask;
    }

    index->places[i] = (uint32_t) number + 1;
}

mds_overview_release_t *
mds_overview_find_release(const mds_overview_reading_t *reading,
                          const mds_str_t              *texts)
{
    const mds_overview_index_t *index = &reading->releases;
    uint32_t                    i = mds_index_hash(texts, 4) & index->mask;

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

    if (reading->overview->state_only
        || !mds_overview_is_counted(reading->overview, reading->depot))
    {
        return;
    }

    for (size_t n = 0; n < totals->count; n++) {
        const mds_total_t *total = &totals->series[n];
        uint32_t           i;

        if (total->type != MDS_SERIES_FILE
            || !mds_str_eq(total->fields[0], reading->number))
        {
            continue;
        }

        i = mds_index_hash(&total->fields[1], 1) & index->mask;
        while (index->places[i] != 0) {
            i = (i + 1) & index->mask;
        }

        index->places[i] = (uint32_t) n + 1;
    }
}

const mds_total_t *
mds_overview_take_file(const mds_overview_reading_t *reading, mds_str_t hex)
{
    const mds_total_t          *series = reading->overview->totals.series;
    const mds_overview_index_t *index = &reading->files;
    uint32_t                    i = mds_index_hash(&hex, 1) & index->mask;

    for (; index->places[i] != 0; i = (i + 1) & index->mask) {
        const mds_total_t *total = &series[index->places[i] - 1];

        if (mds_str_eq(total->fields[1], hex)) {
            uint32_t *reader = &reading->readers[index->places[i] - 1];
            uint32_t  number = (uint32_t) reading->depot->release_count + 1;

            if (*reader == number) {
                return NULL;
            }

            *reader = number;
            return total;
        }
    }

    return NULL;
}

bool
mds_overview_index_init(mds_overview_reading_t *reading)
{
    size_t bytes
        = (reading->overview->totals.count + 1) * sizeof(*reading->readers);

    reading->readers = reading->alloc->alloc(reading->alloc->data, bytes);
    if (reading->readers == NULL) {
        return false;
    }

    memset(reading->readers, 0, bytes);

    if (!mds_index_init(&reading->releases, reading->releases_max,
                        reading->alloc)
        || !mds_index_init(&reading->files, reading->overview->totals.count,
                           reading->alloc))
    {
        return false;
    }

    mds_index_files(reading);

    return true;
}
