/* A stream of events, however it is cut into pieces, and whatever it says. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "client/mds_client_events.h"

static mds_status_t
read_by(mds_client_events_t *events, const char *text, size_t len, size_t step)
{
    mds_error_t err;

    for (size_t i = 0; i < len; i += step) {
        mds_str_t    piece = { len - i < step ? len - i : step, text + i };
        mds_status_t status = mds_client_events_read(events, piece, &err);

        if (status != MDS_OK) {
            return status;
        }
    }

    return MDS_OK;
}

/* "changes comments retry id" of the text, in pieces of every length. */
static void
expect(const char *text, const char *wanted)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        mds_client_events_t events = { 0 };
        char                found[128];

        assert_int_equal(read_by(&events, text, strlen(text), step), MDS_OK);
        snprintf(found, sizeof(found), "%d %d %d %.*s", (int) events.changes,
                 (int) events.comments, (int) events.retry_ms,
                 (int) events.id_len, events.id);
        assert_string_equal(found, wanted);
    }
}

static void
reads_what_an_edge_sends(void **state)
{
    (void) state;
    expect("retry: 3412\n\nid: 815\nevent: change\ndata: {\"serial\":815}\n\n",
           "1 0 3412 815");
    expect(":\n\n:\n\n", "0 2 0 ");
    expect("id: 1\nevent: change\ndata: x\n\nid: 2\nevent: change\ndata: y\n\n",
           "2 0 0 2");
}

static void
reads_as_the_standard_says(void **state)
{
    (void) state;
    expect("event: change\r\ndata: x\r\nid: 7\r\n\r\n", "1 0 0 7");
    expect("event: change\rdata: x\rid: 7\r\r", "1 0 0 7");
    expect("\xef\xbb\xbf" "event: change\ndata: x\n\n", "1 0 0 ");
    expect("event:change\ndata:x\n\n", "1 0 0 ");
    expect("event:  change\ndata: x\n\n", "0 0 0 ");
    expect("data: x\n\n", "0 0 0 ");
    expect("event: change\n\n", "0 0 0 ");
    expect("event: change\ndata\n\n", "0 0 0 ");
    expect("event: change\ndata: x\n", "0 0 0 ");
    expect("event: change\nevent: other\ndata: x\n\n", "0 0 0 ");
    expect("id: 4\n\nid\n\n", "0 0 0 ");
    expect("id: 4\n\nid: 5\n", "0 0 0 4");
    expect("unknown: x\nchange\n\n", "0 0 0 ");
    expect("retry: 5x\nretry: -1\nretry:\nretry: 9999999999\n", "0 0 0 ");
    expect("retry: 999999999\n", "0 0 999999999 ");
}

static void
keeps_its_bounds(void **state)
{
    (void) state;
    static char         text[MDS_CLIENT_LINE_MAX + 2];
    mds_client_events_t events = { 0 };

    memset(text, 'x', sizeof(text));
    text[MDS_CLIENT_LINE_MAX] = '\n';
    assert_int_equal(read_by(&events, text, MDS_CLIENT_LINE_MAX + 1, 7),
                     MDS_OK);
    text[MDS_CLIENT_LINE_MAX] = 'x';
    assert_int_equal(read_by(&events, text, MDS_CLIENT_LINE_MAX + 1, 7),
                     MDS_INVALID);

    memset(&events, 0, sizeof(events));
    memcpy(text, "id: 1\nid: ", 10);
    text[10 + MDS_CLIENT_ID_MAX] = '\n';
    text[11 + MDS_CLIENT_ID_MAX] = '\n';
    assert_int_equal(read_by(&events, text, 12 + MDS_CLIENT_ID_MAX, 5), MDS_OK);
    assert_int_equal(events.id_len, MDS_CLIENT_ID_MAX);
    text[10 + MDS_CLIENT_ID_MAX] = 'x';
    text[12 + MDS_CLIENT_ID_MAX] = text[11 + MDS_CLIENT_ID_MAX] = '\n';
    memset(&events, 0, sizeof(events));
    assert_int_equal(read_by(&events, text, 13 + MDS_CLIENT_ID_MAX, 5), MDS_OK);
    assert_int_equal(events.id_len, 1);

    memset(&events, 0, sizeof(events));
    assert_int_equal(read_by(&events, "id: 1\nid: 2\0003\n\n", 16, 3), MDS_OK);
    assert_int_equal(events.id_len, 1);
    assert_int_equal(events.id[0], '1');
}

static void
keeps_id_and_retry_for_the_next_stream(void **state)
{
    (void) state;
    mds_client_events_t events = { 0 };
    const char *text = "retry: 5\nid: 12\n\nid: 13\nevent: change\ndata: x";

    assert_int_equal(read_by(&events, text, strlen(text), 9), MDS_OK);
    mds_client_events_restart(&events);
    assert_int_equal(events.retry_ms, 5);
    assert_int_equal(events.id_len, 2);
    assert_int_equal(read_by(&events, "\n\n", 2, 1), MDS_OK);
    assert_int_equal(events.changes, 0);
    assert_memory_equal(events.id, "12", 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_an_edge_sends),
        cmocka_unit_test(reads_as_the_standard_says),
        cmocka_unit_test(keeps_its_bounds),
        cmocka_unit_test(keeps_id_and_retry_for_the_next_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
