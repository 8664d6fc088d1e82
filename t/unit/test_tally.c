/*
 * Reports: what counts once, what halts a release, what is forgotten, and the
 * summary of their texts; the filter of the devices that were told to install.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "prng.h"
#include "state/mds_install_filter.h"
#include "state/mds_tally.h"
#include "workdir.h"

static mds_error_t  err;
static mds_state_t *state;

static const mds_halt_t half_of_four = { .min_reports = 4,
                                         .failure_ppm = 500000 };

static int
setup(void **data)
{
    assert_int_equal(workdir_make(data), 0);
    mkdir(workdir("state"), 0700);

    return mds_state_create(workdir("."), -1, -1, &err) == MDS_OK
                   && mds_state_open(workdir("."), &err, &state) == MDS_OK
               ? 0
               : -1;
}

static int
teardown(void **data)
{
    mds_state_close(state);
    return workdir_remove(data);
}

#define RELEASE mds_str("app\0rel")

static mds_report_t
report_of(uint64_t device, mds_report_event_t event, bool instructed)
{
    return (mds_report_t){ .release = RELEASE,
                           .device = device,
                           .event = event,
                           .instructed = instructed,
                           .limit = half_of_four };
}

static mds_report_t
put(mds_report_t report)
{
    mds_write_t write = { .type = MDS_WRITE_REPORT, .report = report };

    assert_int_equal(mds_state_write(state, &write, 1, 1000, &err), MDS_OK);
    assert_int_equal(write.status, MDS_OK);
    return write.report;
}

static mds_tally_t
tally_of(mds_str_t release)
{
    mds_tally_t tally;

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_tally(state, release, &err, &tally), MDS_OK);
    mds_state_end(state);
    return tally;
}

static void
test_once(void **data)
{
    mds_tally_t tally = tally_of(RELEASE);

    (void) data;
    assert_int_equal(tally.number, 0);
    assert_true(put(report_of(1, MDS_EVENT_DOWNLOADED, true)).counted);
    assert_false(put(report_of(1, MDS_EVENT_DOWNLOADED, true)).counted);
    assert_true(put(report_of(2, MDS_EVENT_DOWNLOADED, false)).counted);
    assert_true(put(report_of(1, MDS_EVENT_INSTALLED, true)).counted);

    tally = tally_of(RELEASE);
    assert_int_equal(tally.events[MDS_EVENT_DOWNLOADED], 2);
    assert_int_equal(tally.events[MDS_EVENT_INSTALLED], 1);
    assert_int_equal(mds_tally_ends(&tally), 1);
    assert_int_equal(mds_tally_failures(&tally), 0);
}

/* A device counts by its last report, also by one that it repeats. */
static void
test_last(void **data)
{
    mds_tally_t tally;

    (void) data;
    put(report_of(1, MDS_EVENT_INSTALLED, true));
    put(report_of(1, MDS_EVENT_CRASHED, true));
    tally = tally_of(RELEASE);
    assert_int_equal(mds_tally_ends(&tally), 1);
    assert_int_equal(mds_tally_failures(&tally), 1);
    assert_int_equal(tally.events[MDS_EVENT_INSTALLED], 1);

    assert_false(put(report_of(1, MDS_EVENT_INSTALLED, true)).counted);
    tally = tally_of(RELEASE);
    assert_int_equal(mds_tally_ends(&tally), 1);
    assert_int_equal(mds_tally_failures(&tally), 0);

    /* A download is no end. */
    put(report_of(1, MDS_EVENT_FAILED, true));
    put(report_of(1, MDS_EVENT_DOWNLOADED, true));
    tally = tally_of(RELEASE);
    assert_int_equal(mds_tally_failures(&tally), 1);
}

static uint64_t
halts(void)
{
    uint64_t serial;

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_halt_serial(state, &err, &serial), MDS_OK);
    mds_state_end(state);
    return serial;
}

static void
test_halted(void **data)
{
    mds_report_t report;
    mds_tally_t  tally;

    (void) data;

    /* Made-up devices are counted, and halt nothing. */
    for (uint64_t i = 100; i < 110; i++) {
        assert_false(put(report_of(i, MDS_EVENT_CRASHED, false)).halted);
    }

    assert_false(put(report_of(1, MDS_EVENT_CRASHED, true)).halted);
    assert_false(put(report_of(2, MDS_EVENT_FAILED, true)).halted);
    assert_false(put(report_of(3, MDS_EVENT_INSTALLED, true)).halted);
    assert_false(tally_of(RELEASE).halted);

    report = put(report_of(4, MDS_EVENT_INSTALLED, true));
    assert_true(report.halted);
    assert_int_equal(report.ends, 4);
    assert_int_equal(report.failures, 2);
    assert_false(put(report_of(5, MDS_EVENT_FAILED, true)).halted);
    assert_int_equal(halts(), 1);

    tally = tally_of(RELEASE);
    assert_true(tally.halted);
    assert_int_equal(tally.halted_ms, 1000);
    assert_int_equal(tally.halted_ends, 4);
    assert_int_equal(tally.halted_failures, 2);
    assert_int_equal(tally.events[MDS_EVENT_CRASHED], 11);
    assert_int_equal(mds_tally_ends(&tally), 5);
}

/* Of how many ends halt which percentage. */
static void
test_limit(void **data)
{
    mds_halt_t limit = { .min_reports = 200, .failure_ppm = 25000 };

    (void) data;
    assert_false(mds_halt_is_reached(&limit, 199, 199));
    assert_false(mds_halt_is_reached(&limit, 200, 4));
    assert_true(mds_halt_is_reached(&limit, 200, 5));
    assert_false(mds_halt_is_reached(&limit, 201, 5));
    assert_true(mds_halt_is_reached(&limit, 1000, 25));
    assert_false(mds_halt_is_reached(&limit, 1000, 24));
    assert_false(mds_halt_is_reached(&limit, UINT64_C(40000000000), 999999999));
    assert_true(mds_halt_is_reached(&limit, UINT64_C(40000000000), 1000000000));
    limit.failure_ppm = 1;
    assert_false(mds_halt_is_reached(&limit, 200, 0));
    assert_true(mds_halt_is_reached(&limit, 200, 1));
    limit.failure_ppm = 1000000;
    assert_false(mds_halt_is_reached(&limit, 200, 199));
    assert_true(mds_halt_is_reached(&limit, 200, 200));
    limit.failure_ppm = 0;
    assert_false(mds_halt_is_reached(&limit, 200, 200));
}

/* Of the reporters of every number. */
static uint64_t
reporters(void)
{
    uint64_t windows, count;

    /* The table is read as a whole, too. */
    assert_int_equal(mds_state_audit(state, &err, &windows), MDS_OK);
    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    count = mds_state_reporter_count(state);
    mds_state_end(state);
    return count;
}

static void
test_resumed(void **data)
{
    mds_tally_t tally;
    bool        halted = true;

    (void) data;
    assert_int_equal(mds_state_resume(state, RELEASE, 5, &err, &halted),
                     MDS_OK);
    assert_false(halted);

    for (uint64_t i = 1; i <= 200; i++) {
        put(report_of(i, MDS_EVENT_CRASHED, true));
    }

    assert_true(tally_of(RELEASE).halted);
    assert_int_equal(mds_state_resume(state, RELEASE, 2000, &err, &halted),
                     MDS_OK);
    assert_true(halted);
    assert_int_equal(halts(), 2);
    tally = tally_of(RELEASE);
    assert_false(tally.halted);
    assert_int_equal(tally.halted_ms, 1000);
    assert_int_equal(tally.resumed_ms, 2000);
    assert_int_equal(mds_tally_ends(&tally), 0);
    assert_int_equal(tally.events[MDS_EVENT_CRASHED], 0);

    /* The same devices count anew, and what they said before is deleted by and
     * by. */
    assert_int_equal(reporters(), 200);
    assert_true(put(report_of(1, MDS_EVENT_CRASHED, true)).counted);
    assert_int_equal(reporters(), 137);
    put(report_of(2, MDS_EVENT_CRASHED, true));
    put(report_of(3, MDS_EVENT_CRASHED, true));
    assert_true(put(report_of(4, MDS_EVENT_CRASHED, true)).halted);
    assert_int_equal(reporters(), 4);
}

static bool
exists(void *data, mds_str_t app, mds_str_t id)
{
    return mds_str_eq(app, mds_str("app2")) || mds_str_eq(id, mds_str_of(data));
}

static void
test_forgotten(void **data)
{
    mds_report_t other = report_of(7, MDS_EVENT_INSTALLED, true);

    (void) data;

    for (uint64_t i = 1; i <= 100; i++) {
        put(report_of(i, MDS_EVENT_CRASHED, true));
    }

    other.release = mds_str("app\0other");
    put(other);
    other.release = mds_str("app2\0rel");
    put(other);

    assert_int_equal(mds_state_forget_tallies(state, exists, "other", &err),
                     MDS_OK);
    assert_int_equal(tally_of(RELEASE).number, 0);
    assert_int_equal(tally_of(mds_str("app\0other")).number, 2);
    assert_int_equal(tally_of(mds_str("app2\0rel")).number, 3);
    assert_int_equal(reporters(), 102);
    assert_int_equal(mds_state_sweep_reporters(state, &err), MDS_OK);
    assert_int_equal(reporters(), 2);

    /* A new release of the id has a number of its own. */
    assert_true(put(report_of(1, MDS_EVENT_CRASHED, true)).counted);
    assert_int_equal(tally_of(RELEASE).number, 4);
    assert_int_equal(tally_of(RELEASE).events[MDS_EVENT_CRASHED], 1);
}

/* --- details */

static void
say(uint64_t device, const char *text)
{
    mds_report_t report = report_of(device, MDS_EVENT_FAILED, false);

    report.detail = mds_str_of(text);
    put(report);
}

static void
test_details(void **data)
{
    mds_details_t details;
    mds_tally_t   tally;
    uint64_t      device = 0;
    char          text[32];

    (void) data;

    for (int i = 0; i < 40; i++) {
        say(++device, "disk full");
        say(device, "said twice");
        say(++device, i % 2 == 0 ? "no memory" : "");
    }

    /* Rare ones do not drive out a frequent one. */
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "odd %d", i);
        say(++device, text);
    }

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_tally(state, RELEASE, &err, &tally), MDS_OK);
    assert_int_equal(mds_state_get_details(state, &tally, &err, &details),
                     MDS_OK);
    assert_int_equal(details.count, MDS_DETAILS_SHOWN);
    assert_true(mds_str_eq(details.items[0].text, mds_str("disk full")));
    assert_int_equal(details.items[0].count, 40);
    assert_int_equal(details.items[0].error, 0);
    assert_true(mds_str_eq(details.items[1].text, mds_str("no memory")));
    assert_int_equal(details.items[1].count, 20);
    assert_true(details.items[2].error > 0);
    mds_state_end(state);
}

/* The summary's bounds hold for any stream. */
static void
test_summary(void **data)
{
    static char    texts[400][16];
    static uint8_t bytes[MDS_DETAILS_BYTES_MAX];
    uint64_t       counts[400] = { 0 }, all = 0;
    prng_t         prng;
    mds_details_t  details = { .count = 0 }, read;

    (void) data;

    prng_seed(&prng);

    for (int i = 0; i < 400; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%d", i);
    }

    for (int i = 0; i < 100000; i++) {
        unsigned n = prng_below(&prng, 1 + prng_below(&prng, 400));

        counts[n]++;
        all++;
        mds_details_add(&details, mds_str_of(texts[n]));
    }

    assert_int_equal(details.count, MDS_DETAILS_KEPT);

    for (size_t i = 0; i < details.count; i++) {
        const mds_detail_t *item = &details.items[i];
        uint64_t            real = counts[atoi(item->text.data)];

        assert_true(item->count >= real && item->count - item->error <= real);
        assert_true(item->error <= all / MDS_DETAILS_KEPT);
    }

    assert_true(mds_details_read(
        (mds_str_t){ mds_details_write(&details, bytes), (char *) bytes },
        &read));
    assert_int_equal(read.count, MDS_DETAILS_KEPT);
    assert_true(mds_str_eq(read.items[63].text, details.items[63].text));
    assert_int_equal(read.items[63].count, details.items[63].count);
    assert_false(mds_details_read((mds_str_t){ 17, (char *) bytes }, &read));
    bytes[16] = 0xff;
    assert_false(mds_details_read((mds_str_t){ 300, (char *) bytes }, &read));
}

/* Reports leave room for windows. */
static void
test_room(void **data)
{
    mds_write_t  admission = { .type = MDS_WRITE_ADMISSION,
                               .admission = { .window = RELEASE,
                                              .id = mds_str("d"),
                                              .limit = 5,
                                              .until_ms = INT64_MAX } };
    mds_write_t  report = { .type = MDS_WRITE_REPORT };
    mds_status_t status = MDS_OK;
    uint64_t     device = 0;

    (void) data;
    mds_state_set_limit(state, UINT64_C(32) << 20);

    while (status == MDS_OK && device < 400000) {
        mds_write_t writes[500];

        for (int i = 0; i < 500; i++) {
            writes[i] = report;
            writes[i].report = report_of(++device * UINT64_C(0x9e3779b97f4a7c15),
                                         MDS_EVENT_INSTALLED, true);
        }

        assert_int_equal(mds_state_write(state, writes, 500, 1, &err), MDS_OK);
        status = writes[499].status;
    }

    assert_int_equal(status, MDS_NO_SPACE);
    assert_true(device > 30000);
    assert_true(mds_state_bytes(state) < UINT64_C(6) << 20);
    assert_int_equal(mds_state_write(state, &admission, 1, 1, &err), MDS_OK);
    assert_true(admission.admission.admitted);
}

/* The smallest state for which the manual promises it takes some reports. */
static void
test_smallest_room(void **data)
{
    (void) data;
    mds_state_set_limit(state, UINT64_C(4) << 20);

    for (uint64_t i = 0; i < 100; i++) {
        mds_write_t write = { .type = MDS_WRITE_REPORT };

        write.report = report_of(i * UINT64_C(0x9e3779b97f4a7c15),
                                 MDS_EVENT_INSTALLED, true);
        assert_int_equal(mds_state_write(state, &write, 1, 1, &err), MDS_OK);
        assert_int_equal(write.status, MDS_OK);
    }
}

/* --- the filter */

static mds_install_filter_t *
open_filter(void)
{
    mds_install_filter_t *filter;

    assert_int_equal(mds_install_filter_open(workdir("."), 1 << 18, &err,
                                             &filter),
                     MDS_OK);
    return filter;
}

static void
test_filter(void **data)
{
    mds_install_filter_t *filter = open_filter(), *other = open_filter();
    uint64_t              hash = mds_install_hash(RELEASE, mds_str("d1"));
    unsigned              kept = 0, wrong = 0;

    (void) data;
    assert_true(hash != mds_install_hash(RELEASE, mds_str("d2")));
    assert_true(hash != mds_install_hash(mds_str("app\0re"), mds_str("ld1")));
    assert_int_equal(mds_install_filter_bytes(filter), (1 << 18) + 64);
    assert_false(mds_install_filter_has(filter, hash));
    mds_install_filter_add(filter, hash);
    assert_true(mds_install_filter_has(filter, hash));
    assert_true(mds_install_filter_has(other, hash));

    /* It survives, and has the size that it had. */
    mds_install_filter_close(other);
    mds_install_filter_close(filter);
    assert_int_equal(mds_install_filter_open(workdir("."), 1 << 20, &err,
                                             &filter),
                     MDS_OK);
    assert_int_equal(mds_install_filter_bytes(filter), (1 << 18) + 64);
    assert_true(mds_install_filter_has(filter, hash));

    /* More devices than there is room for: some are forgotten, none is taken
     * for another. */
    for (uint64_t i = 1; i <= 100000; i++) {
        mds_install_filter_add(filter, i);
    }

    for (uint64_t i = 1; i <= 100000; i++) {
        kept += mds_install_filter_has(filter, i) ? 1 : 0;
        wrong += mds_install_filter_has(filter, i << 32) ? 1 : 0;
    }

    assert_in_range(kept, 60000, 65536);
    assert_true(wrong <= 2);
    mds_install_filter_close(filter);
}

static void
test_filter_damaged(void **data)
{
    mds_install_filter_t *filter = open_filter();
    uint64_t              hash = 5;

    (void) data;
    mds_install_filter_add(filter, hash);
    mds_install_filter_close(filter);

    /* It is made anew. */
    assert_int_equal(truncate(workdir("state/installs"), 100), 0);
    filter = open_filter();
    assert_false(mds_install_filter_has(filter, hash));
    mds_install_filter_close(filter);

    assert_int_equal(unlink(workdir("state/installs")), 0);
    assert_int_equal(symlink("/etc/passwd", workdir("state/installs")), 0);
    assert_int_not_equal(mds_install_filter_open(workdir("."), 1, &err,
                                                 &filter),
                         MDS_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last, setup, teardown),
        cmocka_unit_test_setup_teardown(test_halted, setup, teardown),
        cmocka_unit_test(test_limit),
        cmocka_unit_test_setup_teardown(test_resumed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(test_details, setup, teardown),
        cmocka_unit_test(test_summary),
        cmocka_unit_test_setup_teardown(test_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_smallest_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filter_damaged, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
