/*
 * The names that the feed says are to be forgotten, by the number of their
 * entries, until the registry has forgotten them. They are kept in the
 * transaction that applies the entry, since the registry is none of the state
 * and is slow to search. They lie in the table of stale numbers, in front of
 * the outbox.
 */

#include "base/mds_endian.h"
#include "state/mds_state_internal.h"

#define MDS_FORGET_PREFIX (MDS_OUTBOX_PREFIX - 1)

static mds_str_t
mds_forget_key(uint64_t number, uint8_t bytes[MDS_OUTBOX_KEY_BYTES])
{
    mds_store_be32(bytes, MDS_FORGET_PREFIX);
    mds_store_be64(bytes + 4, number);

    return (mds_str_t){ MDS_OUTBOX_KEY_BYTES, (const char *) bytes };
}

mds_status_t
mds_forget_add(mds_lmdb_t *lmdb, uint64_t number, mds_str_t bytes,
               mds_error_t *err, bool *changed)
{
    uint8_t key[MDS_OUTBOX_KEY_BYTES];

    mds_lmdb_put(lmdb, MDS_STATE_STALE, mds_forget_key(number, key), bytes);
    *changed = true;

    return mds_lmdb_status(lmdb, err);
}

/* Returns whether the cursor has another name, and gives its number. */
static bool
mds_forget_next(mds_lmdb_cursor_t *cursor, uint64_t *number, mds_str_t *value)
{
    mds_str_t      key;
    const uint8_t *bytes;

    if (!mds_lmdb_next(cursor, &key, value) || key.len != MDS_OUTBOX_KEY_BYTES)
    {
        return false;
    }

    bytes = (const uint8_t *) key.data;
    *number = mds_load_be64(bytes + 4);

    return mds_load_be32(bytes) == MDS_FORGET_PREFIX;
}

mds_status_t
mds_state_visit_forgets(mds_state_t *state, mds_forget_visit_t visit,
                        void *data, mds_error_t *err)
{
    mds_lmdb_t        *lmdb = state->env.reader;
    uint8_t            from[MDS_OUTBOX_KEY_BYTES];
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_STATE_STALE, mds_forget_key(0, from));
    uint64_t          number;
    mds_str_t         value;
    mds_fleet_entry_t entry;
    bool              more = true;

    while (more && mds_forget_next(cursor, &number, &value)) {
        if (!mds_fleet_entry_decode(MDS_ENTRY_FORGET, value, &entry)) {
            entry.forget = (mds_entry_forget_t){ 0 }; /* it is damaged */
        }

        more = visit(data, number, &entry.forget);
    }

    mds_lmdb_walk_end(cursor);
    return mds_lmdb_status(lmdb, err);
}

/* Collects the numbers of up to MDS_FORGET_STEP names through the number. */
static size_t
mds_forget_collect(mds_lmdb_t *lmdb, uint64_t through,
                   uint64_t numbers[MDS_FORGET_STEP])
{
    uint8_t            from[MDS_OUTBOX_KEY_BYTES];
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_STATE_STALE, mds_forget_key(0, from));
    mds_str_t value;
    size_t    count = 0;

    while (count < MDS_FORGET_STEP
           && mds_forget_next(cursor, &numbers[count], &value)
           && numbers[count] <= through)
    {
        count++;
    }

    mds_lmdb_walk_end(cursor);
    return count;
}

mds_status_t
mds_forget_delete(mds_state_t *state, uint64_t through, mds_error_t *err,
                  bool *more)
{
    mds_lmdb_t *lmdb = state->env.writer;
    uint64_t    numbers[MDS_FORGET_STEP];
    size_t      count = mds_forget_collect(lmdb, through, numbers);

    for (size_t i = 0; i < count; i++) {
        uint8_t key[MDS_OUTBOX_KEY_BYTES];

        mds_lmdb_delete(lmdb, MDS_STATE_STALE, mds_forget_key(numbers[i], key));
    }

    *more = count == MDS_FORGET_STEP;
    return mds_lmdb_status(lmdb, err);
}
