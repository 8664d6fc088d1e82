/*
 * Records of the state, whatever they are: a window's, an admission, marks, a
 * device's. Each is read, and written once more; what was written says what
 * was asked for, and writing it again changes nothing.
 */

#include "base/mds_endian.h"
#include "fuzz.h"
#include "state/mds_read_marks.h"
#include "state/mds_registry_internal.h"
#include "state/mds_state_internal.h"
#include "state/mds_window.h"

#define NOW_MS INT64_C(1790000000000)

static const mds_str_t window = mds_str("a\0w"), user = mds_str("a\0u"),
                       device = mds_str("a\0d");

static struct mds_state_s    state;
static struct mds_registry_s registry;

static bool
write_one(mds_write_t write, mds_write_t *done, bool *changed)
{
    mds_error_t  err;
    mds_status_t status;

    *changed = false;
    *done = write;
    status = write.type == MDS_WRITE_ADMISSION
                 ? mds_window_admit(fuzz_table(), &done->admission, NOW_MS,
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

static mds_status_t
visit(void *data, const mds_device_t *seen, mds_error_t *err)
{
    (void) err;
    fuzz_read(seen->device);
    fuzz_read(seen->platform);
    fuzz_read(seen->version);
    fuzz_read(seen->user);
    (*(unsigned *) data)++;
    return MDS_OK;
}

static bool
see_one(const mds_registration_t *registration, bool *changed)
{
    mds_registry_result_t told = { 0 };
    mds_error_t         err;
    mds_status_t        status;

    *changed = false;
    status = mds_registry_record(&registry, registration, NOW_MS, true, &err, &told,
                              changed);

    fuzz_must(status == MDS_OK || status == MDS_DAMAGED);
    fuzz_must(told.dropped == 0);
    return status == MDS_OK;
}

static void
see(mds_str_t name)
{
    mds_registration_t registration = { .device = device,
                                .user = name,
                                .platform = mds_str("ios"),
                                .version = mds_str("1.2") };
    unsigned       devices = 0, of_user = 0;
    bool           news, changed;

    if (!see_one(&registration, &changed)) {
        return;
    }

    fuzz_must(see_one(&registration, &changed) && !changed);
    fuzz_must(mds_registry_is_stale(&registry, &registration, NOW_MS, NULL, &news)
                  == MDS_OK
              && !news);
    fuzz_must(mds_registry_visit_devices(&registry, mds_str("a"), visit, &devices,
                                   NULL)
                  == MDS_OK
              && devices == 1);
    fuzz_must(mds_registry_visit_user(&registry, mds_str("a"), name, visit,
                                   &of_user, NULL)
                  == MDS_OK
              && (name.len == 0 || of_user == 1));
}

static void
read_notes(void)
{
    mds_registry_notes_t notes;
    mds_status_t         status
        = mds_registry_notes(fuzz_table(), NULL, &notes);

    fuzz_must(status == MDS_OK || status == MDS_DAMAGED);

    if (status == MDS_OK) {
        fuzz_read(notes.at);
    }
}

/* One byte for the table, eight each for three numbers, then the record. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t  numbers[3];
    mds_str_t value, keys[]
        = { window, mds_str("\0\0\0\1d"), user, device,
            mds_str("a\0ux"), mds_str("tend") };
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
    registry = (struct mds_registry_s){ .env = { .reader = fuzz_table(),
                                                 .writer = fuzz_table() },
                                        .refresh_ms = 1000,
                                        .there = true };
    value = (mds_str_t){ size - 25, (const char *) data + 25 };
    table = data[0] % mds_nelems(keys);

    fuzz_table_clear();

    if (table < MDS_STATE_TABLES) {
        fuzz_table_put(table, keys[table], value);
        (void) !mds_state_audit(&state, NULL, &windows);
        admit(numbers[0]);
        mark(numbers[0], numbers[1], numbers[2]);

    } else {
        fuzz_table_put(table - MDS_STATE_TABLES, keys[table], value);
        (void) !mds_registry_audit(&registry, NULL);
        read_notes();
        see(value.len > 0 && value.data[0] == '-' ? mds_str("eve")
                                                  : mds_null_str);
    }

    fuzz_table_clear();
    return 0;
}
