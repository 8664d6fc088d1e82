/*
 * Writes of the state: their deep copies, of whose originals nothing is used any
 * more, and reports that cannot be written, because the disk is full or fails.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "state/mds_state.h"
#include "state/mds_tally.h"
#include "workdir.h"

/* The errors of the disk; 0: it works. LMDB finds these functions before those
 * of libc. */
static int write_errno, sync_errno;

static ssize_t
fail_write(void)
{
    errno = write_errno;
    return -1;
}

ssize_t
pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    return write_errno != 0 ? fail_write()
                            : syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
    return write_errno != 0 ? fail_write()
                            : syscall(SYS_writev, fd, parts, count);
}

int
fdatasync(int fd)
{
    if (sync_errno != 0) {
        errno = sync_errno;
        return -1;
    }

    return (int) syscall(SYS_fdatasync, fd);
}

static void
copies_of_writes_own_their_bytes(void **unused)
{
    char        window[] = "app\0release", id[] = "device", user[] = "app\0me";
    mds_run_t   runs[2] = { { 1, 3 }, { 7, 7 } };
    mds_write_t writes[3] = {
        { .type = MDS_WRITE_ADMISSION,
          .admission = { .window = { sizeof(window) - 1, window },
                         .id = { sizeof(id) - 1, id },
                         .limit = 5,
                         .until_ms = 6 } },
        { .type = MDS_WRITE_READ_MARK,
          .read_mark = { .user = { sizeof(user) - 1, user },
                    .delete_through = 9,
                    .read = runs,
                    .read_count = 2,
                    .oldest = 4 } },
        { .type = MDS_WRITE_READ_MARK },
    };
    mds_write_t copies[3];
    size_t      bytes = 0;
    char       *memory, *p;

    (void) unused;

    for (size_t i = 0; i < mds_nelems(writes); i++) {
        assert_int_equal(mds_write_bytes(&writes[i]) % sizeof(mds_run_t), 0);
        bytes += mds_write_bytes(&writes[i]);
    }

    /* Just as many bytes as were asked for: a sanitizer sees one more. */
    memory = malloc(bytes);
    assert_non_null(memory);
    p = memory;

    for (size_t i = 0; i < mds_nelems(writes); i++) {
        p = mds_write_copy(&writes[i], p, &copies[i]);
    }

    assert_ptr_equal(p, memory + bytes);

    memset(window, 'x', sizeof(window));
    memset(id, 'x', sizeof(id));
    memset(user, 'x', sizeof(user));
    memset(runs, 0xff, sizeof(runs));

    assert_true(mds_str_eq(copies[0].admission.window,
                           (mds_str_t){ 11, "app\0release" }));
    assert_true(mds_str_eq(copies[0].admission.id, mds_str("device")));
    assert_int_equal(copies[0].admission.limit, 5);
    assert_int_equal(copies[0].admission.until_ms, 6);

    assert_true(
        mds_str_eq(copies[1].read_mark.user, (mds_str_t){ 6, "app\0me" }));
    assert_int_equal(copies[1].read_mark.read_count, 2);
    assert_int_equal(copies[1].read_mark.read[0].first, 1);
    assert_int_equal(copies[1].read_mark.read[0].last, 3);
    assert_int_equal(copies[1].read_mark.read[1].first, 7);
    assert_int_equal(copies[1].read_mark.delete_through, 9);
    assert_int_equal(copies[1].read_mark.oldest, 4);

    assert_int_equal(copies[2].read_mark.user.len, 0);
    assert_int_equal(copies[2].read_mark.read_count, 0);

    free(memory);
}

static mds_error_t err;

static const mds_str_t release = { 5, "app\0r" };

static mds_status_t
report(mds_state_t *state, uint64_t device)
{
    mds_write_t write
        = { .type = MDS_WRITE_REPORT,
            .report = { .release = release,
                        .device = device,
                        .event = MDS_EVENT_CRASHED,
                        .detail = mds_str("out of memory"),
                        .instructed = true,
                        .limit = { .min_reports = 2, .failure_ppm = 500000 } } };

    return mds_state_write(state, &write, 1, 1000, &err);
}

static mds_tally_t
tally_of(mds_state_t *state)
{
    mds_tally_t tally;

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_tally(state, release, &err, &tally), MDS_OK);
    mds_state_end(state);
    return tally;
}

/* A report that fails halts nothing, and counts once when it is repeated. */
static void
fails(int *error, int value, mds_status_t expected, const char *words)
{
    mds_state_t *state;
    mds_tally_t  tally;

    mkdir(workdir("state"), 0700);
    assert_int_equal(mds_state_create(workdir("."), -1, -1, &err), MDS_OK);
    assert_int_equal(mds_state_open(workdir("."), &err, &state), MDS_OK);
    assert_int_equal(report(state, 1), MDS_OK);

    *error = value;
    assert_int_equal(report(state, 2), expected);
    assert_non_null(strstr(err.text, words));
    assert_int_equal(report(state, 2), expected);
    *error = 0;

    tally = tally_of(state);
    assert_int_equal(tally.events[MDS_EVENT_CRASHED], 1);
    assert_false(tally.halted);

    assert_int_equal(report(state, 2), MDS_OK);
    assert_int_equal(report(state, 2), MDS_OK);
    tally = tally_of(state);
    assert_int_equal(tally.events[MDS_EVENT_CRASHED], 2);
    assert_true(tally.halted);
    mds_state_close(state);
    assert_true(shell("rm -r state"));
}

static void
reports_on_a_full_disk(void **unused)
{
    (void) unused;
    fails(&write_errno, ENOSPC, MDS_NO_SPACE, "No space left");
    fails(&write_errno, EIO, MDS_IO, "Input/output error");
}

static void
reports_whose_sync_fails(void **unused)
{
    (void) unused;
    fails(&sync_errno, EIO, MDS_IO, "Input/output error");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_of_writes_own_their_bytes),
        cmocka_unit_test(reports_on_a_full_disk),
        cmocka_unit_test(reports_whose_sync_fails),
    };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
