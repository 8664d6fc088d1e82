/*
 * Records of the state, whatever they are: a window's, an admission, marks.
 * Each is read, and written once more; what was written says what
 * was asked for, and writing it again changes nothing.
 */

#include "base/mds_endian.h"
#include "fuzz.h"
#include "state/mds_read_marks.h"
#include "state/mds_state_internal.h"
#include "state/mds_window.h"

#define NOW_MS INT64_C(1790000000000)

static const mds_str_t window = mds_str("a\0w"), user = mds_str("a\0u");

static struct mds_state_s state;

static bool
write_one(mds_write_t write, mds_write_t *done, bool *changed)
{
    mds_error_t  err;
    mds_status_t status;

    *changed = false;
    *done = write;
    status = write.type == MDS_WRITE_ADMISSION
                 ? mds_window_admit(fuzz_table(), &done->admission, false, NOW_MS,
                                    &err, changed)
                 : mds_read_marks_merge(fuzz_table(), &write.read_mark, &err, changed);

    fuzz_must(status == MDS_OK || status == MDS_DAMAGED);
    return status == MDS_OK;
}

static bool
write_twice(mds_write_t write, mds_write_t *done)
{
    bool changed;

    if (!write_one(write, done, &changed)) {
        return false;
    }

    fuzz_must(write_one(write, done, &changed) && !changed);
    return true;
}

static void
admit(uint64_t limit)
{
    mds_write_t  write = { .type = MDS_WRITE_ADMISSION }, done;
    mds_window_t before, after;
    bool         was, is;

    write.admission = (mds_admission_t){ .window = window,
                                         .id = mds_str("d"),
                                         .limit = limit,
                                         .until_ms = NOW_MS + 1 };

    if (mds_state_get_window(&state, window, NULL, &before) != MDS_OK
        || mds_state_is_admitted(&state, &before, mds_str("d"), NULL, &was)
               != MDS_OK)
    {
        return;
    }

    fuzz_must(write_twice(write, &done));
    fuzz_must(mds_state_get_window(&state, window, NULL, &after) == MDS_OK
              && mds_state_is_admitted(&state, &after, mds_str("d"), NULL, &is)
                     == MDS_OK);
    fuzz_must(is == done.admission.admitted);
    fuzz_must(is == (was || before.count < limit));
    fuzz_must(after.count == before.count + (is && !was));
}

static void
mark(uint64_t first, uint64_t last, uint64_t delete_through)
{
    mds_run_t   run = { first, last };
    mds_write_t write = { .type = MDS_WRITE_READ_MARK }, done;
    mds_read_marks_t marks;

    write.read_mark = (mds_read_mark_t){ .user = user,
                               .delete_through = delete_through,
                               .read = &run,
                               .read_count = 1 };

    if (!write_twice(write, &done)) {
        return;
    }

    fuzz_must(mds_state_get_read_marks(&state, user, NULL, &marks) == MDS_OK);
    fuzz_must(marks.delete_through >= delete_through);

    if (first <= last) {
        fuzz_must(first <= marks.delete_through
                  || mds_read_marks_has_read(&marks, first));
        fuzz_must(last <= marks.delete_through || mds_read_marks_has_read(&marks, last));
    }

    (void) !mds_state_sweep_read_marks(&state, mds_str("a"), last, NULL);
}

/* One byte for the table, eight each for three numbers, then the record. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t  numbers[3];
    mds_str_t value, keys[]
        = { window, mds_str("\0\0\0\1d"), user };
    uint64_t  windows;
    unsigned  table;

    if (size < 25) {
        return 0;
    }

    for (int i = 0; i < 3; i++) {
        numbers[i] = mds_load_be64(data + 1 + 8 * i);
    }

    state = (struct mds_state_s){ .env = { .reader = fuzz_table(),
                                           .writer = fuzz_table() } };
    value = (mds_str_t){ size - 25, (const char *) data + 25 };
    table = data[0] % mds_nelems(keys);

    fuzz_table_clear();

    fuzz_table_put(table, keys[table], value);
    (void) !mds_state_audit(&state, NULL, &windows);
    admit(numbers[0]);
    mark(numbers[0], numbers[1], numbers[2]);

    fuzz_table_clear();
    return 0;
}
