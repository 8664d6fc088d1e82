/*
 * mds_word: eight bytes of a text as one number, so that short texts are read,
 * compared and searched without a loop over their bytes. The first byte is the
 * lowest one of the number on every machine.
 */

#ifndef MDS_WORD_H
#define MDS_WORD_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A word of eight times the byte. */
#define MDS_WORD_OF(c) (UINT64_C(0x0101010101010101) * (uint8_t) (c))

#define MDS_WORD_HIGH_BITS MDS_WORD_OF(0x80)

/* The first eight bytes of a literal, with zero behind a shorter one: what
 * mds_word_load_part() returns, as a constant. */
#define MDS_WORD_OF_LITERAL(text)                                              \
    (MDS_WORD_BYTE(text, 0) | MDS_WORD_BYTE(text, 1) | MDS_WORD_BYTE(text, 2)  \
     | MDS_WORD_BYTE(text, 3) | MDS_WORD_BYTE(text, 4)                         \
     | MDS_WORD_BYTE(text, 5) | MDS_WORD_BYTE(text, 6)                         \
     | MDS_WORD_BYTE(text, 7))

#define MDS_WORD_BYTE(text, i)                                                 \
    ((uint64_t) (uint8_t) ((i) < sizeof(text) ? (text)[(i) % sizeof(text)]     \
                                              : '\0')                          \
     << 8 * (i))

/* Returns eight bytes. */
static inline uint64_t
mds_word_load(const char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return le64toh(word);
}

static inline uint64_t
mds_word_load_4(const char *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, sizeof(word));
    return le32toh(word);
}

/* Returns len bytes, at most eight, and zero behind them. It reads none but
 * these: two halves that may overlap, which have the same bytes there. */
static inline uint64_t
mds_word_load_part(const char *bytes, size_t len)
{
    uint64_t word;

    if (len >= 8) {
        return mds_word_load(bytes);
    }

    if (len >= 4) {
        return mds_word_load_4(bytes)
               | mds_word_load_4(bytes + len - 4) << 8 * (len - 4);
    }

    if (len == 0) {
        return 0;
    }

    /* Of one to three bytes, these are all. */
    word = (uint64_t) (uint8_t) bytes[0];
    word |= (uint64_t) (uint8_t) bytes[len / 2] << 8 * (len / 2);

    return word | (uint64_t) (uint8_t) bytes[len - 1] << 8 * (len - 1);
}

/* Returns the high bit of the first byte that is zero; bytes behind that one
 * may have theirs as well. See "Bit Twiddling Hacks", haszero(v). */
static inline uint64_t
mds_word_zero_bits(uint64_t word)
{
    return (word - MDS_WORD_OF(1)) & ~word & MDS_WORD_HIGH_BITS;
}

/* Returns the number of bytes before the first one with a high bit; there must
 * be one. */
static inline size_t
mds_word_bytes_before(uint64_t bits)
{
    return (size_t) __builtin_ctzll(bits) / 8;
}

#endif
