/* What was probably meant: counted by hand, and bounded. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mds_choices.h"

static void
test_distance(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        unsigned    edits;
    } cases[] = {
        { "", "", 0 },
        { "a", "", 1 },
        { "android", "android", 0 },
        { "andriod", "android", 1 },
        { "androi", "android", 1 },
        { "androidd", "android", 1 },
        { "Android", "android", 1 },
        { "ANDROID", "android", 1 },
        { "anbroid", "android", 1 },
        { "ca", "abc", 3 },
        { "kitten", "sitting", 3 },
        { "abcdef", "uvwxyz", 4 },
        { "ab", "abcdefgh", 4 },
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_str_t a = mds_str_of(cases[i].a), b = mds_str_of(cases[i].b);

        assert_int_equal(mds_edit_distance(a, b, 3), cases[i].edits);
        assert_int_equal(mds_edit_distance(b, a, 3), cases[i].edits);
    }
}

static void
test_long(void **state)
{
    char          bytes[MDS_CHOICE_MAX + 1];
    char          text[MDS_CHOICES_BYTES];
    mds_str_t     longest = { MDS_CHOICE_MAX, bytes };
    mds_str_t     longer = { MDS_CHOICE_MAX + 1, bytes };
    mds_choices_t choices;

    (void) state;
    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(mds_edit_distance(longest, longest, 3), 0);
    assert_int_equal(mds_edit_distance(longer, longer, 3), 4);

    mds_choices_begin(&choices, longer);
    mds_choices_add(&choices, longest);
    mds_choices_add(&choices, longer);
    assert_int_equal(mds_choices_nearest(&choices).len, 0);
    mds_choices_words(&choices, "names", text);
    assert_int_equal(strlen(text), 7 + MDS_CHOICE_MAX + 10);

    /* As many of the longest as are shown fit. */
    mds_choices_begin(&choices, longest);

    for (size_t i = 0; i < 1000; i++) {
        snprintf(bytes, 5, "%04zu", i);
        bytes[4] = 'x';
        mds_choices_add(&choices, longest);
    }

    mds_choices_words(&choices, "names", text);
    assert_true(strlen(text) > MDS_CHOICES_SHOWN * MDS_CHOICE_MAX);
    assert_non_null(strstr(text, ", and more"));
}

static void
test_words(void **state)
{
    char          text[MDS_CHOICES_BYTES];
    mds_choices_t choices;

    (void) state;
    mds_choices_begin(&choices, mds_str("andriod"));
    assert_string_equal(mds_choices_words(&choices, "platforms", text), "");
    mds_choices_add(&choices, mds_str("ios"));
    assert_string_equal(mds_choices_words(&choices, "platforms", text),
                        "platforms: ios");
    mds_choices_add(&choices, mds_str("android"));
    mds_choices_add(&choices, mds_str("ios"));
    mds_choices_add(&choices, mds_str(""));
    assert_string_equal(mds_choices_words(&choices, "platforms of 1", text),
                        "platforms of 1: ios, android; did you mean android?");
    assert_string_equal(mds_choices_words(&choices, NULL, text),
                        "did you mean android?");

    /* Nothing is near, least of all a word of which nothing stays. */
    mds_choices_begin(&choices, mds_str("x"));
    mds_choices_add(&choices, mds_str("y"));
    mds_choices_add(&choices, mds_str("windows"));
    assert_string_equal(mds_choices_words(&choices, NULL, text), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
