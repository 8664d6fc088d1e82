/*
 * The outbox: entries for the database, numbered, in the table of stale
 * numbers behind these. Numbers are not used again, also after the outbox was
 * empty. A record is the type (1) with MDS_OUTBOX_TIMED, the time (4, seconds
 * since 1970), and the entry; one of an earlier version has neither flag nor
 * time.
 */

#include <stdlib.h>

#include "base/mds_endian.h"
#include "base/mds_time.h"
#include "state/mds_state_internal.h"

#define MDS_OUTBOX_OVERHEAD 64 /* bytes of a record beside the entry, about */
#define MDS_OUTBOX_TIMED 0x80
#define MDS_OUTBOX_HEAD 5 /* bytes in front of the entry */

static mds_str_t
mds_outbox_key(uint64_t number, uint8_t bytes[MDS_OUTBOX_KEY_BYTES])
{
    mds_store_be32(bytes, MDS_OUTBOX_PREFIX);
    mds_store_be64(bytes + 4, number);

    return (mds_str_t){ MDS_OUTBOX_KEY_BYTES, (const char *) bytes };
}

/* Returns the bytes that the outbox may take for entries of the type. */
static uint64_t
mds_outbox_room(const mds_state_t *state, mds_entry_type_t type)
{
    uint64_t room = state->limit_bytes / MDS_OUTBOX_SHARE;

    if (state->limit_bytes == 0) {
        return UINT64_MAX;
    }

    return type == MDS_ENTRY_DEVICE ? room / 2 : room;
}

/* Puts a record, whose head it fills. */
static mds_status_t
mds_outbox_put(mds_state_t *state, mds_entry_type_t type, char *data,
               size_t len, mds_error_t *err)
{
    mds_fleet_t *fleet = &state->fleet;
    mds_str_t    record = { MDS_OUTBOX_HEAD + len, data };
    uint8_t      key[MDS_OUTBOX_KEY_BYTES];
    uint64_t     bytes = record.len + MDS_OUTBOX_OVERHEAD;

    data[0] = (char) ((unsigned) type | MDS_OUTBOX_TIMED);
    mds_store_be32((uint8_t *) data + 1, (uint32_t) (mds_time_now_ms() / 1000));
    state->fleet_changed = true;

    if (fleet->outbox_bytes + bytes > mds_outbox_room(state, type)) {
        fleet->dropped++;
        return MDS_OK;
    }

    fleet->number++;
    fleet->outbox_count++;
    fleet->outbox_bytes += bytes;
    mds_lmdb_put(state->env.writer, MDS_STATE_STALE,
                 mds_outbox_key(fleet->number, key), record);

    return mds_lmdb_status(state->env.writer, err);
}

mds_status_t
mds_outbox_add(mds_state_t *state, mds_entry_type_t type, mds_str_t bytes,
               mds_error_t *err)
{
    char        *record;
    mds_status_t status;

    if (!mds_fleet_is_shared(&state->fleet)) {
        return MDS_OK;
    }

    record = malloc(MDS_OUTBOX_HEAD + bytes.len);
    if (record == NULL) {
        return mds_fail_memory(err);
    }

    if (bytes.len > 0) {
        memcpy(record + MDS_OUTBOX_HEAD, bytes.data, bytes.len);
    }

    status = mds_outbox_put(state, type, record, bytes.len, err);
    free(record);

    return status;
}

/* Encodes an entry of at most max bytes, and adds it. */
static mds_status_t
mds_outbox_add_entry(mds_state_t *state, const mds_fleet_entry_t *entry,
                     size_t max, mds_error_t *err)
{
    char        *record = malloc(MDS_OUTBOX_HEAD + max);
    size_t       len;
    mds_status_t status;

    if (record == NULL) {
        return mds_fail_memory(err);
    }

    len = mds_fleet_entry_encode(entry, record + MDS_OUTBOX_HEAD, max);

    /* What no frame could take is not kept. */
    if (len == 0 || !mds_fleet_entry_is_valid(entry)) {
        state->fleet.dropped++;
        state->fleet_changed = true;
        status = MDS_OK;

    } else {
        status = mds_outbox_put(state, entry->type, record, len, err);
    }

    free(record);
    return status;
}

mds_status_t
mds_outbox_add_mark(mds_state_t *state, const mds_read_mark_t *mark,
                    mds_error_t *err)
{
    size_t       count = mark->read_count;
    mds_run_t   *runs = calloc(count + 1, sizeof(*runs));
    uint8_t     *bytes = calloc(count + 1, MDS_ENTRY_RUN_BYTES);
    mds_status_t status = MDS_OK;

    if (runs == NULL || bytes == NULL) {
        status = mds_fail_memory(err);
    }

    if (status == MDS_OK && count > 0) {
        memcpy(runs, mark->read, count * sizeof(*runs));
        count = mds_runs_tidy(runs, count, 0);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        mds_store_be64(bytes + i * MDS_ENTRY_RUN_BYTES, runs[i].first);
        mds_store_be64(bytes + i * MDS_ENTRY_RUN_BYTES + 8, runs[i].last);
    }

    if (status == MDS_OK) {
        mds_fleet_entry_t entry
            = { .type = MDS_ENTRY_MARK,
                .mark = { .user = mark->user,
                          .delete_through = mark->delete_through,
                          .oldest = mark->oldest,
                          .runs = { count * MDS_ENTRY_RUN_BYTES,
                                    (const char *) bytes } } };

        status = mds_outbox_add_entry(state, &entry,
                                      entry.mark.runs.len + mark->user.len + 32,
                                      err);
    }

    free(runs);
    free(bytes);

    return status;
}

mds_status_t
mds_outbox_add_report(mds_state_t *state, const mds_report_t *report,
                      int64_t now_ms, mds_error_t *err)
{
    mds_fleet_entry_t entry = { .type = MDS_ENTRY_REPORT,
                                .report = { .release = report->release,
                                            .device = report->device,
                                            .event = report->event,
                                            .instructed = report->instructed,
                                            .limit = report->limit,
                                            .when_ms = now_ms,
                                            .detail = report->detail } };

    return mds_outbox_add_entry(state, &entry,
                                report->release.len + report->detail.len + 64,
                                err);
}

/* Reads a record of the outbox. False: it is not one, or it is damaged. */
static bool
mds_outbox_parse(mds_str_t key, mds_str_t value, mds_frame_item_t *item)
{
    const uint8_t *bytes = (const uint8_t *) key.data;
    size_t         head;

    if (key.len != MDS_OUTBOX_KEY_BYTES || value.len < 1
        || mds_load_be32(bytes) != MDS_OUTBOX_PREFIX)
    {
        return false;
    }

    head = (value.data[0] & MDS_OUTBOX_TIMED) != 0 ? MDS_OUTBOX_HEAD : 1;
    if (value.len < head) {
        return false;
    }

    item->number = mds_load_be64(bytes + 4);
    item->type = (uint8_t) value.data[0] & ~MDS_OUTBOX_TIMED;
    item->entry = (mds_str_t){ value.len - head, value.data + head };

    return true;
}

mds_status_t
mds_state_get_outbox_oldest(mds_state_t *state, mds_error_t *err,
                            int64_t *since_ms)
{
    mds_lmdb_t        *lmdb = state->env.reader;
    uint8_t            from[MDS_OUTBOX_KEY_BYTES];
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_STATE_STALE, mds_outbox_key(0, from));
    mds_str_t        key, value;
    mds_frame_item_t item;
    int64_t          found_ms = 0;

    if (mds_lmdb_next(cursor, &key, &value)
        && mds_outbox_parse(key, value, &item)
        && (value.data[0] & MDS_OUTBOX_TIMED) != 0)
    {
        found_ms
            = (int64_t) mds_load_be32((const uint8_t *) value.data + 1) * 1000;
    }

    mds_lmdb_walk_end(cursor);

    if (mds_status_failed(mds_lmdb_status(lmdb, err))) {
        return mds_lmdb_status(lmdb, err);
    }

    *since_ms = found_ms;
    return MDS_OK;
}

mds_status_t
mds_state_visit_outbox(mds_state_t *state, uint64_t after,
                       bool (*visit)(void *data, const mds_frame_item_t *item),
                       void *data, mds_error_t *err)
{
    mds_lmdb_t        *lmdb = state->env.reader;
    mds_lmdb_cursor_t *cursor;
    uint8_t            from[MDS_OUTBOX_KEY_BYTES];
    mds_str_t          key, value;
    mds_frame_item_t   item;
    bool               more = after < UINT64_MAX;

    cursor = mds_lmdb_walk(lmdb, MDS_STATE_STALE,
                           mds_outbox_key(more ? after + 1 : after, from));

    while (more && mds_lmdb_next(cursor, &key, &value)) {
        more = mds_outbox_parse(key, value, &item) && visit(data, &item);
    }

    mds_lmdb_walk_end(cursor);

    return mds_lmdb_status(lmdb, err);
}

/* Collects the numbers of up to MDS_OUTBOX_STEP entries through the number, and
 * the sum of their bytes. */
static size_t
mds_outbox_collect(mds_lmdb_t *lmdb, uint64_t through,
                   uint64_t numbers[MDS_OUTBOX_STEP], uint64_t *bytes)
{
    uint8_t            from[MDS_OUTBOX_KEY_BYTES];
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_STATE_STALE, mds_outbox_key(0, from));
    mds_str_t        key, value;
    mds_frame_item_t item;
    size_t           count = 0;

    while (count < MDS_OUTBOX_STEP && mds_lmdb_next(cursor, &key, &value)
           && mds_outbox_parse(key, value, &item) && item.number <= through)
    {
        numbers[count++] = item.number;
        *bytes += value.len + MDS_OUTBOX_OVERHEAD;
    }

    mds_lmdb_walk_end(cursor);
    return count;
}

mds_status_t
mds_outbox_delete(mds_state_t *state, uint64_t through, mds_error_t *err,
                  bool *more)
{
    mds_lmdb_t  *lmdb = state->env.writer;
    mds_fleet_t *fleet = &state->fleet;
    uint64_t     numbers[MDS_OUTBOX_STEP], bytes = 0;
    size_t       count = mds_outbox_collect(lmdb, through, numbers, &bytes);

    for (size_t i = 0; i < count; i++) {
        uint8_t key[MDS_OUTBOX_KEY_BYTES];

        mds_lmdb_delete(lmdb, MDS_STATE_STALE, mds_outbox_key(numbers[i], key));
    }

    if (count > 0) {
        fleet->outbox_count
            -= count < fleet->outbox_count ? count : fleet->outbox_count;
        fleet->outbox_bytes
            -= bytes < fleet->outbox_bytes ? bytes : fleet->outbox_bytes;
        state->fleet_changed = true;
    }

    *more = count == MDS_OUTBOX_STEP;

    return mds_lmdb_status(lmdb, err);
}
