/*
 * Looks up and merges read marks, and deletes those of messages that no longer
 * exist.
 */

#include "state/mds_read_marks.h"

#include <stdlib.h>

#include "base/mds_arena.h"
#include "base/mds_buffer.h"
#include "base/mds_endian.h"
#include "state/mds_state_internal.h"

#define MDS_RUN_BYTES 16

static mds_run_t
mds_run_at(mds_str_t runs, size_t i)
{
    const uint8_t *bytes = (const uint8_t *) runs.data + i * MDS_RUN_BYTES;

    return (mds_run_t){ mds_load_be64(bytes), mds_load_be64(bytes + 8) };
}

static mds_status_t
mds_read_marks_get(mds_lmdb_t *lmdb, mds_str_t user, mds_error_t *err,
                   mds_read_marks_t *marks)
{
    mds_str_t    value;
    mds_status_t status;

    if (!mds_lmdb_get(lmdb, MDS_STATE_MARKS, user, &value)) {
        status = mds_lmdb_status(lmdb, err);
        if (status == MDS_OK) {
            *marks = (mds_read_marks_t){ 0 };
        }
        return status;
    }

    if (value.len < 8 || (value.len - 8) % MDS_RUN_BYTES != 0) {
        return mds_fail(err, MDS_DAMAGED, "state: not a user's marks");
    }

    marks->delete_through = mds_load_be64((const uint8_t *) value.data);
    marks->runs = (mds_str_t){ value.len - 8, value.data + 8 };

    return MDS_OK;
}

mds_status_t
mds_state_get_read_marks(mds_state_t *state, mds_str_t user, mds_error_t *err,
                         mds_read_marks_t *marks)
{
    return mds_read_marks_get(state->env.reader, user, err, marks);
}

bool
mds_read_marks_has_read(const mds_read_marks_t *marks, uint64_t id)
{
    size_t low = 0;
    size_t high = marks->runs.len / MDS_RUN_BYTES;

    while (low < high) {
        size_t    middle = low + (high - low) / 2;
        mds_run_t run = mds_run_at(marks->runs, middle);

        if (id >= run.first && id <= run.last) {
            return true;
        }

        if (id < run.first) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }

    return false;
}

static int
mds_run_cmp(const void *a, const void *b)
{
    const mds_run_t *ra = a;
    const mds_run_t *rb = b;

    return (ra->first > rb->first) - (ra->first < rb->first);
}

size_t
mds_runs_tidy(mds_run_t *runs, size_t count, uint64_t floor)
{
    size_t kept = 0;

    qsort(runs, count, sizeof(*runs), mds_run_cmp);

    for (size_t i = 0; i < count; i++) {
        mds_run_t run = runs[i];

        if (run.last <= floor || run.last < run.first) {
            continue;
        }

        run.first = run.first <= floor ? floor + 1 : run.first;

        if (kept > 0 && run.first - 1 <= runs[kept - 1].last) {
            if (run.last > runs[kept - 1].last) {
                runs[kept - 1].last = run.last;
            }
        } else {
            runs[kept++] = run;
        }
    }

    return kept;
}

static void
mds_read_marks_encode(uint64_t delete_through, const mds_run_t *runs,
                      size_t count, mds_buffer_t *record)
{
    uint8_t bytes[MDS_RUN_BYTES];

    mds_store_be64(bytes, delete_through);
    mds_buffer_add(record, bytes, 8);

    for (size_t i = 0; i < count; i++) {
        mds_store_be64(bytes, runs[i].first);
        mds_store_be64(bytes + 8, runs[i].last);
        mds_buffer_add(record, bytes, sizeof(bytes));
    }
}

/* Returns the stored runs and the new ones in one array; the caller frees it.
 */
static mds_run_t *
mds_runs_both(const mds_read_marks_t *marks, const mds_read_mark_t *mark,
              size_t *count)
{
    size_t     old = marks->runs.len / MDS_RUN_BYTES;
    mds_run_t *runs = calloc(old + mark->read_count + 1, sizeof(*runs));

    for (size_t i = 0; runs != NULL && i < old; i++) {
        runs[i] = mds_run_at(marks->runs, i);
    }

    if (runs != NULL && mark->read_count > 0) {
        memcpy(runs + old, mark->read, mark->read_count * sizeof(*runs));
    }

    *count = old + mark->read_count;
    return runs;
}

/* Stores the record if it differs from the stored one. */
static mds_status_t
mds_read_marks_store(mds_lmdb_t *lmdb, const mds_read_mark_t *mark,
                     const mds_buffer_t *record, mds_error_t *err,
                     bool *changed)
{
    mds_str_t bytes = { record->len, (const char *) record->data };
    mds_str_t before;
    bool      there;

    if (mds_buffer_failed(record)) {
        return mds_fail_memory(err);
    }

    there = mds_lmdb_get(lmdb, MDS_STATE_MARKS, mark->user, &before);

    if (!there || !mds_str_eq(before, bytes)) {
        mds_lmdb_put(lmdb, MDS_STATE_MARKS, mark->user, bytes);
        *changed = true;
    }

    return mds_lmdb_status(lmdb, err);
}

mds_status_t
mds_read_marks_merge(mds_lmdb_t *lmdb, const mds_read_mark_t *mark,
                     mds_error_t *err, bool *changed)
{
    mds_buffer_t     record = { 0 };
    mds_read_marks_t marks;
    mds_run_t       *runs;
    uint64_t         floor, gone = mark->oldest > 0 ? mark->oldest - 1 : 0;
    size_t           count;
    mds_status_t     status = mds_read_marks_get(lmdb, mark->user, err, &marks);

    if (status != MDS_OK) {
        return status;
    }

    runs = mds_runs_both(&marks, mark, &count);
    if (runs == NULL) {
        return mds_fail_memory(err);
    }

    if (mark->delete_through > marks.delete_through) {
        marks.delete_through = mark->delete_through;
    }

    floor = marks.delete_through > gone ? marks.delete_through : gone;
    count = mds_runs_tidy(runs, count, floor);
    mds_read_marks_encode(marks.delete_through, runs, count, &record);
    status = mds_read_marks_store(lmdb, mark, &record, err, changed);

    mds_buffer_free(&record);
    free(runs);

    return status;
}

#define MDS_SWEEP_MAX 256 /* records that one transaction deletes */

/* Returns whether the record marks nothing at or above the oldest message. */
static bool
mds_read_marks_stale(mds_str_t value, uint64_t oldest)
{
    size_t runs = value.len < 8 ? 0 : (value.len - 8) / MDS_RUN_BYTES;

    return value.len >= 8
           && mds_load_be64((const uint8_t *) value.data) < oldest
           && (runs == 0
               || mds_run_at((mds_str_t){ value.len - 8, value.data + 8 },
                             runs - 1)
                          .last
                      < oldest);
}

/* Collects up to MDS_SWEEP_MAX keys of stale marks behind *from, which moves
 * on. */
static size_t
mds_read_marks_collect(mds_lmdb_t *lmdb, mds_str_t prefix, uint64_t oldest,
                       mds_arena_t *arena, mds_str_t *from, mds_str_t *keys)
{
    mds_lmdb_cursor_t *cursor = mds_lmdb_walk(lmdb, MDS_STATE_MARKS, *from);
    mds_str_t          key, value;
    size_t             count = 0;

    while (count < MDS_SWEEP_MAX && mds_lmdb_next(cursor, &key, &value)
           && mds_str_starts(key, prefix))
    {
        if (mds_read_marks_stale(value, oldest)) {
            keys[count++] = mds_arena_str(arena, key);
        }
    }

    mds_lmdb_walk_end(cursor);

    if (count > 0) {
        *from = keys[count - 1];
    }

    return count;
}

/* Deletes those that are still stale: a user may have marked more meanwhile. */
static mds_status_t
mds_read_marks_drop(mds_lmdb_t *lmdb, const mds_str_t *keys, size_t count,
                    uint64_t oldest, mds_error_t *err)
{
    mds_status_t status = mds_lmdb_write(lmdb, err);
    mds_str_t    value;

    if (status != MDS_OK) {
        return status;
    }

    for (size_t i = 0; i < count; i++) {
        if (mds_lmdb_get(lmdb, MDS_STATE_MARKS, keys[i], &value)
            && mds_read_marks_stale(value, oldest))
        {
            mds_lmdb_delete(lmdb, MDS_STATE_MARKS, keys[i]);
        }
    }

    return mds_lmdb_commit(lmdb, err);
}

mds_status_t
mds_state_sweep_read_marks(mds_state_t *state, mds_str_t app, uint64_t oldest,
                           mds_error_t *err)
{
    mds_arena_t *arena = mds_arena_new();
    mds_str_t    prefix = { 0 }, from, keys[MDS_SWEEP_MAX];
    size_t       count = MDS_SWEEP_MAX;
    mds_status_t status = MDS_OK;

    if (arena != NULL) {
        /* The zero byte behind the copy ends the app's part of a key. */
        prefix = mds_arena_str(arena, app);
        prefix.len++;
    }

    if (prefix.data == NULL) {
        mds_arena_free(arena);
        return mds_fail_memory(err);
    }

    for (from = prefix; status == MDS_OK && count == MDS_SWEEP_MAX;) {
        status = mds_state_begin(state, err);

        if (status == MDS_OK) {
            count = mds_read_marks_collect(state->env.reader, prefix, oldest,
                                           arena, &from, keys);
            status = mds_lmdb_status(state->env.reader, err);
            mds_state_end(state);
        }

        if (status == MDS_OK && mds_arena_failed(arena)) {
            status = mds_fail_memory(err);
        }

        if (status == MDS_OK && count > 0) {
            status = mds_read_marks_drop(state->env.writer, keys, count, oldest,
                                         err);
        }
    }

    mds_arena_free(arena);
    return status;
}
