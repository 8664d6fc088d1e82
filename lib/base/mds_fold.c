/*
 * Folds text, character by character, by a table of ranges.
 */

#include "base/mds_fold.h"

#include "base/mds_fold_table.h"

/* Returns the folded character; most have no row, and stay as they are. */
static uint32_t
mds_fold_char(uint32_t c)
{
    size_t low = 0, high = mds_nelems(mds_fold_table);

    while (low < high) {
        size_t                middle = low + (high - low) / 2;
        const mds_fold_row_t *row = &mds_fold_table[middle];

        if (c < row->first) {
            high = middle;
        } else if (c > row->last) {
            low = middle + 1;
        } else {
            return (c - row->first) % row->stride == 0
                       ? (uint32_t) ((int32_t) c + row->delta)
                       : c;
        }
    }

    return c;
}

/* Reads a character above U+007F of valid UTF-8; returns its bytes. */
static size_t
mds_fold_decode(const uint8_t *bytes, size_t left, uint32_t *c)
{
    size_t   len = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    uint32_t value = bytes[0] & (0x7fu >> len);

    if (len > left) {
        *c = bytes[0];
        return 1;
    }

    for (size_t i = 1; i < len; i++) {
        value = value << 6 | (bytes[i] & 0x3f);
    }

    *c = value;
    return len;
}

static size_t
mds_fold_encode(uint32_t c, char *to)
{
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = len - 1; i > 0; i--) {
        to[i] = (char) (0x80 | (c & 0x3f));
        c >>= 6;
    }

    to[0] = (char) (len == 1 ? c : (0xf00u >> len & 0xf0) | c);
    return len;
}

mds_str_t
mds_fold(mds_str_t text, char *buffer)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len;) {
        uint8_t  byte = (uint8_t) text.data[i];
        uint32_t c;

        if (byte < 0x80) {
            buffer[len++]
                = (char) (byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
            i++;
        } else {
            i += mds_fold_decode((const uint8_t *) text.data + i, text.len - i,
                                 &c);
            len += mds_fold_encode(mds_fold_char(c), buffer + len);
        }
    }

    return (mds_str_t){ len, buffer };
}
