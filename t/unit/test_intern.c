/* Numbers for strings: the same for the same, and never for another. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mds_intern.h"

#define MANY 20000

static void
test_numbers(void **state)
{
    mds_intern_t *intern = mds_intern_new();
    bool          fresh = false;
    char          text[] = "a";

    (void) state;
    assert_non_null(intern);
    assert_int_equal(mds_intern(intern, mds_str_of(text), &fresh), 0);
    assert_true(fresh);
    assert_int_equal(mds_intern(intern, mds_str(""), &fresh), 1);
    assert_true(fresh);
    assert_int_equal(mds_intern(intern, mds_null_str, &fresh), 1);
    assert_false(fresh);
    assert_int_equal(mds_intern(intern, mds_str("a\0b"), &fresh), 2);
    assert_true(fresh);
    assert_int_equal(mds_intern(intern, mds_str("a\0c"), &fresh), 3);
    assert_true(fresh);

    /* The bytes were copied. */
    text[0] = 'z';
    assert_int_equal(mds_intern(intern, mds_str("a"), &fresh), 0);
    assert_false(fresh);
    assert_int_equal(mds_intern(intern, mds_str("z"), &fresh), 4);
    assert_true(fresh);

    mds_intern_free(intern);
    mds_intern_free(NULL);
}

static void
test_many(void **state)
{
    mds_intern_t *intern = mds_intern_new();
    bool          fresh;
    char          text[32];

    (void) state;

    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < MANY; i++) {
            snprintf(text, sizeof(text), "key-%u", i * 7919);
            assert_int_equal(mds_intern(intern, mds_str_of(text), &fresh), i);
            assert_int_equal(fresh, pass == 0);
        }
    }

    mds_intern_free(intern);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests_name("intern", tests, NULL, NULL);
}
