/*
 * Patterns come from operators and meet what devices send: they have to be
 * right, and to end.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "base/mds_pattern.h"

/* Twenty times what was measured, for machines that are slow or busy. */
#define LONGEST_MS 20

static mds_error_t err;

static bool
matches(const char *pattern, mds_str_t subject)
{
    bool           match;
    mds_pattern_t *p;

    assert_int_equal(mds_pattern_compile(mds_str_of(pattern), &err, &p),
                     MDS_OK);
    assert_int_equal(mds_pattern_match(p, subject, &err, &match), MDS_OK);
    assert_true(mds_pattern_overruns(p) == 0);
    mds_pattern_free(p);

    return match;
}

static void
searched(void **state)
{
    (void) state;
    assert_true(matches("^qa-[0-9]+$", mds_str("qa-17")));
    assert_false(matches("^qa-[0-9]+$", mds_str("xqa-17")));
    assert_false(matches("^qa-[0-9]+$", mds_str("qa-")));
    assert_false(matches("^qa-[0-9]+$", mds_str("qa-1\n")));
    assert_true(matches("qa", mds_str("my-qa-device")));
    assert_false(matches("qa", mds_str("")));
    assert_false(matches("qa", mds_null_str));
    assert_true(matches("^$", mds_null_str));
    assert_true(matches("(a)(b)(c)(d)", mds_str("xabcdx")));
    assert_true(matches("(?i)ALICE", mds_str("alice")));
}

/* The dot is a character, not a byte, and so is an offset. */
static void
utf8(void **state)
{
    (void) state;
    assert_true(matches("^.$", mds_str("\xe6\x9b\xb4")));
    assert_true(matches("(?i)^\xc3\x84$", mds_str("\xc3\xa4")));
    assert_true(matches("^\\p{Han}+$", mds_str("\xe6\x9b\xb4\xe5\xbf\xab")));
}

static void
refused(void **state)
{
    static const struct {
        const char *pattern;
        const char *words;
    } cases[] = {
        { "", "pattern has 0 bytes, 1 to 1024 are allowed" },
        { "a(b", "pattern is wrong at byte 3: missing closing parenthesis" },
        { "ab[", "pattern is wrong at byte 3: missing terminating ] for"
                 " character class" },
        { "a\\Cb", "pattern is wrong at byte 3: using \\C is disabled by the"
                   " application" },
        { "ab\xff", "pattern is wrong at byte 2: UTF-8 error: illegal byte"
                    " (0xfe or 0xff)" },
        { "(((ab){1000}){1000}){1000}", NULL },
    };
    mds_pattern_t *p = NULL;

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_str_t pattern = mds_str_of(cases[i].pattern);

        assert_int_equal(mds_pattern_check(pattern, &err), MDS_INVALID);

        if (cases[i].words != NULL) {
            assert_string_equal(err.text, cases[i].words);
        }

        assert_int_equal(mds_pattern_compile(pattern, &err, &p), MDS_INVALID);
        assert_null(p);
    }
}

static void
length(void **state)
{
    char bytes[MDS_PATTERN_MAX + 1];

    (void) state;
    memset(bytes, 'a', sizeof(bytes));
    assert_int_equal(mds_pattern_check((mds_str_t){ MDS_PATTERN_MAX, bytes },
                                       &err),
                     MDS_OK);
    assert_int_equal(
        mds_pattern_check((mds_str_t){ MDS_PATTERN_MAX + 1, bytes }, &err),
        MDS_INVALID);

    /* What stands behind a view is none of its. */
    assert_int_equal(
        mds_pattern_check((mds_str_t){ 14, "(*LIMIT_MATCH=1)a" }, &err),
        MDS_INVALID);
}

static void
subject_no_utf8(void **state)
{
    bool           match = true;
    mds_pattern_t *p;

    (void) state;
    assert_int_equal(mds_pattern_compile(mds_str("a"), &err, &p), MDS_OK);
    assert_int_equal(mds_pattern_match(p, mds_str("b\xff"), &err, &match),
                     MDS_INVALID);
    assert_true(match);
    mds_pattern_free(p);
    mds_pattern_free(NULL);
}

static double
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

/* Backtracking without end, with machine code and without. */
static void
bounded(void **state)
{
    const char *const patterns[] = {
        "^(a+)+$",
        "(a|aa)+$",
        "(a*)*[bc]",
        "(.*)(.*)(.*)(.*)(.*)[yz]",
        "(?:a?){50}a{50}[bc]",
        "(.{1,200}){1,200}[bc]",
        "(?i)(\xc3\x84|a)*[bc]",
        "(*NO_JIT)^(a+)+$",
        "(*NO_JIT)(?:a?){50}a{50}[bc]",
        "(*NO_JIT)(a|a)*[bc]",
        "(*LIMIT_MATCH=4000000000)(*LIMIT_DEPTH=4000000000)^(a+)+$",
    };
    char subject[256];

    (void) state;
    memset(subject, 'a', sizeof(subject));
    subject[sizeof(subject) - 1] = '!';

    for (size_t i = 0; i < mds_nelems(patterns); i++) {
        bool           match = true;
        double         best_ms = 1e9;
        mds_pattern_t *p;

        assert_int_equal(mds_pattern_compile(mds_str_of(patterns[i]), &err, &p),
                         MDS_OK);

        for (int round = 0; round < 3; round++) {
            double start = now_ms();

            assert_int_equal(
                mds_pattern_match(p, (mds_str_t){ sizeof(subject), subject },
                                  &err, &match),
                MDS_OK);
            assert_false(match);

            if (now_ms() - start < best_ms) {
                best_ms = now_ms() - start;
            }
        }

        assert_true(best_ms < LONGEST_MS);
        mds_pattern_free(p);
    }
}

/* Given up is no match, and can be seen; the next subject fares better. */
static void
overruns(void **state)
{
    bool      match = true;
    mds_str_t bad = mds_str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
    mds_pattern_t *p;

    (void) state;
    assert_int_equal(mds_pattern_compile(mds_str("^(a+)+$"), &err, &p), MDS_OK);
    assert_int_equal(mds_pattern_match(p, bad, &err, &match), MDS_OK);
    assert_false(match);
    assert_true(mds_pattern_overruns(p) == 1);
    assert_int_equal(mds_pattern_match(p, mds_str("aaaa"), &err, &match), 0);
    assert_true(match);
    assert_true(mds_pattern_overruns(p) == 1);
    mds_pattern_free(p);
}

/* What people write stays far from the limit, with the longest of ids. */
static void
ordinary(void **state)
{
    const char *const patterns[] = {
        "^[a-z0-9._-]+@example\\.com$",  ".*-beta-.*-[0-9]+$",
        "^(?:[a-z0-9]+[.-])*[a-z0-9]+$", "(?i)test|demo|staging",
        "^(?!prod).*device.*$",          "(*NO_JIT)^(?:[a-z0-9]+[.-])*x$",
    };
    char subject[256];

    (void) state;

    for (size_t i = 0; i < sizeof(subject); i++) {
        subject[i] = i % 8 == 7 ? '-' : (char) ('a' + i % 26);
    }

    for (size_t i = 0; i < mds_nelems(patterns); i++) {
        /* It asserts that nothing was given up. */
        (void) matches(patterns[i], (mds_str_t){ sizeof(subject), subject });
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searched),        cmocka_unit_test(utf8),
        cmocka_unit_test(refused),         cmocka_unit_test(length),
        cmocka_unit_test(subject_no_utf8), cmocka_unit_test(bounded),
        cmocka_unit_test(overruns),        cmocka_unit_test(ordinary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
