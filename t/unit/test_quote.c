/* JSON strings, eight bytes at a time, against the JSON library's. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mds_quote.h"
#include "prng.h"
#include "json/mds_json.h"

#define ROUNDS 50000
#define TEXT_MAX 40

static prng_t prng;

/* Mostly plain; UTF-8 without U+0000. */
static size_t
roll_text(char *text)
{
    static const char *const parts[] = { "a",
                                         "Z",
                                         " ",
                                         "~",
                                         "\x7f",
                                         "!",
                                         "#",
                                         "[",
                                         "]",
                                         "\"",
                                         "\\",
                                         "/",
                                         "\n",
                                         "\r",
                                         "\t",
                                         "\x01",
                                         "\x1f",
                                         "\xc2\x80",
                                         "\xc3\xa9",
                                         "\xe6\x9d\xb1",
                                         "\xf0\x9f\x98\x80" };
    size_t                   wanted = prng_below(&prng, TEXT_MAX - 4);
    size_t                   len = 0;

    while (len < wanted) {
        const char *part
            = parts[prng_below(&prng,
                              prng_one_in(&prng, 4) ? mds_nelems(parts) : 4)];

        memcpy(text + len, part, strlen(part));
        len += strlen(part);
    }

    return len;
}

static char *
exactly(const char *bytes, size_t len)
{
    char *copy = malloc(len == 0 ? 1 : len);

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    return copy;
}

static void
test_there_and_back(void **unused)
{
    (void) unused;

    for (int i = 0; i < ROUNDS; i++) {
        char        text[TEXT_MAX], quoted[6 * TEXT_MAX + 2], room[TEXT_MAX];
        size_t      len = roll_text(text);
        char       *exact = exactly(text, len);
        mds_str_t   view = { len, exact };
        size_t      bytes = mds_quote_bytes(view);
        char       *inside = malloc(bytes + 1);
        const char *p = quoted + 1;
        mds_bounded_output_t  into = { .p = inside, .end = inside + bytes };
        mds_bounded_output_t  decoded = { .p = room, .end = room + len };
        mds_json_t *json;
        mds_str_t   back;

        mds_quote(&into, view);
        assert_false(into.overrun);
        assert_ptr_equal(into.p, inside + bytes);
        quoted[0] = '"';
        memcpy(quoted + 1, inside, bytes);
        quoted[bytes + 1] = '"';

        assert_int_equal(mds_json_parse((mds_str_t){ bytes + 2, quoted }, "it",
                                        NULL, &json),
                         MDS_OK);
        assert_true(mds_str_eq(mds_json_string(json), view));
        assert_true(mds_unquote(&p, quoted + bytes + 2, &decoded, &back));
        assert_true(mds_str_eq(back, view));
        assert_ptr_equal(p, quoted + bytes + 2);

        mds_json_release(json);
        free(inside);
        free(exact);
    }
}

/* Any bytes behind a quote: both take them for a string, or neither. */
static void
test_any(void **unused)
{
    static const char *const parts[]
        = { "a",     "abcdefghi", "\\",  "\"",   "\\u",     "\\ud8",
            "\\udc", "00",        "3d",  "DE",   "\\n",     "\\b",
            "\\f",   "\\/",       "\\x", "\x1f", "\xc3\xa9" };
    unsigned taken = 0;

    (void) unused;

    for (int i = 0; i < ROUNDS; i++) {
        char        text[128] = "\"";
        size_t      len = 1;
        char        room[sizeof(text)];
        mds_bounded_output_t  decoded = { .p = room, .end = room + sizeof(room) };
        mds_json_t *json = NULL;
        mds_str_t   string;
        bool        is;

        for (unsigned n = prng_below(&prng, 6); n > 0; n--) {
            const char *part = parts[prng_below(&prng, mds_nelems(parts))];

            memcpy(text + len, part, strlen(part));
            len += strlen(part);
        }
        text[len++] = '"';

        char       *exact = exactly(text, len);
        const char *p = exact + 1;

        is = mds_json_parse((mds_str_t){ len, exact }, "it", NULL, &json)
             == MDS_OK;

        /* What ends before is a string, with something behind it. */
        if ((mds_unquote(&p, exact + len, &decoded, &string)
             && p == exact + len)
            != is) {
            fail_msg("%s: %.*s", is ? "refused" : "taken", (int) len, text);
        }

        if (is) {
            assert_true(mds_str_eq(string, mds_json_string(json)));
            taken++;
        }

        mds_json_release(json);
        free(exact);
    }

    assert_true(taken > ROUNDS / 20);
}

/* However small the room is, nothing is written behind it. */
static void
test_small_rooms(void **unused)
{
    (void) unused;

    for (int i = 0; i < ROUNDS / 10; i++) {
        char       text[TEXT_MAX], quoted[6 * TEXT_MAX + 2];
        mds_str_t  view = { roll_text(text), text };
        size_t     bytes = mds_quote_bytes(view), size;
        mds_bounded_output_t whole = { .p = quoted, .end = quoted + bytes };
        char      *exact;
        mds_bounded_output_t small;

        if (bytes == 0) {
            continue;
        }

        mds_quote(&whole, view);
        quoted[bytes] = '"';
        size = prng_below(&prng, (unsigned) bytes);
        exact = malloc(bytes + 1);
        small = (mds_bounded_output_t){ .p = exact, .end = exact + size };
        exact[size] = '!';
        mds_quote(&small, view);
        assert_true(small.overrun && small.p <= exact + size);
        assert_memory_equal(exact, quoted, (size_t) (small.p - exact));
        assert_int_equal(exact[size], '!');

        if (bytes > view.len) {
            const char *p = quoted;
            mds_str_t   back;

            size = prng_below(&prng, (unsigned) view.len);
            small = (mds_bounded_output_t){ .p = exact, .end = exact + size };
            exact[size] = '!';
            assert_false(mds_unquote(&p, quoted + bytes + 1, &small, &back));
            assert_true(small.overrun);
            assert_int_equal(exact[size], '!');
        }

        free(exact);
    }
}

/* Texts of each length with commas, in rooms of each size: as many come as fit
 * whole, and nothing behind the end. */
static void
test_list(void **unused)
{
    static const char all[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH";

    (void) unused;

    for (size_t len = 0; len <= 40; len++) {
        mds_str_t texts[] = { { len, all }, { len / 2, all + 1 }, { len, all + 2 } };
        char      want[128];
        size_t    bytes = (size_t) snprintf(want, sizeof(want), "%.*s,%.*s,%.*s",
                                            MDS_STR(texts[0]), MDS_STR(texts[1]),
                                            MDS_STR(texts[2]));

        for (size_t size = 0; size <= bytes; size++) {
            char                *exact = malloc(size + 1);
            mds_bounded_output_t room = { .p = exact, .end = exact + size };

            assert_non_null(exact);
            exact[size] = '!';
            mds_bounded_output_put_list(&room, texts, 3);
            assert_int_equal(room.overrun, size < bytes);
            assert_true(room.p <= exact + size);
            assert_memory_equal(exact, want, (size_t) (room.p - exact));
            assert_int_equal(exact[size], '!');

            if (size == bytes) {
                assert_ptr_equal(room.p, exact + bytes);
            }

            free(exact);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_small_rooms),
        cmocka_unit_test(test_list),
    };

    prng_seed(&prng);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
