/*
 * mds_decimal: turns decimal numbers into keys that memcmp() puts in order. A
 * number has digits, and may have a sign before them and a fraction behind
 * them: "7", "-0.50". Its size and precision are bounded by its length alone. A
 * key is
 *
 *   00   of a negative number; the rest is complemented, and FF ends it
 *   01   of zero
 *   02   of a positive number
 *
 * and then the count of digits before the point in two bytes, these digits
 * without leading zeros, and those of the fraction without trailing ones.
 */

#ifndef MDS_DECIMAL_H
#define MDS_DECIMAL_H

#include "base/mds_base.h"

#define MDS_DECIMAL_MAX 256 /* bytes of a number as text */
#define MDS_DECIMAL_KEY_BYTES (MDS_DECIMAL_MAX + 4)

typedef struct {
    size_t  len;
    uint8_t key[MDS_DECIMAL_KEY_BYTES];
} mds_decimal_t;

/* Reads a number. False: the text is not one, and *decimal is undefined. */
bool mds_decimal_parse(mds_str_t text, mds_decimal_t *decimal) MDS_MUST_CHECK;

/* Returns the key as a view of *decimal. */
static inline mds_str_t
mds_decimal_key(const mds_decimal_t *decimal)
{
    return (mds_str_t){ decimal->len, (const char *) decimal->key };
}

#endif
