/*
 * When answers change by the clock alone: each time that a resource names, and
 * none that has passed, and none of another state.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mds_time.h"
#include "catalog_fixture.h"
#include "evaluate/mds_next_change.h"

#define PACKAGE                                                                \
    "\"packages\":[{\"kind\":\"bundle\",\"name\":\"home\",\"version\":\"1\","  \
    "\"file\":\"f1\"}]"
#define RELEASE(more)                                                          \
    "{\"app\":\"app\"," PACKAGE ",\"releases\":[{\"id\":\"r\",\"kind\":"       \
    "\"bundle\",\"name\":\"home\",\"version\":\"1\"," more "}]}"

/* Loads the document, and returns the next time after one, as text. */
static const char *
next_after(const char *document, const char *now)
{
    static char    text[MDS_TIME_BYTES];
    mds_snapshot_t snapshot;
    int64_t        now_ms, next_ms;

    fixture_load(document);
    snapshot = fixture_snapshot();
    assert_true(mds_time_parse(mds_str_of(now), &now_ms));
    next_ms = mds_next_change_ms(&snapshot, mds_str("app"), mds_str("bundle"),
                                 mds_str("home"), now_ms);

    return next_ms == INT64_MAX ? "never" : mds_time_format(next_ms, text);
}

static void
test_times(void **state)
{
    static const struct {
        const char *document, *now, *next;
    } rows[] = {
        { RELEASE("\"audience\":{\"all\":true}"), "2026-01-01T00:00:00Z", "never" },
        { RELEASE("\"audience\":{\"all\":true},\"start\":\"2026-02-01T00:00:00Z\","
                  "\"end\":\"2026-03-01T00:00:00Z\""),
          "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z" },
        { RELEASE("\"audience\":{\"all\":true},\"start\":\"2026-02-01T00:00:00Z\","
                  "\"end\":\"2026-03-01T00:00:00Z\""),
          "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z" },
        { RELEASE("\"audience\":{\"all\":true},\"start\":\"2026-02-01T00:00:00Z\","
                  "\"end\":\"2026-03-01T00:00:00Z\""),
          "2026-03-01T00:00:00Z", "never" },
        { RELEASE("\"audience\":{\"all\":true},\"start\":\"2026-02-01T00:00:00Z\","
                  "\"state\":\"paused\""),
          "2026-01-01T00:00:00Z", "never" },
        { RELEASE("\"audience\":{\"window\":{\"count\":1,\"until\":"
                  "\"2026-02-01T00:00:00Z\"}}"),
          "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z" },
        { RELEASE("\"audience\":{\"ramp\":{\"from\":1,\"to\":9,\"start\":"
                  "\"2026-02-01T00:00:00Z\",\"end\":\"2026-02-02T00:00:00Z\"}}"),
          "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z" },
        { RELEASE("\"audience\":{\"ramp\":{\"from\":1,\"to\":9,\"start\":"
                  "\"2026-02-01T00:00:00Z\",\"end\":\"2026-02-02T00:00:00Z\"}}"),
          "2026-02-01T12:00:00Z", "2026-02-01T12:00:20Z" },
        { RELEASE("\"audience\":{\"ramp\":{\"from\":1,\"to\":9,\"start\":"
                  "\"2026-02-01T00:00:00Z\",\"end\":\"2026-02-02T00:00:00Z\"}}"),
          "2026-02-01T23:59:50Z", "2026-02-02T00:00:00Z" },
        { "{\"app\":\"other\"}", "2026-01-01T00:00:00Z", "never" },
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(rows); i++) {
        assert_string_equal(next_after(rows[i].document, rows[i].now),
                            rows[i].next);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_times) };

    return cmocka_run_group_tests_name("next change", tests, fixture_setup,
                                       fixture_teardown);
}
