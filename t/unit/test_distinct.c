/* Distinct ids: exact as long as promised, and then near enough. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mds_siphash.h"
#include "simulate/mds_distinct.h"

static uint64_t
hash(uint64_t id)
{
    return mds_siphash((const uint8_t *) "a key of 16 byte",
                       (mds_str_t){ sizeof(id), (const char *) &id });
}

/* Adds the ids below the number, each twice. */
static void
add(mds_distinct_t *distinct, unsigned group, uint64_t count)
{
    bool failed = false;

    for (uint64_t i = 0; i < 2 * count; i++) {
        (void) mds_distinct_add(distinct, group, hash(i % count), &failed);
    }

    assert_false(failed);
}

static void
test_exact(void **state)
{
    mds_distinct_t *distinct = mds_distinct_new(200000);
    bool            failed = false;

    (void) state;
    add(distinct, 0, 100000);
    add(distinct, 1, 10);
    add(distinct, MDS_DISTINCT_GROUPS_MAX - 1, 5000);
    assert_true(mds_distinct_is_exact(distinct));
    assert_int_equal(mds_distinct_count(distinct, 0), 100000);
    assert_int_equal(mds_distinct_count(distinct, 1), 10);
    assert_int_equal(mds_distinct_count(distinct, 2), 0);
    assert_int_equal(mds_distinct_count(distinct, MDS_DISTINCT_GROUPS_MAX - 1),
                     5000);
    assert_false(mds_distinct_add(distinct, 0, hash(7), &failed));
    assert_true(mds_distinct_add(distinct, 2, hash(7), &failed));
    mds_distinct_free(distinct);
}

/* The error is below four standard errors, for every size. */
static void
test_estimate(void **state)
{
    static const uint64_t counts[]
        = { 1, 100, 5000, 20000, 40000, 80000, 160000, 1000000 };
    mds_distinct_t *distinct = mds_distinct_new(1000);

    (void) state;

    for (unsigned i = 0; i < mds_nelems(counts); i++) {
        add(distinct, i, counts[i]);
    }

    assert_false(mds_distinct_is_exact(distinct));

    for (unsigned i = 0; i < mds_nelems(counts); i++) {
        int64_t count = (int64_t) mds_distinct_count(distinct, i);
        int64_t error = count - (int64_t) counts[i];

        if (llabs(error) > (int64_t) counts[i] * 325 / 10000) {
            fail_msg("%lld instead of %lld", (long long) count,
                     (long long) counts[i]);
        }
    }

    assert_int_equal(mds_distinct_count(distinct, 100), 0);
    mds_distinct_free(distinct);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_estimate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
