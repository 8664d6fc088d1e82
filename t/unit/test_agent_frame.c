/* The frames of workers and agent: what is written is read as it was, and what
 * is cut, too long or of another kind is refused. */

#include "workdir.h"

#include "fleet/mds_agent_frame.h"

static uint8_t     room[MDS_FRAME_MAX];
static mds_error_t err;

#define KEY ((mds_str_t){ 9, "app\0rel-1" })

static mds_frame_t
parse(size_t bytes)
{
    mds_frame_t frame;
    size_t      taken;

    assert_int_not_equal(bytes, 0);
    assert_int_equal(mds_frame_parse((mds_str_t){ bytes, (char *) room }, &err,
                                     &frame, &taken),
                     MDS_OK);
    assert_int_equal(taken, bytes);

    for (size_t cut = 0; cut < bytes; cut++) {
        mds_frame_t unused;

        assert_int_equal(mds_frame_parse((mds_str_t){ cut, (char *) room },
                                         &err, &unused, &taken),
                         MDS_AGAIN);
    }

    return frame;
}

static void
test_plain(void **unused)
{
    mds_frame_hello_t   hello = { 1, 77, "fleet-of-sixteen", 1u << 31, true };
    mds_frame_welcome_t welcome = { 1, true, "fleet-of-sixteen", false };
    mds_frame_hello_t   hello_read;
    mds_frame_welcome_t welcome_read;
    mds_frame_t         frame;
    uint64_t            position;
    bool                reachable;

    (void) unused;
    frame = parse(mds_frame_put_hello(&hello, room, sizeof(room)));
    assert_true(mds_frame_get_hello(&frame, &hello_read));
    assert_int_equal(hello_read.protocol, 1);
    assert_int_equal(hello_read.pid, 77);
    assert_memory_equal(hello_read.fleet, hello.fleet, MDS_FLEET_BYTES);
    assert_int_equal(hello_read.position, 1u << 31);
    assert_true(hello_read.wants_feed);
    assert_false(mds_frame_get_welcome(&frame, &welcome_read));
    frame.payload.len--;
    assert_false(mds_frame_get_hello(&frame, &hello_read));

    frame = parse(mds_frame_put_welcome(&welcome, room, sizeof(room)));
    assert_true(mds_frame_get_welcome(&frame, &welcome_read));
    assert_true(welcome_read.shared);
    assert_false(welcome_read.reachable);
    assert_memory_equal(welcome_read.fleet, welcome.fleet, MDS_FLEET_BYTES);

    frame = parse(mds_frame_put_position(MDS_FRAME_OUTBOX_ACK, UINT64_MAX, room,
                                         sizeof(room)));
    assert_true(mds_frame_get_position(&frame, &position));
    assert_true(position == UINT64_MAX);
    assert_false(mds_frame_get_reachable(&frame, &reachable));

    frame = parse(mds_frame_put_reachable(true, room, sizeof(room)));
    assert_true(mds_frame_get_reachable(&frame, &reachable));
    assert_true(reachable);

    assert_int_equal(mds_frame_put_hello(&hello, room, 20), 0);
    assert_int_equal(mds_frame_put_reachable(true, room, 0), 0);
}

static void
test_admit(void **unused)
{
    mds_frame_admit_t  admit = { KEY, mds_str("device"), 1000, INT64_C(-1) };
    mds_frame_admit_t  read;
    mds_frame_list_t   list;
    mds_frame_t        frame;
    mds_verdict_t      verdict;
    mds_frame_writer_t writer
        = mds_frame_begin(MDS_FRAME_ADMIT, 5, room, sizeof(room));

    (void) unused;
    assert_true(mds_frame_add_admit(&writer, &admit));
    admit.id = mds_str("");
    assert_true(mds_frame_add_admit(&writer, &admit));
    frame = parse(mds_frame_end(&writer));
    assert_int_equal(frame.number, 5);
    assert_false(mds_frame_read_admitted(&frame, &list));
    assert_true(mds_frame_read_admit(&frame, &list));
    assert_int_equal(list.count, 2);
    assert_true(mds_frame_next_admit(&list, &read));
    assert_true(mds_str_eq(read.window, KEY));
    assert_true(mds_str_eq(read.id, mds_str("device")));
    assert_int_equal(read.limit, 1000);
    assert_int_equal(read.until_ms, -1);
    assert_false(mds_frame_list_is_whole(&list));
    assert_true(mds_frame_next_admit(&list, &read));
    assert_int_equal(read.id.len, 0);
    assert_false(mds_frame_next_admit(&list, &read));
    assert_true(mds_frame_list_is_whole(&list));

    writer = mds_frame_begin(MDS_FRAME_ADMITTED, 5, room, sizeof(room));
    assert_true(mds_frame_add_verdict(&writer, MDS_VERDICT_FULL));
    assert_true(mds_frame_add_verdict(&writer, MDS_VERDICT_YES));
    frame = parse(mds_frame_end(&writer));
    assert_true(mds_frame_read_admitted(&frame, &list));
    assert_true(mds_frame_next_verdict(&list, &verdict));
    assert_int_equal(verdict, MDS_VERDICT_FULL);
    room[MDS_FRAME_HEAD + 3] = 9;
    assert_false(mds_frame_next_verdict(&list, &verdict));
    assert_false(mds_frame_list_is_whole(&list));
}

/* A frame takes as many as fit, and stays as it was when one does not. */
static void
test_full(void **unused)
{
    mds_frame_admit_t  admit = { KEY, mds_str("device"), 1000, 0 };
    mds_frame_list_t   list;
    mds_frame_t        frame;
    size_t             added = 0, read = 0;
    mds_frame_writer_t writer
        = mds_frame_begin(MDS_FRAME_ADMIT, 1, room, sizeof(room));

    (void) unused;

    while (mds_frame_add_admit(&writer, &admit)) {
        added++;
    }

    assert_int_equal(added, (MDS_FRAME_MAX - MDS_FRAME_HEAD - 2) / 35);
    frame.payload = (mds_str_t){ 0 };
    {
        size_t taken, bytes = mds_frame_end(&writer);

        assert_int_equal(mds_frame_parse((mds_str_t){ bytes, (char *) room },
                                         &err, &frame, &taken),
                         MDS_OK);
    }
    assert_true(mds_frame_read_admit(&frame, &list));

    while (mds_frame_next_admit(&list, &admit)) {
        read++;
    }

    assert_int_equal(read, added);
    assert_true(mds_frame_list_is_whole(&list));

    /* A list may have 65535 members, even if more would fit. */
    writer = mds_frame_begin(MDS_FRAME_ADMITTED, 1, room, sizeof(room));
    for (added = 0; mds_frame_add_verdict(&writer, MDS_VERDICT_NO); added++) {
    }
    assert_int_equal(added, UINT16_MAX);

    writer = mds_frame_begin(MDS_FRAME_ADMIT, 1, room, 4);
    assert_false(mds_frame_add_admit(&writer, &admit));
    assert_int_equal(mds_frame_end(&writer), 0);
}

static void
test_length(void **unused)
{
    mds_frame_t frame;
    size_t      taken;
    const struct {
        const char  *bytes;
        mds_status_t status;
    } heads[] = {
        { "\0\0\0\4", MDS_INVALID },
        { "\0\3\377\375", MDS_INVALID },
        { "\377\377\377\377", MDS_INVALID },
        { "\0\3\377\374", MDS_AGAIN },
        { "\0\0\0\5", MDS_AGAIN },
    };

    (void) unused;

    for (size_t i = 0; i < mds_nelems(heads); i++) {
        assert_int_equal(mds_frame_parse((mds_str_t){ 4, heads[i].bytes }, &err,
                                         &frame, &taken),
                         heads[i].status);
    }

    assert_int_equal(mds_frame_parse((mds_str_t){ 4, heads[1].bytes }, &err,
                                     &frame, &taken),
                     MDS_INVALID);
    assert_string_equal(err.text, "a frame's length must be from 5 to 262140,"
                                  " not 262141");
}

/* Encodes the entry, puts it into a feed, and reads it back. */
static bool
there_and_back(const mds_fleet_entry_t *entry, mds_fleet_entry_t *back)
{
    static uint8_t     bytes[MDS_ENTRY_BYTES_MAX];
    size_t             len = mds_fleet_entry_encode(entry, bytes, sizeof(bytes));
    mds_frame_feed_t   feed = { 6, 8 }, feed_read;
    mds_frame_item_t   item = { 7, entry->type, { len, (char *) bytes } };
    mds_frame_list_t   list;
    mds_frame_t        frame;
    mds_frame_writer_t writer
        = mds_frame_begin_feed(&feed, room, sizeof(room));

    assert_int_not_equal(len, 0);
    assert_true(mds_frame_add_item(&writer, &item));
    frame = parse(mds_frame_end(&writer));
    assert_true(mds_frame_read_feed(&frame, &feed_read, &list));
    assert_int_equal(feed_read.after, 6);
    assert_int_equal(feed_read.last, 8);
    assert_true(mds_frame_next_item(&list, &item));
    assert_true(mds_frame_list_is_whole(&list));
    assert_int_equal(item.number, 7);
    assert_int_equal(mds_fleet_entry_encode(entry, bytes, len - 1), 0);

    for (size_t cut = 0; cut < len && entry->type != MDS_ENTRY_MARK; cut++) {
        assert_false(mds_fleet_entry_decode(
            item.type, (mds_str_t){ cut, item.entry.data }, back));
    }

    return mds_fleet_entry_decode(item.type, item.entry, back);
}

static void
test_entries(void **unused)
{
    static const char runs[] = "\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\7";
    mds_fleet_entry_t back;
    mds_fleet_entry_t mark = { .type = MDS_ENTRY_MARK,
                               .mark = { KEY, 4, 2, { 16, runs } } };
    mds_fleet_entry_t report
        = { .type = MDS_ENTRY_REPORT,
            .report = { KEY, 99, MDS_EVENT_CRASHED, true, { 10, 50000, 1 },
                        1790000000000, mds_str("segv") } };
    mds_fleet_entry_t device
        = { .type = MDS_ENTRY_DEVICE,
            .device = { mds_str("app"), mds_str("d"), mds_str(""),
                        mds_str("ios"), mds_str("1.2"), 5, false } };
    mds_fleet_entry_t halt = { .type = MDS_ENTRY_HALT,
                               .halt = { KEY, 10, 3, 1790000000000 } };
    mds_fleet_entry_t resume = { .type = MDS_ENTRY_RESUME,
                                 .resume = { KEY, 1790000000000 } };
    mds_fleet_entry_t full = { .type = MDS_ENTRY_WINDOW_FULL,
                               .window_full = { KEY, 1000, 3 } };
    mds_fleet_entry_t forget = { .type = MDS_ENTRY_FORGET,
                                 .forget = { KEY, 1790000000000 } };

    (void) unused;
    assert_true(there_and_back(&mark, &back));
    assert_true(mds_str_eq(back.mark.user, KEY));
    assert_int_equal(back.mark.delete_through, 4);
    assert_int_equal(back.mark.oldest, 2);
    assert_memory_equal(back.mark.runs.data, runs, 16);
    mark.mark.runs.data = "\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\4";
    assert_false(there_and_back(&mark, &back));

    assert_true(there_and_back(&report, &back));
    assert_int_equal(back.report.device, 99);
    assert_int_equal(back.report.event, MDS_EVENT_CRASHED);
    assert_true(back.report.instructed);
    assert_int_equal(back.report.limit.min_reports, 10);
    assert_int_equal(back.report.limit.failure_ppm, 50000);
    assert_int_equal(back.report.limit.rollback, 1);
    assert_true(mds_str_eq(back.report.detail, mds_str("segv")));
    report.report.event = MDS_EVENT_COUNT;
    assert_false(there_and_back(&report, &back));

    assert_true(there_and_back(&device, &back));
    assert_true(mds_str_eq(back.device.platform, mds_str("ios")));
    assert_int_equal(back.device.seen_ms, 5);
    device.device.device = mds_str("");
    assert_false(there_and_back(&device, &back));

    assert_true(there_and_back(&halt, &back));
    assert_int_equal(back.halt.failures, 3);
    assert_true(there_and_back(&resume, &back));
    assert_true(back.resume.when_ms == 1790000000000);
    assert_true(there_and_back(&full, &back));
    assert_int_equal(back.window_full.limit, 1000);

    assert_true(there_and_back(&forget, &back));
    assert_true(mds_str_eq(back.forget.name, KEY));
    assert_true(back.forget.when_ms == 1790000000000);
    forget.forget.name = mds_str("app");
    assert_false(there_and_back(&forget, &back));
}

/* A key is an app, a zero byte, and a name. */
static void
test_keys(void **unused)
{
    mds_fleet_entry_t admission
        = { .type = MDS_ENTRY_ADMISSION,
            .admission = { KEY, mds_str("device"), 12 } };
    mds_fleet_entry_t back;
    const mds_str_t   wrong[]
        = { { 0, "" },       { 3, "app" },      { 4, "app\0" },
            { 4, "\0rel" },  { 7, "app\0r\0l" } };

    (void) unused;
    assert_true(there_and_back(&admission, &back));
    assert_true(mds_str_eq(back.admission.window, KEY));
    assert_int_equal(back.admission.when_ms, 12);

    for (size_t i = 0; i < mds_nelems(wrong); i++) {
        admission.admission.window = wrong[i];
        assert_false(there_and_back(&admission, &back));
    }

    assert_false(mds_fleet_entry_decode(200, mds_str(""), &back));
    assert_false(mds_fleet_entry_decode(0, mds_str(""), &back));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),  cmocka_unit_test(test_admit),
        cmocka_unit_test(test_full),   cmocka_unit_test(test_length),
        cmocka_unit_test(test_entries), cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
