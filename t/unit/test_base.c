/* Views, UTF-8, failures, arenas and buffers: what all else is made of. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mds_arena.h"
#include "base/mds_base.h"
#include "base/mds_buffer.h"
#include "base/mds_word.h"

static void
test_cmp(void **state)
{
    (void) state;
    assert_true(mds_str_cmp(mds_str("a"), mds_str("b")) < 0);
    assert_true(mds_str_cmp(mds_str("a"), mds_str("ab")) < 0);
    assert_true(mds_str_cmp(mds_str("ab"), mds_str("b")) < 0);
    assert_true(mds_str_cmp(mds_str("\xff"), mds_str("a")) > 0);
    assert_true(mds_str_cmp(mds_str("a\0b"), mds_str("a\0c")) < 0);
    assert_true(mds_str_cmp(mds_null_str, mds_str("")) == 0);
    assert_true(mds_str_cmp(mds_null_str, mds_str("a")) < 0);
    assert_true(mds_str_eq(mds_null_str, mds_str("")));
    assert_false(mds_str_eq(mds_str("a"), mds_str("ab")));
    assert_true(mds_str_starts(mds_str("abc"), mds_str("ab")));
    assert_true(mds_str_starts(mds_str("abc"), mds_null_str));
    assert_false(mds_str_starts(mds_str("a"), mds_str("ab")));
}

static int
sign(int order)
{
    return (order > 0) - (order < 0);
}

/* Of all pairs of lengths around a word: the order is that of memcmp(). */
static void
test_cmp_words(void **state)
{
    (void) state;

    for (size_t a = 0; a <= 10; a++) {
        for (size_t b = 0; b <= 10; b++) {
            for (size_t at = 0; at <= 10; at++) {
                char   x[10], y[10];
                size_t shorter = a < b ? a : b;
                int    order;

                memset(x, '\0', sizeof(x));
                memset(y, '\0', sizeof(y));
                if (at < sizeof(x)) {
                    x[at] = '\x80';
                    y[at] = '\x7f';
                }

                order = sign(memcmp(x, y, shorter));
                order = order != 0 ? order : (a > b) - (a < b);
                assert_int_equal(
                    sign(mds_str_cmp((mds_str_t){ a, x }, (mds_str_t){ b, y })),
                    order);
            }
        }
    }
}

/* A part of a word has its bytes, and none from beyond: valgrind and the
 * sanitizers watch the heap. */
static void
test_word_part(void **state)
{
    static const char text[] = "abcdefgh";

    (void) state;

    for (size_t len = 0; len <= 8; len++) {
        char *exact = malloc(len == 0 ? 1 : len);
        char  bytes[8] = { 0 };

        assert_non_null(exact);
        memcpy(exact, text, len);
        memcpy(bytes, text, len);
        assert_int_equal(mds_word_load_part(exact, len), mds_word_load(bytes));
        free(exact);
    }

    assert_int_equal(mds_word_bytes_before(mds_word_zero_bits(
                         mds_word_load("abc=def=") ^ MDS_WORD_OF('='))),
                     3);
}

/* Of each length, and each byte counts. */
static void
test_eq(void **state)
{
    char a[40], b[40];

    (void) state;

    for (size_t len = 0; len <= sizeof(a); len++) {
        memset(a, 'x', sizeof(a));
        memset(b, 'x', sizeof(b));
        assert_true(mds_str_eq((mds_str_t){ len, a }, (mds_str_t){ len, b }));

        for (size_t i = 0; i < len; i++) {
            b[i] ^= 0x40;
            assert_false(
                mds_str_eq((mds_str_t){ len, a }, (mds_str_t){ len, b }));
            b[i] ^= 0x40;
        }

        if (len > 0) {
            assert_false(
                mds_str_eq((mds_str_t){ len, a }, (mds_str_t){ len - 1, b }));
        }
    }
}

static void
test_cut(void **state)
{
    mds_str_t text = mds_str("a,,b");

    (void) state;
    assert_true(mds_str_eq(mds_str_cut(&text, ','), mds_str("a")));
    assert_true(mds_str_eq(mds_str_cut(&text, ','), mds_str("")));
    assert_true(mds_str_eq(mds_str_cut(&text, ','), mds_str("b")));
    assert_int_equal(text.len, 0);
    assert_int_equal(mds_str_cut(&text, ',').len, 0);

    text = mds_str("a,");
    assert_true(mds_str_eq(mds_str_cut(&text, ','), mds_str("a")));
    assert_int_equal(text.len, 0);
}

/* The table of RFC 3629, 4., at its edges. */
static void
test_utf8(void **state)
{
    static const char *const good[] = {
        "",
        "plain",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "a\xc3\xa4\xe6\x9b\xb4\xf0\x9f\x98\x80z",
    };
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2z",
        "\xc2\xc2",
        "\xe0\x9f\xbf",
        "\xe0\xa0",
        "\xe0\xa0z",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xfe",
        "\xff",
        "fine\xc3",
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(good); i++) {
        assert_true(mds_str_is_utf8(mds_str_of(good[i])));
    }

    for (size_t i = 0; i < mds_nelems(bad); i++) {
        if (mds_str_is_utf8(mds_str_of(bad[i]))) {
            fail_msg("case %zu is taken for UTF-8", i);
        }
    }

    assert_true(mds_str_is_utf8(mds_null_str));
    assert_false(mds_str_is_utf8((mds_str_t){ 1, "" }));
    assert_false(mds_str_is_utf8((mds_str_t){ 3, "a\0b" }));
}

static void
test_fail(void **state)
{
    static const struct {
        int          number;
        mds_status_t status;
    } cases[] = {
        { ENOENT, MDS_NOT_FOUND }, { ENOTDIR, MDS_NOT_FOUND },
        { EACCES, MDS_DENIED },    { EROFS, MDS_DENIED },
        { EEXIST, MDS_EXISTS },    { ENOSPC, MDS_NO_SPACE },
        { EDQUOT, MDS_NO_SPACE },  { ENOMEM, MDS_NO_MEMORY },
        { EIO, MDS_IO },           { EMFILE, MDS_IO },
    };
    mds_error_t err;
    char        longer[2 * MDS_ERROR_BYTES];

    (void) state;
    assert_int_equal(mds_fail(NULL, MDS_INVALID, "x"), MDS_INVALID);
    assert_int_equal(mds_fail(&err, MDS_INVALID, "%s %d", "x", 7), MDS_INVALID);
    assert_int_equal(err.status, MDS_INVALID);
    assert_string_equal(err.text, "x 7");

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        errno = cases[i].number;
        assert_int_equal(mds_fail_errno(&err, "open \"%s\"", "f"),
                         cases[i].status);
        assert_int_equal(strncmp(err.text, "failed to open \"f\": ", 20), 0);
        assert_true(strlen(err.text) > 10);
    }

    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(mds_fail(&err, MDS_IO, "%s", longer), MDS_IO);
    assert_int_equal(strlen(err.text), MDS_ERROR_BYTES - 1);
}

/* Words go to terminals, logs and answers: names in them come from anywhere. */
static void
test_fail_with_names(void **state)
{
    static const char *const cases[][2] = {
        { "\xe6\x9b\xb4 a~", "\xe6\x9b\xb4 a~" },
        { "a\nb\r\tc", "a?b??c" },
        { "\x1b[2J\x7f", "?[2J?" },
        { "\xff\xc0\xaf", "???" },
        { "\xc2\x9b"
          "2J",
          "??2J" },
        { "\xc2\xa0", "\xc2\xa0" },
        { "\xed\xa0\x80", "???" },
        { "\xe6\x9b", "??" },
    };
    mds_error_t err;
    char        longer[MDS_ERROR_BYTES + 8];

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        assert_int_equal(mds_fail(&err, MDS_INVALID, "%s", cases[i][0]),
                         MDS_INVALID);
        assert_string_equal(err.text, cases[i][1]);
    }

    /* Cut in the middle of a character. */
    for (size_t i = 0; i < sizeof(longer); i++) {
        longer[i] = "\xe6\x9b\xb4"[i % 3];
    }
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(mds_fail(&err, MDS_IO, "x%s", longer), MDS_IO);
    assert_true(mds_str_is_utf8(mds_str_of(err.text)));
    assert_int_equal(strlen(err.text), MDS_ERROR_BYTES - 1);
}

static void
test_arena(void **state)
{
    mds_arena_t *arena = mds_arena_new();
    mds_str_t    s, big;

    (void) state;
    assert_non_null(arena);

    for (size_t size = 1; size < 100000; size = size * 3 / 2 + 1) {
        char *p = mds_arena_calloc(arena, 1, size);

        assert_non_null(p);
        assert_int_equal((uintptr_t) p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, 0xa5, size);
    }

    s = mds_arena_str(arena, (mds_str_t){ 3, "abcdef" });
    assert_string_equal(s.data, "abc");
    assert_int_equal(s.len, 3);

    s = mds_arena_printf(arena, "%s%c%d", "a", 0, 12);
    assert_int_equal(s.len, 4);
    assert_memory_equal(s.data, "a\00012", 5);

    big = mds_arena_printf(arena, "%070000d", 7);
    assert_int_equal(big.len, 70000);
    assert_int_equal(big.data[69999], '7');

    assert_non_null(mds_arena_calloc(arena, 0, 8));
    assert_false(mds_arena_failed(arena));
    mds_arena_free(arena);
    mds_arena_free(NULL);
}

/* What no machine has is a failure that is remembered. */
static void
test_arena_fails(void **state)
{
    mds_arena_t *arena = mds_arena_new();

    (void) state;
    assert_null(mds_arena_calloc(arena, SIZE_MAX / 2, 3));
    assert_true(mds_arena_failed(arena));
    mds_arena_free(arena);

    arena = mds_arena_new();
    assert_null(mds_arena_calloc(arena, 1, SIZE_MAX - 8));
    assert_true(mds_arena_failed(arena));
    assert_non_null(mds_arena_calloc(arena, 1, 8));
    assert_true(mds_arena_failed(arena));
    mds_arena_free(arena);
}

static void
test_buffer(void **state)
{
    mds_buffer_t buffer = { 0 };
    uint8_t      bytes[100];

    (void) state;
    mds_buffer_free(&buffer);
    mds_buffer_add(&buffer, NULL, 0);
    assert_int_equal(buffer.len, 0);

    for (unsigned i = 0; i < 5000; i++) {
        memset(bytes, (int) (i % 251), sizeof(bytes));
        mds_buffer_add(&buffer, bytes, i % sizeof(bytes));
    }

    assert_false(mds_buffer_failed(&buffer));
    assert_int_equal(buffer.len, 50 * 99 * 50);

    for (unsigned i = 0, at = 0; i < 5000; at += i++ % sizeof(bytes)) {
        for (unsigned j = 0; j < i % sizeof(bytes); j++) {
            if (buffer.data[at + j] != i % 251) {
                fail_msg("byte %u of part %u", j, i);
            }
        }
    }

    mds_buffer_free(&buffer);
}

static void
test_buffer_fails(void **state)
{
    mds_buffer_t buffer = { 0 };

    (void) state;
    mds_buffer_add(&buffer, "abc", 3);
    mds_buffer_add(&buffer, "abc", SIZE_MAX - 1);
    assert_true(mds_buffer_failed(&buffer));
    mds_buffer_add(&buffer, "d", 1);
    assert_true(mds_buffer_failed(&buffer));
    mds_buffer_free(&buffer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cmp),
        cmocka_unit_test(test_cmp_words),
        cmocka_unit_test(test_word_part),
        cmocka_unit_test(test_eq),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_fail_with_names),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_fails),
        cmocka_unit_test(test_buffer),
        cmocka_unit_test(test_buffer_fails),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
