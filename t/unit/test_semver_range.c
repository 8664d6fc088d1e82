/*
 * Ranges of npm's semver, by the versions on either side of their bounds, and
 * texts that are not ranges.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mds_semver_range.h"

static void
assert_range(const char *text, const char *min, const char *max, bool below)
{
    mds_semver_range_t range;

    if (!mds_semver_range_parse(mds_str_of(text), &range)) {
        fail_msg("\"%s\" is not read", text);
    }

    if (strcmp(range.min, min) != 0 || strcmp(range.max, max) != 0
        || range.below != below)
    {
        fail_msg("\"%s\" is read as %s to %s (%s)", text, range.min, range.max,
                 range.below ? "below" : "inclusive");
    }
}

static void
reads_ranges(void **state)
{
    (void) state;
    assert_range("1.2.3", "1.2.3", "1.2.3", false);
    assert_range("=v1.2.3", "1.2.3", "1.2.3", false);
    assert_range("1.2.3-beta.1+build", "1.2.3-beta.1", "1.2.3-beta.1", false);
    assert_range("*", "", "", false);
    assert_range("x", "", "", false);
    assert_range(">=*", "", "", false);
    assert_range("1", "1.0.0", "2.0.0-0", true);
    assert_range("1.2.x", "1.2.0", "1.3.0-0", true);
    assert_range("1.x.3", "1.0.0", "2.0.0-0", true);
    assert_range("^1.2.3", "1.2.3", "2.0.0-0", true);
    assert_range("^0.2.3", "0.2.3", "0.3.0-0", true);
    assert_range("^0.0.3", "0.0.3", "0.0.4-0", true);
    assert_range("^0.0", "0.0.0", "0.1.0-0", true);
    assert_range("~1.2.3", "1.2.3", "1.3.0-0", true);
    assert_range("~> 1.2", "1.2.0", "1.3.0-0", true);
    assert_range("~1", "1.0.0", "2.0.0-0", true);
    assert_range(">1.2.3", "1.2.4-0", "", false);
    assert_range(">1.2", "1.3.0-0", "", false);
    assert_range(">1.2.3-a", "1.2.3-a.0", "", false);
    assert_range(">= 1.2", "1.2.0", "", false);
    assert_range("<2", "", "2.0.0", true);
    assert_range("<=2.1", "", "2.2.0-0", true);
    assert_range("<=2.1.0", "", "2.1.0", false);
    assert_range(" >=1.2  <2.0.0 ", "1.2.0", "2.0.0", true);
    assert_range("^1.2 <=1.4.0 >1.3.0", "1.3.1-0", "1.4.0", false);
    assert_range("<=2.0.0 <2.0.0", "", "2.0.0", true);
    assert_range("<2.0.0 <=2.0.0", "", "2.0.0", true);
    assert_range("1.2 - 1.4", "1.2.0", "1.5.0-0", true);
    assert_range("1.2.0 -  1.4.1", "1.2.0", "1.4.1", false);
}

static void
reads_nothing_else(void **state)
{
    static const char *const texts[] = {
        "",        " ",   "a",      "1.2.3 || 2", "1..2",
        "1.2.3.4", "^",   "1.2.3-", "1.2+",       ">=",
        "1.2.",    "<*",  ">*",     "1.2.3a",     "^^1",
        "1 - ",    "- 1", "1,2",    "1.2.3\n",    "99999999999999999999",
        "!1",      "=>1",
    };
    mds_semver_range_t range;

    (void) state;

    for (size_t i = 0; i < mds_nelems(texts); i++) {
        if (mds_semver_range_parse(mds_str_of(texts[i]), &range)) {
            fail_msg("\"%s\" is read", texts[i]);
        }
    }
}

static int
cmp(const char *text, const char *version)
{
    mds_semver_range_t range;
    mds_version_t      parsed;

    assert_true(mds_semver_range_parse(mds_str_of(text), &range));
    assert_true(mds_version_parse(mds_str_of(version), &parsed));

    return mds_semver_range_cmp(&range, &parsed);
}

static void
compares(void **state)
{
    (void) state;
    assert_int_equal(cmp("^1.2", "1.1.9"), -1);
    assert_int_equal(cmp("^1.2", "1.2"), 0);
    assert_int_equal(cmp("^1.2", "1.9.9"), 0);
    assert_int_equal(cmp("^1.2", "2.0.0-rc.1"), 1);
    assert_int_equal(cmp("^1.2", "2"), 1);
    assert_int_equal(cmp("1.0.0", "1.0.0-prerelease"), -1);
    assert_int_equal(cmp("1.0.0", "1+build"), 0);
    assert_int_equal(cmp("<=1.0.0", "1.0.0"), 0);
    assert_int_equal(cmp("<1.0.0", "1.0.0"), 1);
    assert_int_equal(cmp(">1.0.0", "1.0.0"), -1);
    assert_int_equal(cmp("*", "0.0.1"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_ranges),
        cmocka_unit_test(reads_nothing_else),
        cmocka_unit_test(compares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
