/*
 * Tokens: whatever was written is read back, and against a second reading of
 * the header's words; whatever was not written is refused.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mds_siphash.h"
#include "prng.h"
#include "request/mds_token.h"

#define MANY 600
#define EPOCH 0xcafe1234u

static const char digits[]
    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* As zeros and ones, one a char. */
static char bits[64 * MANY];

static void
add_bits(uint32_t value, int count)
{
    size_t len = strlen(bits);

    while (count-- > 0) {
        bits[len++] = (char) ('0' + (value >> count & 1));
    }
    bits[len] = '\0';
}

static void
begin_bits(uint32_t version, uint32_t epoch)
{
    bits[0] = '\0';
    add_bits(version, 8);
    add_bits(epoch, 32);
}

static void
add_gap(uint32_t gap)
{
    for (; gap > 7; gap /= 8) {
        add_bits(8 + gap % 8, 4);
    }
    add_bits(gap, 4);
}

/* Six at a time, and 24 bits of the check behind them. */
static mds_str_t
end_bits(void)
{
    static char text[64 * MANY];
    mds_str_t   token = { 0, text };
    uint64_t    check;

    while (strlen(bits) % 6 != 0) {
        strcat(bits, "0");
    }

    for (const char *bit = bits; *bit != '\0'; bit += 6) {
        unsigned digit = 0;

        for (int i = 0; i < 6; i++) {
            digit = 2 * digit + (unsigned) (bit[i] - '0');
        }
        text[token.len++] = digits[digit];
    }

    check = mds_siphash((const uint8_t *) "mds_token digits", token);
    for (int shift = 18; shift >= 0; shift -= 6) {
        text[token.len++] = digits[check >> shift & 63];
    }

    return token;
}

static uint32_t numbers[MANY], again[MANY];

static size_t
roll_numbers(prng_t *prng)
{
    size_t   count = prng_below(prng, prng_one_in(prng, 4) ? MANY : 8);
    uint32_t last = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t most = prng_one_in(prng, 9) ? 0x00600000 : 20;

        last += 1 + prng_below(prng, most);
        numbers[i] = last;
    }

    return count;
}

static mds_str_t
write_token(uint32_t epoch, size_t count)
{
    static char *text;

    free(text);
    text = malloc(mds_token_bytes(count));
    assert_non_null(text);

    return (mds_str_t){ mds_token_write(epoch, numbers, count, text,
                                        mds_token_bytes(count)),
                        text };
}

static bool
is_understood(mds_str_t token)
{
    size_t count = 4711;
    bool   understood = mds_token_read(token, EPOCH, again, MANY, &count);

    assert_true(understood || count == 4711);
    return understood;
}

static void
test_both_ways(void **state)
{
    prng_t prng;

    (void) state;
    prng_seed(&prng);

    for (int i = 0; i < 3000; i++) {
        uint32_t  epoch = prng_below(&prng, UINT32_MAX);
        size_t    count = roll_numbers(&prng), read = 0;
        uint32_t  last = 0;
        mds_str_t token = write_token(epoch, count);

        assert_true(token.len <= mds_token_bytes(count));
        assert_true(mds_token_read(token, epoch, again, count, &read));
        assert_int_equal(read, count);
        assert_memory_equal(again, numbers, count * sizeof(*numbers));

        begin_bits(1, epoch);
        for (size_t n = 0; n < count; n++) {
            add_gap(numbers[n] - last);
            last = numbers[n];
        }
        assert_true(mds_str_eq(token, end_bits()));

        assert_false(mds_token_read(token, epoch ^ 0x80, again, count, &read));
        assert_true(count == 0
                    || !mds_token_read(token, epoch, again, count - 1, &read));
    }
}

/* The largest numbers and the widest gaps there are. */
static void
test_bounds(void **state)
{
    size_t count = 0;

    (void) state;
    numbers[0] = UINT32_MAX;
    assert_true(mds_token_read(write_token(EPOCH, 1), EPOCH, again, 1, &count));
    assert_int_equal(again[0], UINT32_MAX);

    for (uint32_t i = 0; i < MANY; i++) {
        numbers[i] = (i + 1) * (UINT32_MAX / MANY);
    }
    assert_true(write_token(EPOCH, MANY).len <= mds_token_bytes(MANY));
}

/* A room that is too small is not left. */
static void
test_small_rooms(void **state)
{
    (void) state;

    for (uint32_t i = 0; i < 20; i++) {
        numbers[i] = (i + 1) * (UINT32_MAX / 20);
    }

    for (size_t count = 0; count <= 20; count++) {
        size_t len = write_token(EPOCH, count).len;

        for (size_t size = 0; size <= len; size++) {
            char *text = malloc(size + 1);

            text[size] = '!';
            assert_int_equal(mds_token_write(EPOCH, numbers, count, text, size),
                             size == len ? len : 0);
            assert_int_equal(text[size], '!');
            free(text);
        }
    }
}

/* What was cut, or differs in a digit, is not taken for something else. */
static void
test_damaged(void **state)
{
    char      text[128];
    mds_str_t token;

    (void) state;

    for (uint32_t i = 0; i < 30; i++) {
        numbers[i] = 1 + 3 * i;
    }

    token = write_token(EPOCH, 30);
    assert_true(token.len < sizeof(text) && is_understood(token));

    for (size_t len = 0; len < token.len; len++) {
        assert_false(is_understood((mds_str_t){ len, token.data }));
        assert_false(is_understood(
            (mds_str_t){ token.len - len - 1, token.data + len + 1 }));
    }

    for (size_t i = 0; i <= token.len; i++) {
        for (int c = 0; c < 256; c++) {
            memcpy(text, token.data, token.len);
            text[i] = (char) c;
            assert_int_equal(is_understood((mds_str_t){
                                 i == token.len ? token.len + 1 : token.len,
                                 text }),
                             i < token.len && text[i] == token.data[i]);
        }
    }
}

/* Whole, with a check that holds, and yet none that was handed out. */
static void
test_made_up(void **state)
{
    (void) state;

    begin_bits(1, EPOCH);
    add_gap(3);
    assert_true(is_understood(end_bits()));

    begin_bits(2, EPOCH);
    assert_false(is_understood(end_bits()));

    bits[0] = '\0';
    add_bits(1, 8);
    add_bits(EPOCH >> 8, 24);
    assert_false(is_understood(end_bits()));

    /* beyond 32 bits at once, and in a sum */
    begin_bits(1, EPOCH);
    for (int i = 0; i < 10; i++) {
        add_bits(8, 4);
    }
    add_bits(5, 4);
    assert_false(is_understood(end_bits()));

    begin_bits(1, EPOCH);
    for (int i = 0; i < 12; i++) {
        add_bits(9, 4);
    }
    add_bits(1, 4);
    assert_false(is_understood(end_bits()));

    begin_bits(1, EPOCH);
    add_gap(UINT32_MAX);
    assert_true(is_understood(end_bits()));
    begin_bits(1, EPOCH);
    add_gap(UINT32_MAX);
    add_gap(1);
    assert_false(is_understood(end_bits()));

    /* numbers that do not end, a long zero, and one behind the end */
    begin_bits(1, EPOCH);
    add_bits(0x99, 8);
    assert_false(is_understood(end_bits()));

    begin_bits(1, EPOCH);
    add_bits(0x88, 8);
    assert_false(is_understood(end_bits()));

    begin_bits(1, EPOCH);
    add_bits(8, 4);
    add_bits(0, 4);
    assert_false(is_understood(end_bits()));

    begin_bits(1, EPOCH);
    add_gap(0);
    add_gap(5);
    assert_false(is_understood(end_bits()));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),   cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_small_rooms), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_made_up),
    };

    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
