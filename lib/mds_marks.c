#include "mds_marks.h"

#include <stdlib.h>

#include "mds_buffer.h"
#include "mds_number.h"
#include "mds_state_part.h"

#define MDS_RUN_BYTES 16

static mds_run_t
mds_run_at(mds_str_t runs, size_t i)
{
    const uint8_t *bytes = (const uint8_t *) runs.data + i * MDS_RUN_BYTES;

    return (mds_run_t){ mds_get_u64(bytes), mds_get_u64(bytes + 8) };
}

static mds_status_t
mds_marks_get(mds_lmdb_t *lmdb, mds_str_t user, mds_error_t *err,
              mds_marks_t *marks)
{
    mds_str_t    value;
    mds_status_t status;

    if (!mds_lmdb_get(lmdb, MDS_STATE_MARKS, user, &value)) {
        status = mds_lmdb_status(lmdb, err);
        if (status == MDS_OK) {
            *marks = (mds_marks_t){ 0 };
        }
        return status;
    }

    if (value.len < 8 || (value.len - 8) % MDS_RUN_BYTES != 0) {
        return mds_fail(err, MDS_DAMAGED, "state: not a user's marks");
    }

    marks->delete_through = mds_get_u64((const uint8_t *) value.data);
    marks->runs = (mds_str_t){ value.len - 8, value.data + 8 };

    return MDS_OK;
}

mds_status_t
mds_state_marks(mds_state_t *state, mds_str_t user, mds_error_t *err,
                mds_marks_t *marks)
{
    return mds_marks_get(state->reader, user, err, marks);
}

bool
mds_marks_read(const mds_marks_t *marks, uint64_t id)
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

/* Ascending, apart, and above the floor. */
static size_t
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
mds_marks_encode(uint64_t delete_through, const mds_run_t *runs, size_t count,
                 mds_buffer_t *record)
{
    uint8_t bytes[MDS_RUN_BYTES];

    mds_put_u64(bytes, delete_through);
    mds_buffer_add(record, bytes, 8);

    for (size_t i = 0; i < count; i++) {
        mds_put_u64(bytes, runs[i].first);
        mds_put_u64(bytes + 8, runs[i].last);
        mds_buffer_add(record, bytes, sizeof(bytes));
    }
}

/* Both sides' runs, in one array to be freed. */
static mds_run_t *
mds_runs_both(const mds_marks_t *marks, const mds_mark_t *mark, size_t *count)
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

/* Stores the record where it says something, and differs. */
static mds_status_t
mds_marks_store(mds_lmdb_t *lmdb, const mds_mark_t *mark,
                const mds_buffer_t *record, mds_error_t *err, bool *changed)
{
    mds_str_t bytes = { record->len, (const char *) record->data };
    mds_str_t before;
    bool      there;

    if (mds_buffer_failed(record)) {
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    there = mds_lmdb_get(lmdb, MDS_STATE_MARKS, mark->user, &before);

    if (!there || !mds_str_eq(before, bytes)) {
        mds_lmdb_put(lmdb, MDS_STATE_MARKS, mark->user, bytes);
        *changed = true;
    }

    return mds_lmdb_status(lmdb, err);
}

mds_status_t
mds_marks_merge(mds_lmdb_t *lmdb, const mds_mark_t *mark, mds_error_t *err,
                bool *changed)
{
    mds_buffer_t record = { 0 };
    mds_marks_t  marks;
    mds_run_t   *runs;
    uint64_t     floor, gone = mark->oldest > 0 ? mark->oldest - 1 : 0;
    size_t       count;
    mds_status_t status = mds_marks_get(lmdb, mark->user, err, &marks);

    if (status != MDS_OK) {
        return status;
    }

    runs = mds_runs_both(&marks, mark, &count);
    if (runs == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    if (mark->delete_through > marks.delete_through) {
        marks.delete_through = mark->delete_through;
    }

    floor = marks.delete_through > gone ? marks.delete_through : gone;
    count = mds_runs_tidy(runs, count, floor);
    mds_marks_encode(marks.delete_through, runs, count, &record);
    status = mds_marks_store(lmdb, mark, &record, err, changed);

    mds_buffer_free(&record);
    free(runs);

    return status;
}
