/*
 * Parses decimal numbers, and writes their keys.
 */

#include "base/mds_decimal.h"

enum { MDS_SIGN_NEGATIVE = 0x00, MDS_SIGN_ZERO, MDS_SIGN_POSITIVE };

/* Takes the digits off the front of *text. */
static mds_str_t
mds_decimal_take_digits(mds_str_t *text)
{
    mds_str_t digits = { 0, text->data };

    while (text->len > 0 && text->data[0] >= '0' && text->data[0] <= '9') {
        text->data++;
        text->len--;
        digits.len++;
    }

    return digits;
}

/* Writes the key behind its sign; flip is FF for a negative number. */
static void
mds_decimal_write(mds_decimal_t *decimal, mds_str_t whole, mds_str_t fraction,
                  uint8_t flip)
{
    decimal->key[decimal->len++] = (uint8_t) (whole.len >> 8) ^ flip;
    decimal->key[decimal->len++] = (uint8_t) whole.len ^ flip;

    for (size_t i = 0; i < whole.len; i++) {
        decimal->key[decimal->len++] = (uint8_t) whole.data[i] ^ flip;
    }

    for (size_t i = 0; i < fraction.len; i++) {
        decimal->key[decimal->len++] = (uint8_t) fraction.data[i] ^ flip;
    }

    if (flip != 0) {
        decimal->key[decimal->len++] = flip;
    }
}

bool
mds_decimal_parse(mds_str_t text, mds_decimal_t *decimal)
{
    mds_str_t whole, fraction = mds_null_str;
    bool      negative = text.len > 0 && text.data[0] == '-';

    if (text.len > MDS_DECIMAL_MAX) {
        return false;
    }

    if (negative || (text.len > 0 && text.data[0] == '+')) {
        text.data++;
        text.len--;
    }

    whole = mds_decimal_take_digits(&text);

    if (whole.len > 0 && text.len > 1 && text.data[0] == '.') {
        text.data++;
        text.len--;
        fraction = mds_decimal_take_digits(&text);
    }

    if (whole.len == 0 || text.len > 0) {
        return false;
    }

    for (; whole.len > 0 && whole.data[0] == '0'; whole.len--) {
        whole.data++;
    }

    while (fraction.len > 0 && fraction.data[fraction.len - 1] == '0') {
        fraction.len--;
    }

    decimal->len = 1;

    if (whole.len + fraction.len == 0) {
        decimal->key[0] = MDS_SIGN_ZERO;
        return true;
    }

    decimal->key[0] = negative ? MDS_SIGN_NEGATIVE : MDS_SIGN_POSITIVE;
    mds_decimal_write(decimal, whole, fraction, negative ? 0xff : 0);

    return true;
}
