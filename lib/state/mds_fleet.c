/*
 * Reads and writes what the state remembers of the fleet, and applies entries
 * of the feed within a transaction.
 */

#include "state/mds_fleet.h"

#include <stdlib.h>

#include "base/mds_endian.h"
#include "state/mds_state_internal.h"

static const mds_str_t mds_fleet_key = { 1, "\x02" };

/* Numbers are big-endian. */
typedef struct MDS_PACKED {
    uint8_t id[MDS_FLEET_BYTES];
    uint8_t position[8];
    uint8_t last[8];
    uint8_t number[8];
    uint8_t outbox_count[8];
    uint8_t outbox_bytes[8];
    uint8_t dropped[8];
} mds_fleet_record_t;

bool
mds_fleet_is_shared(const mds_fleet_t *fleet)
{
    static const uint8_t zeros[MDS_FLEET_BYTES];

    return memcmp(fleet->id, zeros, sizeof(zeros)) != 0;
}

static mds_status_t
mds_fleet_get(mds_lmdb_t *lmdb, mds_error_t *err, mds_fleet_t *fleet)
{
    mds_fleet_record_t record;
    mds_str_t          value;
    mds_status_t       status;

    if (!mds_lmdb_get(lmdb, MDS_STATE_STALE, mds_fleet_key, &value)) {
        status = mds_lmdb_status(lmdb, err);
        if (status == MDS_OK) {
            *fleet = (mds_fleet_t){ 0 };
        }
        return status;
    }

    if (value.len != sizeof(record)) {
        return mds_fail(err, MDS_DAMAGED, "state: not the record of a fleet");
    }

    memcpy(&record, value.data, sizeof(record));
    memcpy(fleet->id, record.id, sizeof(fleet->id));
    fleet->position = mds_load_be64(record.position);
    fleet->last = mds_load_be64(record.last);
    fleet->number = mds_load_be64(record.number);
    fleet->outbox_count = mds_load_be64(record.outbox_count);
    fleet->outbox_bytes = mds_load_be64(record.outbox_bytes);
    fleet->dropped = mds_load_be64(record.dropped);

    return MDS_OK;
}

mds_status_t
mds_state_get_fleet(mds_state_t *state, mds_error_t *err, mds_fleet_t *fleet)
{
    return mds_fleet_get(state->env.reader, err, fleet);
}

mds_status_t
mds_fleet_load(mds_state_t *state, mds_error_t *err)
{
    state->fleet_changed = false;

    return mds_fleet_get(state->env.writer, err, &state->fleet);
}

void
mds_fleet_save(mds_state_t *state)
{
    const mds_fleet_t *fleet = &state->fleet;
    mds_fleet_record_t record;

    if (!state->fleet_changed) {
        return;
    }

    memcpy(record.id, fleet->id, sizeof(record.id));
    mds_store_be64(record.position, fleet->position);
    mds_store_be64(record.last, fleet->last);
    mds_store_be64(record.number, fleet->number);
    mds_store_be64(record.outbox_count, fleet->outbox_count);
    mds_store_be64(record.outbox_bytes, fleet->outbox_bytes);
    mds_store_be64(record.dropped, fleet->dropped);
    mds_lmdb_put(state->env.writer, MDS_STATE_STALE, mds_fleet_key,
                 (mds_str_t){ sizeof(record), (const char *) &record });
}

mds_status_t
mds_fleet_join(mds_state_t *state, const uint8_t id[MDS_FLEET_BYTES],
               mds_error_t *err)
{
    if (memcmp(state->fleet.id, id, MDS_FLEET_BYTES) == 0) {
        return MDS_OK;
    }

    if (mds_fleet_is_shared(&state->fleet)) {
        return mds_fail(err, MDS_CONFLICT,
                        "the edge shares another database already");
    }

    memcpy(state->fleet.id, id, MDS_FLEET_BYTES);
    state->fleet_changed = true;

    return MDS_OK;
}

mds_status_t
mds_state_join_fleet(mds_state_t *state, const uint8_t id[MDS_FLEET_BYTES],
                     mds_error_t *err)
{
    mds_status_t status = mds_state_env_write(&state->env, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_fleet_load(state, err);

    if (status == MDS_OK) {
        status = mds_fleet_join(state, id, err);
    }

    if (status != MDS_OK) {
        mds_lmdb_abort(state->env.writer);
        return status;
    }

    mds_fleet_save(state);
    return mds_lmdb_commit(state->env.writer, err);
}

/* Merges the marks of an entry with those of the user. */
static mds_status_t
mds_feed_apply_mark(mds_lmdb_t *lmdb, const mds_entry_mark_t *entry,
                    mds_error_t *err, bool *changed)
{
    size_t          count = entry->runs.len / MDS_ENTRY_RUN_BYTES;
    mds_run_t      *runs = calloc(count + 1, sizeof(*runs));
    mds_read_mark_t mark = { .user = entry->user,
                             .delete_through = entry->delete_through,
                             .read = runs,
                             .read_count = count,
                             .oldest = entry->oldest };
    mds_status_t    status;

    if (runs == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < count; i++) {
        const uint8_t *bytes
            = (const uint8_t *) entry->runs.data + i * MDS_ENTRY_RUN_BYTES;

        runs[i] = (mds_run_t){ mds_load_be64(bytes), mds_load_be64(bytes + 8) };
    }

    status = mds_read_marks_merge(lmdb, &mark, err, changed);
    free(runs);

    return status;
}

static mds_status_t
mds_feed_apply_entry(mds_lmdb_t *lmdb, const mds_feed_entry_t *fed,
                     mds_error_t *err, bool *changed)
{
    mds_fleet_entry_t entry;

    if (!mds_fleet_entry_decode(fed->type, fed->bytes, &entry)) {
        return mds_fail(err, MDS_INVALID, "entry %llu of the feed is malformed",
                        (unsigned long long) fed->number);
    }

    switch (entry.type) {
    case MDS_ENTRY_MARK:
        return mds_feed_apply_mark(lmdb, &entry.mark, err, changed);
    case MDS_ENTRY_ADMISSION:
        return mds_window_apply_admission(lmdb, &entry.admission, err, changed);
    case MDS_ENTRY_WINDOW_FULL:
        return mds_window_apply_full(lmdb, &entry.window_full, err, changed);
    case MDS_ENTRY_HALT:
        return mds_tally_apply_halt(lmdb, &entry.halt, err, changed);
    case MDS_ENTRY_RESUME:
        return mds_tally_apply_resume(lmdb, &entry.resume, err, changed);
    case MDS_ENTRY_FORGET:
        return mds_forget_add(lmdb, fed->number, fed->bytes, err, changed);
    default:
        return MDS_OK; /* it concerns the database alone */
    }
}

mds_status_t
mds_feed_apply(mds_state_t *state, const mds_feed_entry_t *entry,
               mds_error_t *err, bool *changed)
{
    mds_fleet_t *fleet = &state->fleet;
    mds_status_t status = MDS_OK;

    if (!mds_fleet_is_shared(fleet) || entry->after > fleet->position) {
        return mds_fail(err, MDS_CONFLICT,
                        "the feed continues after %llu, but entries through"
                        " %llu were applied",
                        (unsigned long long) entry->after,
                        (unsigned long long) fleet->position);
    }

    if (entry->number > fleet->position) {
        status = mds_feed_apply_entry(state->env.writer, entry, err, changed);

        /* A record that is damaged stops no other entry. */
        if (status == MDS_OK || status == MDS_DAMAGED) {
            fleet->position = entry->number;
            state->fleet_changed = true;
        }
    }

    if (entry->last > fleet->last) {
        fleet->last = entry->last;
        state->fleet_changed = true;
    }

    return status;
}

/* Forgets the fleet, so that nothing is added any more, and deletes some
 * entries. The numbers of the outbox go on. */
static mds_status_t
mds_fleet_leave_step(mds_state_t *state, mds_error_t *err, uint64_t *count,
                     bool *more)
{
    mds_status_t status = mds_state_env_write(&state->env, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_fleet_load(state, err);

    if (status == MDS_OK) {
        *count = state->fleet.outbox_count;
        memset(state->fleet.id, 0, sizeof(state->fleet.id));
        state->fleet.position = 0;
        state->fleet.last = 0;
        state->fleet_changed = true;
        status = mds_outbox_delete(state, UINT64_MAX, err, more);
    }

    if (status != MDS_OK) {
        mds_lmdb_abort(state->env.writer);
        return status;
    }

    mds_fleet_save(state);
    return mds_lmdb_commit(state->env.writer, err);
}

mds_status_t
mds_state_leave_fleet(mds_state_t *state, mds_error_t *err, uint64_t *left)
{
    uint64_t     count, unused;
    bool         more;
    mds_status_t status = mds_fleet_leave_step(state, err, &count, &more);

    while (status == MDS_OK && more) {
        status = mds_fleet_leave_step(state, err, &unused, &more);
    }

    if (status == MDS_OK) {
        *left = count;
    }

    return status;
}
