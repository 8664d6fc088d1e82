/*
 * Gives tallies new numbers, and deletes what the old ones have left behind: a
 * release may have millions of reporters, and no transaction is to take long.
 */

#include "base/mds_arena.h"
#include "base/mds_endian.h"
#include "state/mds_state_internal.h"
#include "state/mds_tally.h"

#define MDS_REPORTER_KEY_BYTES 12
#define MDS_STALE_STEP 64    /* reporters that a write of reports deletes */
#define MDS_STALE_SWEEP 4096 /* that a transaction of a sweep deletes */
#define MDS_FORGET_MAX 256   /* tallies that one transaction forgets */

static const mds_str_t mds_stale_highest = { 1, "" };   /* the key 00 */
static const mds_str_t mds_stale_halts = { 1, "\x01" }; /* the key 01 */

/* Leaves a number to the stale ones; 0: there is none. */
static void
mds_tally_abandon(mds_lmdb_t *lmdb, uint32_t number)
{
    uint8_t bytes[4];

    if (number != 0) {
        mds_store_be32(bytes, number);
        mds_lmdb_put(lmdb, MDS_STATE_STALE,
                     (mds_str_t){ sizeof(bytes), (const char *) bytes },
                     mds_str(""));
    }
}

mds_status_t
mds_tally_renumber(mds_lmdb_t *lmdb, mds_tally_t *tally, mds_error_t *err)
{
    uint32_t  highest = 0;
    uint8_t   bytes[4];
    mds_str_t value;

    if (mds_lmdb_get(lmdb, MDS_STATE_STALE, mds_stale_highest, &value)
        && value.len == sizeof(bytes))
    {
        highest = mds_load_be32((const uint8_t *) value.data);
    }

    mds_tally_abandon(lmdb, tally->number);
    tally->number = highest + 1;
    mds_store_be32(bytes, tally->number);
    mds_lmdb_put(lmdb, MDS_STATE_STALE, mds_stale_highest,
                 (mds_str_t){ sizeof(bytes), (const char *) bytes });

    return mds_lmdb_status(lmdb, err);
}

static uint64_t
mds_tally_halts(mds_lmdb_t *lmdb)
{
    mds_str_t value;

    return mds_lmdb_get(lmdb, MDS_STATE_STALE, mds_stale_halts, &value)
                   && value.len == 8
               ? mds_load_be64((const uint8_t *) value.data)
               : 0;
}

void
mds_tally_count_halt(mds_lmdb_t *lmdb)
{
    uint8_t bytes[8];

    mds_store_be64(bytes, mds_tally_halts(lmdb) + 1);
    mds_lmdb_put(lmdb, MDS_STATE_STALE, mds_stale_halts,
                 (mds_str_t){ sizeof(bytes), (const char *) bytes });
}

mds_status_t
mds_state_get_halt_serial(mds_state_t *state, mds_error_t *err,
                          uint64_t *serial)
{
    uint64_t     halts = mds_tally_halts(state->env.reader);
    mds_status_t status = mds_lmdb_status(state->env.reader, err);

    if (status == MDS_OK) {
        *serial = halts;
    }

    return status;
}

/* Deletes up to max reporters of a number; returns how many there were. */
static size_t
mds_reporters_delete(mds_lmdb_t *lmdb, mds_str_t number, size_t max)
{
    uint8_t            keys[MDS_STALE_STEP][MDS_REPORTER_KEY_BYTES];
    mds_lmdb_cursor_t *cursor;
    mds_str_t          key, value;
    size_t             deleted = 0, count = MDS_STALE_STEP;

    /* Deleting would move the cursor of a walk. */
    while (deleted < max && count == MDS_STALE_STEP) {
        count = 0;
        cursor = mds_lmdb_walk(lmdb, MDS_STATE_REPORTERS, number);

        while (count < MDS_STALE_STEP && mds_lmdb_next(cursor, &key, &value)
               && mds_str_starts(key, number) && key.len == sizeof(keys[0]))
        {
            memcpy(keys[count++], key.data, sizeof(keys[0]));
        }

        mds_lmdb_walk_end(cursor);

        for (size_t i = 0; i < count; i++) {
            mds_lmdb_delete(lmdb, MDS_STATE_REPORTERS,
                            (mds_str_t){ sizeof(keys[i]),
                                         (const char *) keys[i] });
        }

        deleted += count;
    }

    return deleted;
}

/* Finds a number that is stale. */
static bool
mds_stale_find(mds_lmdb_t *lmdb, uint8_t number[4])
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_STATE_STALE, mds_null_str);
    mds_str_t key, value;
    bool      found = false;

    /* The outbox lies behind them. */
    while (!found && mds_lmdb_next(cursor, &key, &value)
           && key.len != MDS_OUTBOX_KEY_BYTES)
    {
        if (key.len == 4) {
            memcpy(number, key.data, 4);
            found = true;
        }
    }

    mds_lmdb_walk_end(cursor);
    return found;
}

/* Deletes up to max reporters of a stale number. Returns whether there was
 * one. */
static bool
mds_stale_step(mds_lmdb_t *lmdb, size_t max)
{
    uint8_t   bytes[4];
    mds_str_t number = { sizeof(bytes), (const char *) bytes };

    /* The highest number is a record, too. */
    if (mds_lmdb_count(lmdb, MDS_STATE_STALE) < 2
        || !mds_stale_find(lmdb, bytes)) {
        return false;
    }

    if (mds_reporters_delete(lmdb, number, max) < max) {
        mds_lmdb_delete(lmdb, MDS_STATE_DETAILS, number);
        mds_lmdb_delete(lmdb, MDS_STATE_STALE, number);
    }

    return true;
}

void
mds_tally_step_sweep(mds_lmdb_t *lmdb)
{
    (void) mds_stale_step(lmdb, MDS_STALE_STEP);
}

mds_status_t
mds_state_sweep_reporters(mds_state_t *state, mds_error_t *err)
{
    mds_lmdb_t  *lmdb = state->env.writer;
    bool         more = true;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && more) {
        status = mds_state_env_write(&state->env, err);

        if (status != MDS_OK) {
            return status;
        }

        more = mds_stale_step(lmdb, MDS_STALE_SWEEP);

        if (more) {
            status = mds_lmdb_commit(lmdb, err);
        } else {
            status = mds_lmdb_status(lmdb, err);
            mds_lmdb_abort(lmdb);
        }
    }

    return status;
}

/* Returns whether a release is halted by the fleet. The feed says so once, and
 * may do so before the catalog comes that has the release. */
static bool
mds_tally_is_fleet_halt(mds_lmdb_t *lmdb, bool shared, mds_str_t key)
{
    mds_tally_t tally;
    mds_error_t err;

    return shared && mds_tally_get(lmdb, key, &err, &tally) == MDS_OK
           && tally.halted;
}

/* Collects keys of tallies whose releases do not exist. */
static size_t
mds_tallies_collect(mds_lmdb_t *lmdb, bool shared,
                    bool (*exists)(void *data, mds_str_t app, mds_str_t id),
                    void *data, mds_arena_t *arena, mds_str_t *keys)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_STATE_TALLIES, mds_null_str);
    mds_str_t key, value;
    size_t    count = 0;

    while (count < MDS_FORGET_MAX && mds_lmdb_next(cursor, &key, &value)) {
        mds_str_t id = key;
        mds_str_t app = mds_str_cut(&id, '\0');

        if (!exists(data, app, id)
            && !mds_tally_is_fleet_halt(lmdb, shared, key)) {
            keys[count++] = mds_arena_str(arena, key);
        }
    }

    mds_lmdb_walk_end(cursor);
    return count;
}

static mds_status_t
mds_tallies_forget(mds_state_t *state, const mds_str_t *keys, size_t count,
                   mds_error_t *err)
{
    mds_lmdb_t  *lmdb = state->env.writer;
    mds_tally_t  tally;
    mds_status_t status = mds_state_env_write(&state->env, err);

    if (status != MDS_OK) {
        return status;
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = mds_tally_get(lmdb, keys[i], err, &tally);

        /* A halt of the fleet's may have no number yet. */
        if (status == MDS_OK) {
            mds_tally_abandon(lmdb, tally.number);
            mds_lmdb_delete(lmdb, MDS_STATE_TALLIES, keys[i]);
        }
    }

    if (status != MDS_OK) {
        mds_lmdb_abort(lmdb);
        return status;
    }

    return mds_lmdb_commit(lmdb, err);
}

mds_status_t
mds_state_forget_tally(mds_state_t *state, mds_str_t release, mds_error_t *err)
{
    return mds_tallies_forget(state, &release, 1, err);
}

/* Forgets some tallies; *more: there may be others. */
static mds_status_t
mds_tallies_forget_some(mds_state_t *state,
                        bool (*exists)(void *data, mds_str_t app, mds_str_t id),
                        void *data, mds_error_t *err, bool *more)
{
    mds_arena_t *arena = mds_arena_new();
    mds_str_t    keys[MDS_FORGET_MAX];
    mds_fleet_t  fleet;
    size_t       count = 0;
    mds_status_t status
        = arena == NULL ? mds_fail_memory(err) : mds_state_begin(state, err);

    if (status == MDS_OK) {
        status = mds_state_get_fleet(state, err, &fleet);

        if (status == MDS_OK) {
            count = mds_tallies_collect(state->env.reader,
                                        mds_fleet_is_shared(&fleet), exists,
                                        data, arena, keys);
            status = mds_lmdb_status(state->env.reader, err);
        }

        mds_state_end(state);
    }

    if (status == MDS_OK && mds_arena_failed(arena)) {
        status = mds_fail_memory(err);
    }

    if (status == MDS_OK && count > 0) {
        status = mds_tallies_forget(state, keys, count, err);
    }

    mds_arena_free(arena);
    *more = count == MDS_FORGET_MAX;

    return status;
}

mds_status_t
mds_state_forget_tallies(mds_state_t *state,
                         bool (*exists)(void *data, mds_str_t app,
                                        mds_str_t id),
                         void *data, mds_error_t *err)
{
    bool         more = true;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && more) {
        status = mds_tallies_forget_some(state, exists, data, err, &more);
    }

    return status;
}
