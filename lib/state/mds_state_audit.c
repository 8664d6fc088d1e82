/*
 * Checks the state as a whole, for mdsctl verify and for a worker that has met
 * damage: each window against its admissions, then every table from end to end.
 */

#include "base/mds_endian.h"
#include "state/mds_state_internal.h"
#include "state/mds_window.h"

/* Counts the admissions of a window, whose keys begin with its number. */
static uint64_t
mds_window_admissions(mds_lmdb_t *lmdb, uint32_t number)
{
    uint8_t            prefix[4];
    mds_str_t          from = { sizeof(prefix), (const char *) prefix };
    mds_str_t          key, when;
    mds_lmdb_cursor_t *cursor;
    uint64_t           count = 0;

    mds_store_be32(prefix, number);
    cursor = mds_lmdb_walk(lmdb, MDS_STATE_ADMISSIONS, from);

    while (mds_lmdb_next(cursor, &key, &when) && mds_str_starts(key, from)
           && when.len == 8)
    {
        count++;
    }

    mds_lmdb_walk_end(cursor);
    return count;
}

/* Compares one window's count with its admissions, which it adds up. */
static mds_status_t
mds_window_audit(mds_lmdb_t *lmdb, mds_str_t key, mds_error_t *err,
                 uint64_t *admissions)
{
    mds_window_t window;
    uint64_t     count;
    mds_str_t    app;
    mds_status_t status = mds_window_get(lmdb, key, err, &window);

    if (status != MDS_OK) {
        return status;
    }

    app = mds_str_cut(&key, '\0');
    count = mds_window_admissions(lmdb, window.number);
    *admissions += count;
    status = mds_lmdb_status(lmdb, err);

    return status != MDS_OK || count == window.count
               ? status
               : mds_fail(err, MDS_DAMAGED,
                          "state: the window of release %.*s of %.*s has %llu"
                          " admissions, but its record says %llu",
                          MDS_STR(key), MDS_STR(app),
                          (unsigned long long) count,
                          (unsigned long long) window.count);
}

mds_status_t
mds_state_audit(mds_state_t *state, mds_error_t *err, uint64_t *windows)
{
    mds_lmdb_t        *lmdb = state->env.reader;
    mds_lmdb_cursor_t *cursor;
    mds_str_t          key, value;
    uint64_t           count = 0, admissions = 0;
    mds_status_t       status = mds_state_begin(state, err);

    if (status != MDS_OK) {
        return status;
    }

    cursor = mds_lmdb_walk(lmdb, MDS_STATE_WINDOWS, mds_null_str);

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        status = mds_window_audit(lmdb, key, err, &admissions);
        count++;
    }

    mds_lmdb_walk_end(cursor);

    if (status == MDS_OK) {
        status = mds_lmdb_status(lmdb, err);
    }

    if (status == MDS_OK
        && admissions != mds_lmdb_count(lmdb, MDS_STATE_ADMISSIONS))
    {
        status = mds_fail(err, MDS_DAMAGED,
                          "state: there are admissions without a window");
    }

    if (status == MDS_OK) {
        status = mds_state_env_audit(&state->env, err);
    }

    mds_state_end(state);

    if (status == MDS_OK) {
        *windows = count;
    }

    return status;
}
