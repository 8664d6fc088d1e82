/* Times come from people who write documents: what is no time is not one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mds_time.h"

static void
test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t     ms;
        const char *again; /* NULL: the same text */
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0, NULL },
        { "1970-01-01T00:00:01Z", 1000, NULL },
        { "2026-12-01T00:00:00Z", 1796083200000, NULL },
        { "2024-02-29T23:59:59Z", 1709251199000, NULL },
        { "2000-02-29T00:00:00Z", 951782400000, NULL },
        { "1969-12-31T23:59:59Z", -1000, NULL },
        { "2038-01-19T03:14:08Z", 2147483648000, NULL },
        { "0000-01-01T00:00:00Z", -62167219200000, NULL },
        { "0999-12-31T23:59:59Z", -30610224001000, NULL },
        { "9999-12-31T23:59:59Z", 253402300799000, NULL },
        { "2026-12-01t00:00:00z", 1796083200000, "2026-12-01T00:00:00Z" },
        { "2026-12-01T00:00:00+00:00", 1796083200000, "2026-12-01T00:00:00Z" },
        { "2026-12-01T00:00:00.5Z", 1796083200500, "2026-12-01T00:00:00Z" },
        { "2026-12-01T00:00:00.1239Z", 1796083200123, "2026-12-01T00:00:00Z" },
        { "2026-12-01T00:00:00.00000000000001+00:00", 1796083200000,
          "2026-12-01T00:00:00Z" },
        { "1969-12-31T23:59:59.250Z", -750, "1969-12-31T23:59:59Z" },
    };
    char    text[MDS_TIME_BYTES];
    int64_t ms;

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        if (!mds_time_parse(mds_str_of(cases[i].text), &ms)) {
            fail_msg("%s is taken for no time", cases[i].text);
        }
        assert_int_equal(ms, cases[i].ms);
        assert_string_equal(mds_time_format(ms, text), cases[i].again != NULL
                                                           ? cases[i].again
                                                           : cases[i].text);
    }
}

static void
test_no_times(void **state)
{
    static const char *const texts[] = {
        "",
        "now",
        "2026",
        "2026-12-01",
        "2026-12-01T00:00Z",
        "2026-12-01T00:00:00",
        "2026-12-01 00:00:00Z",
        "2026-12-01T00:00:00+01:00",
        "2026-12-01T00:00:00-00:00",
        "2026-12-01T00:00:00Z ",
        " 2026-12-01T00:00:00Z",
        "2026-12-01T00:00:00ZZ",
        "2026-12-01T00:00:00.Z",
        "2026-12-01T00:00:00,5Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-12-00T00:00:00Z",
        "2026-12-32T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-12-01T24:00:00Z",
        "2026-12-01T00:60:00Z",
        "2026-12-01T00:00:60Z",
        "2026-12-1T00:00:00Z",
        "26-12-01T00:00:00Z",
        "+2026-12-01T00:00:00Z",
        "-026-12-01T00:00:00Z",
        "2026-12-01T00:00:0xZ",
        "2026/12/01T00:00:00Z",
        "1796083200",
    };
    int64_t ms = 7;

    (void) state;

    for (size_t i = 0; i < mds_nelems(texts); i++) {
        if (mds_time_parse(mds_str_of(texts[i]), &ms)) {
            fail_msg("\"%s\" is taken for a time", texts[i]);
        }
        assert_int_equal(ms, 7);
    }

    assert_false(mds_time_parse(mds_null_str, &ms));
    assert_false(
        mds_time_parse((mds_str_t){ 20, "2026-12-01T00:00:00\0" }, &ms));
}

static void
test_cut_anywhere(void **state)
{
    static const char text[] = "2026-12-01T00:00:00.5+00:00";
    int64_t           ms;

    (void) state;

    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        assert_false(mds_time_parse((mds_str_t){ len, text }, &ms));
    }
}

/* Whatever is stored can be shown. */
static void
test_beyond(void **state)
{
    char text[MDS_TIME_BYTES];

    (void) state;

    assert_string_equal(mds_time_format(-62167219200000, text),
                        "0000-01-01T00:00:00Z");
    assert_string_equal(mds_time_format(-62167219200001, text),
                        "0000-01-01T00:00:00Z");
    assert_string_equal(mds_time_format(253402300800000, text),
                        "9999-12-31T23:59:59Z");
    assert_string_equal(mds_time_format(INT64_MIN, text),
                        "0000-01-01T00:00:00Z");
    assert_string_equal(mds_time_format(INT64_MAX, text),
                        "9999-12-31T23:59:59Z");
}

static void
test_clock(void **state)
{
    int64_t before = mds_time_now_ms();

    (void) state;
    assert_true(before > 1700000000000);
    assert_true(mds_time_now_ms() >= before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_no_times),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_beyond),
        cmocka_unit_test(test_clock),
    };

    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
