/* mds_device_merge: merges sources. There are few, so the least is found by a
 * look at each. */

#include "registry/mds_device_merge.h"

#include <stdlib.h>

/* Limits the sources of one merge. The upkeep leaves fewer runs; a folder that
 * has more was not written by it. */
#define MDS_MERGE_SOURCES_MAX 512

/* Describes a source: one run, or the logs. */
typedef struct {
    const mds_device_part_t *parts; /* NULL: the source is the logs */
    size_t                   count;
    size_t                   part; /* that the cursor reads */
    const mds_device_logs_t *logs;
    size_t                   entry;  /* the next one */
    mds_device_cursor_t     *cursor; /* NULL: the logs have none */
    mds_device_copy_t       *copy;   /* the current device */
    uint64_t                 hash;
    bool                     done;
    bool                     taken; /* by the last item */
} mds_merge_source_t;

struct mds_device_merge_s {
    int64_t             now_ms;
    bool                begun;
    size_t              count;
    mds_merge_source_t *sources[MDS_MERGE_SOURCES_MAX];
};

mds_status_t
mds_device_merge_new(int64_t now_ms, mds_error_t *err,
                     mds_device_merge_t **merge)
{
    mds_device_merge_t *created = calloc(1, sizeof(*created));

    if (created == NULL) {
        return mds_fail_memory(err);
    }

    created->now_ms = now_ms;
    *merge = created;
    return MDS_OK;
}

static void
mds_source_free(mds_merge_source_t *source)
{
    if (source != NULL) {
        if (source->cursor == NULL) {
            free(source->copy);
        }

        free(source->cursor);
        free(source);
    }
}

void
mds_device_merge_free(mds_device_merge_t *merge)
{
    if (merge == NULL) {
        return;
    }

    for (size_t i = 0; i < merge->count; i++) {
        mds_source_free(merge->sources[i]);
    }

    free(merge);
}

static mds_status_t
mds_merge_add(mds_device_merge_t *merge, const mds_device_part_t *parts,
              size_t count, const mds_device_logs_t *logs, mds_error_t *err)
{
    mds_merge_source_t *source;

    if (merge->count == MDS_MERGE_SOURCES_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "\"state/devices\" must have at most %d runs",
                        MDS_MERGE_SOURCES_MAX);
    }

    source = calloc(1, sizeof(*source));

    if (source != NULL) {
        source->parts = parts;
        source->count = count;
        source->logs = logs;

        if (parts != NULL) {
            source->cursor = malloc(sizeof(*source->cursor));
            source->copy
                = source->cursor == NULL ? NULL : &source->cursor->copy;
        } else {
            source->copy = malloc(sizeof(*source->copy));
        }
    }

    if (source == NULL || source->copy == NULL) {
        mds_source_free(source);
        return mds_fail_memory(err);
    }

    merge->sources[merge->count++] = source;
    return MDS_OK;
}

mds_status_t
mds_device_merge_add_parts(mds_device_merge_t      *merge,
                           const mds_device_part_t *parts, size_t count,
                           mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0, n; status == MDS_OK && i < count; i += n) {
        for (n = 1;
             i + n < count && parts[i + n].file.level == parts[i].file.level
             && parts[i + n].file.serial == parts[i].file.serial;
             n++)
        {
        }

        status = mds_merge_add(merge, &parts[i], n, NULL, err);
    }

    return status;
}

mds_status_t
mds_device_merge_add_logs(mds_device_merge_t      *merge,
                          const mds_device_logs_t *logs, mds_error_t *err)
{
    return mds_merge_add(merge, NULL, 0, logs, err);
}

/* Steps to the next device of the logs. Each device is returned once: the last
 * of its entries is the newest. */
static void
mds_source_next_entry(mds_merge_source_t *source)
{
    const mds_device_logs_t  *logs = source->logs;
    const mds_device_entry_t *entry;
    mds_device_copy_t         next;

    if (source->entry == logs->count) {
        source->done = true;
        return;
    }

    entry = &logs->entries[source->entry++];
    mds_device_logs_get(logs, entry, source->copy);
    source->hash = entry->hash;

    for (; source->entry < logs->count; source->entry++) {
        entry = &logs->entries[source->entry];

        if (entry->hash != source->hash) {
            break;
        }

        mds_device_logs_get(logs, entry, &next);

        if (mds_device_cmp(&next.device, &source->copy->device) != 0) {
            break;
        }

        mds_device_logs_get(logs, entry, source->copy);
    }
}

static mds_status_t
mds_source_next_record(mds_merge_source_t *source, mds_error_t *err)
{
    mds_status_t status = mds_device_cursor_next(source->cursor, err);

    while (status == MDS_NOT_FOUND && source->part + 1 < source->count) {
        mds_device_run_unload(source->parts[source->part++].run);
        status
            = mds_device_cursor_begin(source->cursor,
                                      source->parts[source->part].run, 0, err);

        if (status == MDS_OK) {
            status = mds_device_cursor_next(source->cursor, err);
        }
    }

    source->done = status == MDS_NOT_FOUND;
    source->hash = source->cursor->hash;

    return source->done ? MDS_OK : status;
}

static mds_status_t
mds_source_next(mds_merge_source_t *source, mds_error_t *err)
{
    source->taken = false;

    if (source->parts != NULL) {
        return mds_source_next_record(source, err);
    }

    mds_source_next_entry(source);
    return MDS_OK;
}

/* Moves before the first device that may have that hash. */
static mds_status_t
mds_source_seek(mds_merge_source_t *source, uint64_t hash, mds_error_t *err)
{
    source->done = false;

    if (source->parts == NULL) {
        size_t low = 0, high = source->logs->count;

        while (low < high) {
            size_t middle = low + (high - low) / 2;

            if (source->logs->entries[middle].hash < hash) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }

        source->entry = low;
        return MDS_OK;
    }

    for (source->part = 0;
         source->part + 1 < source->count
         && mds_device_run_facts(source->parts[source->part].run)->last < hash;
         source->part++)
    {
    }

    return mds_device_cursor_begin(source->cursor,
                                   source->parts[source->part].run, hash, err);
}

mds_status_t
mds_device_merge_seek(mds_device_merge_t *merge, uint64_t hash,
                      mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < merge->count; i++) {
        mds_merge_source_t *source = merge->sources[i];

        status = mds_source_seek(source, hash, err);

        do {
            if (status == MDS_OK) {
                status = mds_source_next(source, err);
            }
        } while (status == MDS_OK && !source->done && source->hash < hash);
    }

    merge->begun = status == MDS_OK;
    return status;
}

/* Compares the current devices of two sources. */
static int
mds_source_cmp(const mds_merge_source_t *a, const mds_merge_source_t *b)
{
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }

    return mds_device_cmp(&a->copy->device, &b->copy->device);
}

/* Returns the source of the least device, and of equal ones the newest. */
static mds_merge_source_t *
mds_merge_take(mds_device_merge_t *merge, bool *in_base)
{
    mds_merge_source_t *least = NULL;
    int64_t             seen_ms = 0;

    for (size_t i = 0; i < merge->count; i++) {
        mds_merge_source_t *source = merge->sources[i];
        int64_t             ms;
        int                 order;

        if (source->done) {
            continue;
        }

        order = least == NULL ? -1 : mds_source_cmp(source, least);

        if (order > 0) {
            continue;
        }

        ms = mds_device_sanitize_seen(source->copy->device.seen_ms,
                                      merge->now_ms);

        if (order < 0) {
            for (size_t k = 0; k < i; k++) {
                merge->sources[k]->taken = false;
            }
            *in_base = false;
        }

        source->taken = true;
        *in_base = *in_base
                   || (source->parts != NULL
                       && source->parts->file.level == MDS_DEVICE_LEVEL_BASE);

        if (order < 0 || ms >= seen_ms) {
            least = source;
            seen_ms = ms;
        }
    }

    return least;
}

mds_status_t
mds_device_merge_next(mds_device_merge_t *merge, mds_error_t *err,
                      mds_device_item_t *item)
{
    mds_merge_source_t *source;
    bool                in_base = false;
    mds_status_t        status = MDS_OK;

    if (!merge->begun) {
        status = mds_device_merge_seek(merge, 0, err);
    }

    for (size_t i = 0; status == MDS_OK && i < merge->count; i++) {
        if (merge->sources[i]->taken) {
            status = mds_source_next(merge->sources[i], err);
        }
    }

    if (status != MDS_OK) {
        return status;
    }

    source = mds_merge_take(merge, &in_base);

    if (source == NULL) {
        return MDS_NOT_FOUND;
    }

    *item = (mds_device_item_t){ source->hash, &source->copy->device, in_base };
    return MDS_OK;
}
