/* What an edge shares: only the fleet admits and halts, what the edge tells it
 * is kept until it is acknowledged, and the feed is applied once, in order. */

#include <stdio.h>
#include <stdlib.h>

#include "base/mds_endian.h"
#include "base/mds_time.h"
#include "state/mds_fleet.h"
#include "state/mds_read_marks.h"
#include "state/mds_tally.h"
#include "state/mds_window.h"
#include "workdir.h"

#define NOW INT64_C(1000000)
#define KEY ((mds_str_t){ 9, "app\0rel-1" })
#define USER ((mds_str_t){ 7, "app\0ann" })

static mds_error_t   err;
static mds_state_t  *state;
static const uint8_t fleet_1[MDS_FLEET_BYTES] = "fleet number one";
static const uint8_t fleet_2[MDS_FLEET_BYTES] = "fleet number two";

static void
opened(const char *name)
{
    assert_true(shell("mkdir -p %s/state", name));
    assert_int_equal(mds_state_create(workdir(name), -1, -1, &err), MDS_OK);
    assert_int_equal(mds_state_open(workdir(name), &err, &state), MDS_OK);
}

static mds_status_t
wrote(mds_write_t *write)
{
    assert_int_equal(mds_state_write(state, write, 1, NOW, &err), MDS_OK);
    return write->status;
}

static mds_status_t
join(const uint8_t id[MDS_FLEET_BYTES])
{
    mds_write_t write = { .type = MDS_WRITE_JOIN };

    memcpy(write.join, id, MDS_FLEET_BYTES);
    return wrote(&write);
}

static mds_fleet_t
fleet(void)
{
    mds_fleet_t read;

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_fleet(state, &err, &read), MDS_OK);
    mds_state_end(state);

    return read;
}

static mds_admission_t
admit(const char *id, uint64_t limit, unsigned verdict)
{
    mds_write_t write = { .type = MDS_WRITE_ADMISSION,
                          .admission = { .window = KEY,
                                         .id = mds_str_of(id),
                                         .limit = limit,
                                         .until_ms = INT64_MAX,
                                         .verdict = verdict } };

    assert_int_equal(wrote(&write), MDS_OK);
    return write.admission;
}

static mds_window_t
window(void)
{
    mds_window_t found;

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_window(state, KEY, &err, &found), MDS_OK);
    mds_state_end(state);

    return found;
}

static mds_tally_t
tally(void)
{
    mds_tally_t found;

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_tally(state, KEY, &err, &found), MDS_OK);
    mds_state_end(state);

    return found;
}

static bool
has_read(uint64_t id)
{
    mds_read_marks_t marks;
    bool             has;

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_read_marks(state, USER, &err, &marks),
                     MDS_OK);
    has = mds_read_marks_has_read(&marks, id);
    mds_state_end(state);

    return has;
}

static void
mark(uint64_t first, uint64_t last)
{
    mds_run_t   run = { first, last };
    mds_write_t write
        = { .type = MDS_WRITE_READ_MARK,
            .read_mark = { .user = USER, .read = &run, .read_count = 1 } };

    assert_int_equal(wrote(&write), MDS_OK);
}

static void
report(uint64_t device, mds_report_event_t event)
{
    mds_write_t write = { .type = MDS_WRITE_REPORT,
                          .report = { .release = KEY,
                                      .device = device,
                                      .event = event,
                                      .detail = mds_str("why"),
                                      .instructed = true,
                                      .limit = { 2, 500000, 0 } } };

    assert_int_equal(wrote(&write), MDS_OK);
}

static mds_status_t
feed_after(uint64_t after, uint64_t number, const mds_fleet_entry_t *entry)
{
    uint8_t     bytes[512];
    size_t      len = entry == NULL
                          ? 0
                          : mds_fleet_entry_encode(entry, bytes, sizeof(bytes));
    mds_write_t write
        = { .type = MDS_WRITE_FEED_ENTRY,
            .feed_entry = { after, number, 100, entry == NULL ? 0 : entry->type,
                            { len, (char *) bytes } } };

    return wrote(&write);
}

static mds_fleet_entry_t
admission(const char *id)
{
    return (mds_fleet_entry_t){ .type = MDS_ENTRY_ADMISSION,
                                .admission = { KEY, mds_str_of(id), 77 } };
}

static void
ack(uint64_t through)
{
    mds_write_t write
        = { .type = MDS_WRITE_OUTBOX_ACK, .outbox_through = through };

    assert_int_equal(wrote(&write), MDS_OK);
}

static mds_frame_item_t  items[2000];
static mds_fleet_entry_t entries[2000];
static char              texts[2000][128];
static size_t            item_count;

static bool
keep(void *data, const mds_frame_item_t *item)
{
    size_t max = *(size_t *) data;

    items[item_count] = *item;
    assert_true(item->entry.len <= sizeof(texts[0]));
    memcpy(texts[item_count], item->entry.data, item->entry.len);
    assert_true(mds_fleet_entry_decode(
        item->type,
        (mds_str_t){ item->entry.len, texts[item_count] },
        &entries[item_count]));
    item_count++;

    return item_count < max;
}

static size_t
outbox(uint64_t after, size_t max)
{
    item_count = 0;
    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_visit_outbox(state, after, keep, &max, &err),
                     MDS_OK);
    mds_state_end(state);

    return item_count;
}

static void
closed(void)
{
    uint64_t windows;

    assert_int_equal(mds_state_audit(state, &err, &windows), MDS_OK);
    mds_state_close(state);
}

/* An edge that shares nothing has nothing of all this. */
static void
test_alone(void **unused)
{
    mds_fleet_entry_t entry = admission("a");

    (void) unused;
    opened("alone");
    assert_false(mds_fleet_is_shared(&(mds_fleet_t){ 0 }));
    assert_true(admit("a", 1, 0).admitted);
    assert_false(admit("b", 1, MDS_VERDICT_YES).admitted);
    mark(3, 4);
    report(1, MDS_EVENT_FAILED);
    report(2, MDS_EVENT_FAILED);
    assert_true(tally().halted);
    assert_int_equal(outbox(0, 10), 0);
    assert_int_equal(feed_after(0, 1, &entry), MDS_CONFLICT);
    assert_int_equal(fleet().number, 0);
    ack(7);
    closed();
}

static void
test_admission(void **unused)
{
    (void) unused;
    opened("admission");
    assert_true(admit("before", 2, 0).admitted);
    assert_int_equal(join(fleet_1), MDS_OK);
    assert_int_equal(join(fleet_1), MDS_OK);
    assert_int_equal(join(fleet_2), MDS_CONFLICT);
    assert_memory_equal(fleet().id, fleet_1, MDS_FLEET_BYTES);

    assert_true(admit("before", 2, 0).admitted);
    assert_false(admit("a", 2, 0).admitted);
    assert_int_equal(admit("a", 2, 0).verdict, MDS_VERDICT_UNKNOWN);
    assert_false(admit("a", 2, MDS_VERDICT_FULL).admitted);
    assert_int_equal(admit("a", 2, MDS_VERDICT_FULL).verdict, MDS_VERDICT_FULL);
    assert_false(admit("a", 2, MDS_VERDICT_UNKNOWN).admitted);
    assert_int_equal(window().count, 1);

    assert_true(admit("a", 2, MDS_VERDICT_YES).admitted);
    assert_true(admit("a", 2, MDS_VERDICT_UNKNOWN).admitted);
    assert_int_equal(window().count, 2);

    /* The fleet knows better than the edge's own count. */
    assert_true(admit("b", 2, MDS_VERDICT_YES).admitted);
    closed();
}

/* Returns when the oldest entry of the outbox was written. */
static int64_t
oldest(void)
{
    int64_t since_ms = -1;

    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_get_outbox_oldest(state, &err, &since_ms),
                     MDS_OK);
    mds_state_end(state);

    return since_ms;
}

static void
test_outbox(void **unused)
{
    int64_t begun_ms = mds_time_now_ms() / 1000 * 1000;

    (void) unused;
    opened("outbox");
    assert_int_equal(oldest(), 0);
    mark(1, 1);
    join(fleet_1);
    mark(3, 4);
    mark(3, 4); /* says nothing new */
    report(9, MDS_EVENT_FAILED);
    report(9, MDS_EVENT_FAILED);
    report(8, MDS_EVENT_FAILED);
    assert_false(tally().halted);
    assert_int_equal(tally().events[MDS_EVENT_FAILED], 2);

    assert_int_equal(outbox(0, 10), 3);
    assert_int_equal(items[0].number, 1);
    assert_int_equal(entries[0].type, MDS_ENTRY_MARK);
    assert_true(mds_str_eq(entries[0].mark.user, USER));
    assert_int_equal(entries[0].mark.runs.len, 16);
    assert_int_equal(items[2].number, 3);
    assert_int_equal(entries[2].report.device, 8);
    assert_int_equal(entries[2].report.limit.failure_ppm, 500000);
    assert_true(mds_str_eq(entries[2].report.detail, mds_str("why")));
    assert_int_equal(fleet().outbox_count, 3);
    assert_true(oldest() >= begun_ms && oldest() <= mds_time_now_ms());

    assert_int_equal(outbox(1, 1), 1);
    assert_int_equal(items[0].number, 2);

    ack(2);
    assert_int_equal(outbox(0, 10), 1);
    ack(2);
    ack(3);
    assert_int_equal(outbox(0, 10), 0);
    assert_int_equal(oldest(), 0);
    assert_int_equal(fleet().outbox_count, 0);
    assert_int_equal(fleet().outbox_bytes, 0);

    /* No number is used again. */
    mark(6, 6);
    assert_int_equal(outbox(0, 10), 1);
    assert_int_equal(items[0].number, 4);
    closed();
}

/* More than one transaction deletes. */
static void
test_many(void **unused)
{
    static mds_run_t   runs[1500];
    static mds_write_t writes[1500];

    (void) unused;
    opened("many");
    join(fleet_1);

    for (size_t i = 0; i < 1500; i++) {
        runs[i] = (mds_run_t){ 2 * i + 2, 2 * i + 2 };
        writes[i] = (mds_write_t){ .type = MDS_WRITE_READ_MARK,
                                   .read_mark = { .user = USER,
                                                  .read = &runs[i],
                                                  .read_count = 1 } };
    }

    assert_int_equal(mds_state_write(state, writes, 1500, NOW, &err), MDS_OK);

    assert_int_equal(outbox(0, 2000), 1500);
    ack(1400);
    assert_int_equal(outbox(0, 2000), 100);
    assert_int_equal(items[0].number, 1401);
    assert_int_equal(fleet().outbox_count, 100);

    /* The sweep of reporters does not take them for stale numbers. */
    assert_int_equal(mds_state_sweep_reporters(state, &err), MDS_OK);
    assert_int_equal(outbox(0, 2000), 100);
    closed();
}

static void
test_feed(void **unused)
{
    static const char runs[] = "\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\7";
    mds_fleet_entry_t a = admission("a"), b = admission("b");
    mds_fleet_entry_t full = { .type = MDS_ENTRY_WINDOW_FULL,
                               .window_full = { KEY, 2, 99 } };
    mds_fleet_entry_t marks = { .type = MDS_ENTRY_MARK,
                                .mark = { USER, 2, 1, { 16, runs } } };

    (void) unused;
    opened("feed");
    join(fleet_1);
    assert_int_equal(feed_after(0, 5, &a), MDS_OK);
    assert_int_equal(fleet().position, 5);
    assert_int_equal(fleet().last, 100);
    assert_int_equal(window().count, 1);
    assert_true(admit("a", 9, 0).admitted);

    assert_int_equal(feed_after(6, 7, &b), MDS_CONFLICT); /* 6 is missing */
    assert_int_equal(window().count, 1);
    assert_int_equal(feed_after(5, 7, &b), MDS_OK);
    assert_int_equal(feed_after(0, 5, &a), MDS_OK); /* again */
    assert_int_equal(feed_after(5, 7, &b), MDS_OK);
    assert_int_equal(window().count, 2);
    assert_int_equal(fleet().position, 7);
    assert_int_equal(window().full_ms, 0);

    assert_int_equal(feed_after(7, 8, &full), MDS_OK);
    assert_int_equal(window().full_ms, 99);
    assert_int_equal(feed_after(8, 9, &marks), MDS_OK);
    assert_true(has_read(6));
    assert_false(has_read(8));
    assert_int_equal(outbox(0, 10), 0); /* the feed is not sent back */
    assert_int_equal(feed_after(9, 9, NULL), MDS_OK);
    assert_int_equal(fleet().position, 9);
    closed();
}

static char     forgets[256];
static uint64_t forgets_last;

static bool
note_forget(void *data, uint64_t number, const mds_entry_forget_t *forget)
{
    size_t len = strlen(forgets);

    (void) data;
    forgets_last = number;
    (void) snprintf(forgets + len, sizeof(forgets) - len, "%.*s %lld, ",
                    (int) (forget->name.len - sizeof("app")),
                    forget->name.data + sizeof("app"),
                    (long long) forget->when_ms);

    return number != 6;
}

/* Returns the names that are to be forgotten, and when. */
static const char *
to_forget(void)
{
    forgets[0] = 0;
    assert_int_equal(mds_state_begin(state, &err), MDS_OK);
    assert_int_equal(mds_state_visit_forgets(state, note_forget, NULL, &err),
                     MDS_OK);
    mds_state_end(state);

    return forgets;
}

/* Names are kept until they were forgotten, also by a state that is opened
 * again, and beside an outbox. */
static void
test_forget(void **unused)
{
    mds_fleet_entry_t ann = { .type = MDS_ENTRY_FORGET, .forget = { USER, 7 } };
    mds_fleet_entry_t rel = { .type = MDS_ENTRY_FORGET, .forget = { KEY, 9 } };
    mds_write_t       write = { .type = MDS_WRITE_FORGOTTEN };
    uint64_t          left;

    (void) unused;
    opened("forget");
    join(fleet_1);
    mark(10, 10);
    assert_string_equal(to_forget(), "");
    assert_int_equal(feed_after(0, 4, &ann), MDS_OK);
    assert_int_equal(feed_after(0, 4, &ann), MDS_OK); /* again */
    assert_int_equal(feed_after(4, 5, &rel), MDS_OK);
    assert_int_equal(fleet().position, 5);
    mds_state_close(state);
    assert_int_equal(mds_state_open(workdir("forget"), &err, &state), MDS_OK);
    assert_string_equal(to_forget(), "ann 7, rel-1 9, ");
    assert_int_equal(forgets_last, 5);
    assert_int_equal(mds_state_sweep_reporters(state, &err), MDS_OK);

    write.forgotten_through = 4;
    assert_int_equal(wrote(&write), MDS_OK);
    assert_string_equal(to_forget(), "rel-1 9, ");
    assert_int_equal(outbox(0, 10), 1);
    ack(100);
    assert_int_equal(feed_after(5, 6, &ann), MDS_OK);
    assert_int_equal(feed_after(6, 7, &ann), MDS_OK);
    assert_string_equal(to_forget(), "rel-1 9, ann 7, "); /* it ends there */

    /* An edge that leaves has to forget still. */
    assert_int_equal(mds_state_leave_fleet(state, &err, &left), MDS_OK);
    assert_string_equal(to_forget(), "rel-1 9, ann 7, ");
    write.forgotten_through = 7;
    assert_int_equal(wrote(&write), MDS_OK);
    assert_string_equal(to_forget(), "");
    closed();
}

static bool
exists_not(void *data, mds_str_t app, mds_str_t id)
{
    (void) data;
    (void) app;
    (void) id;
    return false;
}

/* A halt may come before the release: gc keeps it, until it has ended or the
 * edge shares no more. */
static void
test_halt_first(void **unused)
{
    mds_fleet_entry_t halt
        = { .type = MDS_ENTRY_HALT, .halt = { KEY, 10, 5, 11 } };
    mds_fleet_entry_t again
        = { .type = MDS_ENTRY_HALT, .halt = { KEY, 30, 5, 11 } };
    mds_fleet_entry_t resume
        = { .type = MDS_ENTRY_RESUME, .resume = { KEY, 12 } };
    uint64_t left;

    (void) unused;
    opened("halt_first");
    assert_int_equal(join(fleet_1), MDS_OK);
    assert_int_equal(feed_after(0, 1, &halt), MDS_OK);
    assert_int_equal(mds_state_forget_tallies(state, exists_not, NULL, &err),
                     MDS_OK);
    assert_true(tally().halted);

    assert_int_equal(feed_after(1, 2, &resume), MDS_OK);
    assert_int_equal(feed_after(2, 3, &again), MDS_OK);
    assert_int_not_equal(tally().number, 0);
    assert_int_equal(mds_state_forget_tallies(state, exists_not, NULL, &err),
                     MDS_OK);
    assert_true(tally().halted);

    assert_int_equal(mds_state_leave_fleet(state, &err, &left), MDS_OK);
    assert_int_equal(mds_state_forget_tallies(state, exists_not, NULL, &err),
                     MDS_OK);
    assert_false(tally().halted);
    mds_state_close(state);
}

/* A feed that is applied again from its beginning ends as it did: one of a halt
 * and a resumption, and one of two. */
static void
test_halt(void **unused)
{
    mds_fleet_entry_t halts[]
        = { { .type = MDS_ENTRY_HALT, .halt = { KEY, 10, 5, 11 } },
            { .type = MDS_ENTRY_RESUME, .resume = { KEY, 12 } },
            { .type = MDS_ENTRY_HALT, .halt = { KEY, 20, 9, 13 } },
            { .type = MDS_ENTRY_RESUME, .resume = { KEY, 14 } } };
    uint64_t left;

    (void) unused;
    opened("halt");

    for (unsigned round = 0; round < 4; round++) {
        size_t count = round < 2 ? 2 : 4;

        assert_int_equal(join(round % 2 == 0 ? fleet_1 : fleet_2), MDS_OK);
        assert_int_equal(outbox(0, 10), 0);

        for (uint64_t i = 0; i < count; i++) {
            assert_int_equal(feed_after(i, i + 1, &halts[i]), MDS_OK);
            assert_int_equal(tally().halted, i % 2 == 0);
        }

        assert_int_equal(tally().halted_ms, halts[count - 2].halt.when_ms);
        assert_int_equal(tally().halted_failures,
                         halts[count - 2].halt.failures);
        assert_int_equal(tally().resumed_ms, halts[count - 1].resume.when_ms);

        mark(10 + round, 10 + round);
        assert_int_equal(mds_state_leave_fleet(state, &err, &left), MDS_OK);
        assert_int_equal(left, 1);
        assert_int_equal(fleet().position, 0);
    }

    closed();
}

/* Marks a thousand messages of a user, one by one: 16 KB. */
static mds_status_t
mark_many(unsigned user)
{
    static mds_run_t runs[1000];
    char             key[32];
    mds_write_t      write = { .type = MDS_WRITE_READ_MARK,
                               .read_mark = { .read = runs, .read_count = 1000 } };

    for (size_t i = 0; i < 1000; i++) {
        runs[i] = (mds_run_t){ 2 * i + 1, 2 * i + 1 };
    }

    write.read_mark.user
        = (mds_str_t){ (size_t) snprintf(key, sizeof(key), "app%cu%u", 0, user),
                       key };

    return mds_state_write(state, &write, 1, NOW, &err);
}

/* What has no room is dropped and counted, and what was acknowledged makes
 * room, also in a state that is full. */
static void
test_room(void **unused)
{
    uint64_t    number;
    unsigned    user = 0;
    mds_write_t device = { .type = MDS_WRITE_OUTBOX,
                           .outbox = { MDS_ENTRY_DEVICE, mds_str("d") } };

    (void) unused;
    opened("room");
    mds_state_set_limit(state, 16 * 1024 * 1024);
    join(fleet_1);

    while (fleet().dropped == 0) {
        assert_int_equal(mark_many(user++), MDS_OK);
    }

    number = fleet().number;
    assert_int_equal(fleet().outbox_count, number);
    assert_in_range(fleet().outbox_bytes, 1000 * 1024, 1024 * 1024);
    assert_int_equal(wrote(&device), MDS_OK);
    assert_int_equal(fleet().dropped, 2);

    ack(number / 3);
    assert_int_equal(wrote(&device), MDS_OK);
    assert_int_equal(fleet().dropped, 3); /* devices take half of it */
    mark(1, 1);
    assert_int_equal(fleet().dropped, 3);
    ack(number - 1);
    assert_int_equal(wrote(&device), MDS_OK);
    assert_int_equal(fleet().dropped, 3);

    while (mark_many(user++) == MDS_OK) {
        assert_in_range(user, 1, 10000);
    }

    assert_int_equal(err.status, MDS_NO_SPACE);
    ack(UINT64_MAX);
    assert_int_equal(fleet().outbox_count, 0);
    assert_int_equal(fleet().outbox_bytes, 0);
    closed();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),  cmocka_unit_test(test_admission),
        cmocka_unit_test(test_outbox), cmocka_unit_test(test_many),
        cmocka_unit_test(test_feed),   cmocka_unit_test(test_halt),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_halt_first),
        cmocka_unit_test(test_room),
    };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
