/*
 * The order of versions is what everything else stands on: it is held against
 * interface.md, against semver's own examples, and against a second reading
 * that is plain and slow.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mds_version.h"
#include "prng.h"
#include "reference_version.h"

#define PAIRS 200000
#define TRIPLES 60
#define DIGITS16 "1234567890123456"
#define DIGITS64 DIGITS16 DIGITS16 DIGITS16 DIGITS16

static int
sign(int order)
{
    return (order > 0) - (order < 0);
}

static int
cmp(const char *a, const char *b)
{
    mds_version_t va, vb;

    if (!mds_version_parse(mds_str_of(a), &va)
        || !mds_version_parse(mds_str_of(b), &vb))
    {
        fail_msg("\"%s\" or \"%s\" is taken for no version", a, b);
    }

    return sign(mds_version_cmp(&va, &vb));
}

static void
test_client_manifest(void **state)
{
    /* Each above all before it. */
    static const char *const rising[] = {
        "0-a",
        "0",
        "0.0.1",
        "0.9",
        "1.0.0-0",
        "1.0.0-1",
        "1.0.0-2",
        "1.0.0-10",
        "1.0.0--",
        "1.0.0-1a",
        "1.0.0-A",
        "1.0.0-a",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0-alpha.1.0",
        "1.0.0-alpha.beta",
        "1.0.0-alpha-",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.0.1-rc",
        "1.0.0.1",
        "1.9",
        "1.10-rc",
        "1.10",
        "1.10.0.0.0.1",
        "2",
        "9.9.9",
        "10.0.0",
        "20260101",
        "18446744073709551615",
        "18446744073709551616",
        DIGITS64,
        DIGITS64 "0",
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(rising); i++) {
        for (size_t j = 0; j < mds_nelems(rising); j++) {
            if (cmp(rising[i], rising[j]) != (i > j) - (i < j)) {
                fail_msg("%s to %s: %d", rising[i], rising[j],
                         cmp(rising[i], rising[j]));
            }
        }
    }
}

static void
test_same(void **state)
{
    static const char *const pairs[][2] = {
        { "1", "1.0" },
        { "1", "1.0.0.0.0" },
        { "1.0", "v1.0" },
        { "1.02", "1.2" },
        { "007", "7" },
        { "0", "0.0.0" },
        { "00", "v0" },
        { "1.0+a", "1.0+b.2" },
        { "1.0-rc.1+a", "1-rc.1" },
        { "1-01", "1-1" },
        { "1-0", "1-00" },
        { "3.2.0+001", "3.2" },
        { "1.0-x+y-z", "1.0-x" },
        { "1.0+y-z", "1" },
        { "1-azAZ09-", "1.0-azAZ09-" },
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(pairs); i++) {
        if (cmp(pairs[i][0], pairs[i][1]) != 0) {
            fail_msg("%s is not %s", pairs[i][0], pairs[i][1]);
        }
    }
}

static void
test_no_version(void **state)
{
    static const char *const texts[] = {
        "",        "v",      "vv1",
        "V1",      "a",      ".",
        ".1",      "1.",     "1..2",
        "1.a",     "1a",     "1.2b",
        "-1",      "-",      "1-",
        "1-.",     "1-a.",   "1-.a",
        "1-a..b",  "1-a_b",  "1+",
        "1+a.",    "1+.a",   "1+a+b",
        "1+a_b",   " 1",     "1 ",
        "1 .2",    "1.-1",   "+1",
        "1.2.3\n", "1,2",    "1.\xe2\x93\xaa",
        "0x1",     "1-a b",  "1-a\t",
        "1.*",     "latest", "none",
        "1/2",     "1:2",    DIGITS64 DIGITS64 "1",
    };
    mds_version_t version;

    (void) state;

    for (size_t i = 0; i < mds_nelems(texts); i++) {
        if (mds_version_parse(mds_str_of(texts[i]), &version)) {
            fail_msg("\"%s\" is taken for a version", texts[i]);
        }
        assert_false(reference_version_valid(texts[i]));
    }

    assert_false(mds_version_parse(mds_null_str, &version));
    assert_false(mds_version_parse((mds_str_t){ 3, "1\0002" }, &version));
    assert_false(mds_version_parse((mds_str_t){ 2, "1\0" }, &version));
}

/* The longest texts, and those whose keys are longest, fit a key. */
static void
test_longest(void **state)
{
    static const char *const units[] = { "1.", "0.", "12.", "a.", "9." };
    mds_version_t            version;
    char                     text[MDS_VERSION_MAX + 1];

    (void) state;

    for (size_t unit = 0; unit < mds_nelems(units); unit++) {
        for (size_t head = 0; head < 4; head++) {
            size_t len = (size_t) snprintf(text, sizeof(text), "%.*s-",
                                           (int) head + 1, "1234");

            while (len < MDS_VERSION_MAX) {
                len += (size_t) snprintf(text + len, sizeof(text) - len, "%s",
                                         units[unit]);
            }
            text[MDS_VERSION_MAX] = '\0';
            if (text[MDS_VERSION_MAX - 1] == '.') {
                text[MDS_VERSION_MAX - 1] = '1';
            }

            assert_true(mds_version_parse(mds_str_of(text), &version));
            assert_true(version.len <= sizeof(version.key));
        }
    }
}

/* Few characters, so that pairs are often alike, or nearly. */
static void
roll_text(prng_t *prng, char text[160])
{
    static const char *const often[]
        = { "0", "1",  "2", "10", "9",  ".", ".", ".",  "-",    "-",
            "a", "rc", "b", "A",  "00", "+", "v", "-1", "1.0.", "x1" };
    unsigned n = 1 + prng_below(prng, 9);
    size_t   len = 0;

    len += (size_t) sprintf(text, "%u", prng_below(prng, 3));

    while (n-- > 0) {
        len += (size_t) sprintf(text + len, "%s",
                                often[prng_below(prng, mds_nelems(often))]);
    }
}

static void
compare_once(const char *a, const char *b, unsigned *compared)
{
    mds_version_t va, vb;
    bool          ok_a = mds_version_parse(mds_str_of(a), &va);
    bool          ok_b = mds_version_parse(mds_str_of(b), &vb);
    int           order;

    if (ok_a != reference_version_valid(a)) {
        fail_msg("\"%s\" is a version: %d", a, ok_a);
    }

    if (!ok_a || !ok_b) {
        return;
    }

    (*compared)++;
    order = sign(mds_version_cmp(&va, &vb));

    if (order != sign(reference_version_cmp(a, b))) {
        fail_msg("%s to %s: %d", a, b, order);
    }

    if (order != -sign(mds_version_cmp(&vb, &va))) {
        fail_msg("%s to %s is not the reverse", b, a);
    }
}

static void
test_second_reading(void **state)
{
    unsigned compared = 0;
    char     a[160], b[160];
    prng_t   prng;

    (void) state;
    prng_seed(&prng);

    while (compared < PAIRS) {
        roll_text(&prng, a);
        roll_text(&prng, b);
        compare_once(a, b, &compared);
        compare_once(a, a, &compared);
    }
}

/* Not above what is not above: no circles. */
static void
test_total(void **state)
{
    static mds_version_t versions[TRIPLES];
    char                 text[160];
    prng_t               prng;

    (void) state;
    prng_seed(&prng);

    for (unsigned i = 0; i < TRIPLES;) {
        roll_text(&prng, text);
        i += mds_version_parse(mds_str_of(text), &versions[i]);
    }

    for (unsigned i = 0; i < TRIPLES; i++) {
        for (unsigned j = 0; j < TRIPLES; j++) {
            for (unsigned k = 0; k < TRIPLES; k++) {
                assert_false(mds_version_cmp(&versions[i], &versions[j]) <= 0
                             && mds_version_cmp(&versions[j], &versions[k]) <= 0
                             && mds_version_cmp(&versions[i], &versions[k])
                                    > 0);
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_manifest),          cmocka_unit_test(test_same),
        cmocka_unit_test(test_no_version),     cmocka_unit_test(test_longest),
        cmocka_unit_test(test_second_reading), cmocka_unit_test(test_total),
    };

    return cmocka_run_group_tests_name("version", tests, NULL, NULL);
}
