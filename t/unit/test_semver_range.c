/*
 * Ranges of npm's semver, by the versions on either side of their bounds, and
 * texts that are not ranges.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

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

/* A zero byte is neither an operator nor a part that is left out. */
static void
refuses_zero_bytes(void **state)
{
    static const mds_str_t texts[] = {
        mds_str("\0"),       mds_str("1.\0"),     mds_str("\0001.2.3"),
        mds_str("1.2.3\0"),  mds_str("\0=1.2.3"), mds_str("1.2.3 \0"),
        mds_str("1.2.3-\0"),
    };
    mds_semver_range_t range;

    (void) state;

    for (size_t i = 0; i < mds_nelems(texts); i++) {
        if (mds_semver_range_parse(texts[i], &range)) {
            fail_msg("text %zu is read", i);
        }
    }
}

/* A bound that is not a version would be ignored, and the range be open. */
static void
refuses_empty_identifiers(void **state)
{
    static const char *const texts[] = {
        "1.2.3-a..b", "1.2.3-.a",           "1.2.3-a.",   ">=1.2.3-a.",
        "<1.2.3-..",  "^1.2.3-.",           "1.2.3+a..b", "1.2.3+.",
        "1.2.3-a.+b", "1.2.3-a - 2.0.0-b.", ">1.2.3-a.",
    };
    mds_semver_range_t range;

    (void) state;

    for (size_t i = 0; i < mds_nelems(texts); i++) {
        if (mds_semver_range_parse(mds_str_of(texts[i]), &range)) {
            fail_msg("\"%s\" is read", texts[i]);
        }
    }
}

/* Reads a range of a comparator and a pre-release, so many bytes in all, from
 * memory that ends with it. */
static bool
reads_long(const char *comparator, size_t bytes, mds_semver_range_t *range)
{
    char  *text = malloc(bytes);
    size_t len = strlen(comparator);
    bool   read;

    assert_non_null(text);
    assert_true(len <= bytes);
    memcpy(text, comparator, len);
    memset(text + len, 'a', bytes - len);
    read = mds_semver_range_parse((mds_str_t){ bytes, text }, range);
    free(text);

    return read;
}

static void
bounds_its_texts(void **state)
{
    mds_semver_range_t range;

    (void) state;
    assert_true(reads_long("1.2.3-a", MDS_VERSION_MAX, &range));
    assert_int_equal(strlen(range.min), MDS_VERSION_MAX);
    assert_int_equal(strlen(range.max), MDS_VERSION_MAX);
    assert_false(reads_long("1.2.3-a", MDS_VERSION_MAX + 1, &range));

    /* The parts that are left out make a bound longer than its text. */
    assert_false(reads_long("1-a", MDS_VERSION_MAX, &range));
    assert_false(reads_long("1-a", MDS_VERSION_MAX - 3, &range));
    assert_true(reads_long("1-a", MDS_VERSION_MAX - 4, &range));
    assert_int_equal(strlen(range.min), MDS_VERSION_MAX);

    /* So does the ".0" that follows a pre-release. */
    assert_false(reads_long(">1.2.3-a", MDS_VERSION_MAX, &range));
    assert_true(reads_long(">1.2.3-a", MDS_VERSION_MAX - 1, &range));
    assert_int_equal(strlen(range.min), MDS_VERSION_MAX);

    /* A number has at most twelve digits, and the next one thirteen. */
    assert_range("^999999999999", "999999999999.0.0", "1000000000000.0.0-0",
                 true);
    assert_false(mds_semver_range_parse(mds_str("1000000000000"), &range));
}

/* A failure leaves the caller's range as it was. */
static void
writes_only_on_success(void **state)
{
    mds_semver_range_t range = { .min = "7", .max = "8", .below = true };

    (void) state;
    assert_false(mds_semver_range_parse(mds_str(">=1 <2 ?"), &range));
    assert_string_equal(range.min, "7");
    assert_string_equal(range.max, "8");
    assert_true(range.below);
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
        cmocka_unit_test(refuses_zero_bytes),
        cmocka_unit_test(refuses_empty_identifiers),
        cmocka_unit_test(bounds_its_texts),
        cmocka_unit_test(writes_only_on_success),
        cmocka_unit_test(compares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
