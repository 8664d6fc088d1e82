/*
 * mds_token: writes and reads tokens. Both pass bits through one integer and
 * allocate nothing, since each config answer has a token.
 */

#include "request/mds_token.h"

#include "base/mds_bounded_output.h"
#include "base/mds_siphash.h"

#define MDS_TOKEN_VERSION 1
#define MDS_TOKEN_CHECK 4 /* digits at the end */

static const char mds_token_digits[]
    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Returns the digit of the six bits that begin at bit from. */
#define mds_token_digit_at(bits, from) mds_token_digits[(bits) >> (from) &0x3f]

/* Computes the check of the digits. Its key is not secret. */
static uint32_t
mds_token_compute_check(const char *text, size_t len)
{
    return (uint32_t) mds_siphash((const uint8_t *) "mds_token digits",
                                  (mds_str_t){ len, text })
           & 0xffffff;
}

/* Holds the bits that are not written yet: bits are added in groups of 4 and
 * more, and written as digits of 6. */
typedef struct {
    mds_bounded_output_t room;
    uint64_t             bits;
    unsigned             count;
} mds_token_writer_t;

/* Writes four digits, for which there is room. */
static inline void
mds_token_encode(char *to, uint64_t bits)
{
    to[0] = mds_token_digit_at(bits, 18);
    to[1] = mds_token_digit_at(bits, 12);
    to[2] = mds_token_digit_at(bits, 6);
    to[3] = mds_token_digit_at(bits, 0);
}

/* Writes the latest 24 bits. */
static inline void
mds_token_put_last(mds_token_writer_t *w)
{
    if (mds_bounded_output_has(&w->room, 4)) {
        mds_token_encode(w->room.p, w->bits);
        w->room.p += 4;
    }

    w->count -= 24;
}

static inline void
mds_token_put(mds_token_writer_t *w, uint32_t value, unsigned bits)
{
    w->bits = w->bits << bits | value;
    w->count += bits;

    if (w->count < 48) {
        return;
    }

    w->count -= 48;

    if (mds_bounded_output_has(&w->room, 8)) {
        uint64_t digits = w->bits >> w->count;

        mds_token_encode(w->room.p, digits >> 24);
        mds_token_encode(w->room.p + 4, digits);
        w->room.p += 8;
    }
}

/* Writes all bits that are left, filled up with zero bits. */
static void
mds_token_flush(mds_token_writer_t *w)
{
    unsigned odd = w->count % 6;

    mds_token_put(w, 0, odd > 0 ? 6 - odd : 0);

    while (w->count > 0) {
        w->count -= 6;

        if (mds_bounded_output_has(&w->room, 1)) {
            *w->room.p++ = mds_token_digit_at(w->bits, w->count);
        }
    }
}

static inline void
mds_token_put_gap(mds_token_writer_t *w, uint32_t gap)
{
    while (gap > 7) {
        mds_token_put(w, 8 | (gap & 7), 4);
        gap >>= 3;
    }

    mds_token_put(w, gap, 4);
}

size_t
mds_token_write(uint32_t epoch, const uint32_t *numbers, size_t count,
                char *text, size_t size)
{
    mds_token_writer_t w = { .room = { .p = text, .end = text + size } };
    uint32_t           last = 0;

    mds_token_put(&w, MDS_TOKEN_VERSION, 8);
    mds_token_put(&w, epoch >> 16, 16);
    mds_token_put(&w, epoch & 0xffff, 16);

    for (size_t i = 0; i < count; i++) {
        mds_token_put_gap(&w, numbers[i] - last);
        last = numbers[i];
    }

    mds_token_flush(&w);
    mds_token_put(&w, mds_token_compute_check(text, (size_t) (w.room.p - text)),
                  24);
    mds_token_put_last(&w);

    return w.room.overrun ? 0 : (size_t) (w.room.p - text);
}

typedef struct {
    mds_str_t text;
    uint32_t  bits;
    unsigned  count;
    bool      failed;
} mds_token_reader_t;

static uint32_t
mds_token_digit(char c)
{
    const char *at = c == '\0' ? NULL : strchr(mds_token_digits, c);

    return at == NULL ? UINT32_MAX : (uint32_t) (at - mds_token_digits);
}

/* Reads a number of so many bits. Returns false if fewer are left. */
static bool
mds_token_get(mds_token_reader_t *r, unsigned bits, uint32_t *value)
{
    while (r->count < bits) {
        uint32_t digit;

        if (r->text.len == 0) {
            return false;
        }

        digit = mds_token_digit(r->text.data[0]);
        r->failed = r->failed || digit == UINT32_MAX;
        r->bits = r->bits << 6 | (digit & 0x3f);
        r->count += 6;
        r->text.data++;
        r->text.len--;
    }

    r->count -= bits;
    *value = r->bits >> r->count & ((1u << bits) - 1);

    return true;
}

/* Reads a gap. Returns false if none is left, or if it has more than 32 bits; a
 * single group of zero is padding. */
static bool
mds_token_get_gap(mds_token_reader_t *r, uint32_t *gap)
{
    unsigned shift = 0;
    uint32_t group;

    *gap = 0;

    while (mds_token_get(r, 4, &group) && (shift < 30 || group < 4)) {
        *gap |= (group & 7) << shift;

        if ((group & 8) == 0) {
            r->failed = r->failed || (*gap == 0 && shift > 0);
            return *gap != 0;
        }

        shift += 3;
    }

    r->failed = r->failed || shift > 0;
    return false;
}

/* Returns whether the check is right, and cuts its digits off the text. */
static bool
mds_token_strip_check(mds_str_t *text)
{
    mds_token_reader_t r;
    uint32_t           high, low;

    if (text->len < MDS_TOKEN_CHECK) {
        return false;
    }

    text->len -= MDS_TOKEN_CHECK;
    r = (mds_token_reader_t){ .text
                              = { MDS_TOKEN_CHECK, text->data + text->len } };

    return mds_token_get(&r, 12, &high) && mds_token_get(&r, 12, &low)
           && !r.failed
           && (high << 12 | low)
                  == mds_token_compute_check(text->data, text->len);
}

static bool
mds_token_read_head(mds_token_reader_t *r, uint32_t epoch)
{
    uint32_t version, byte, read = 0;

    if (!mds_token_get(r, 8, &version) || version != MDS_TOKEN_VERSION) {
        return false;
    }

    for (int i = 0; i < 4; i++) {
        if (!mds_token_get(r, 8, &byte)) {
            return false;
        }
        read = read << 8 | byte;
    }

    return read == epoch && !r->failed;
}

bool
mds_token_read(mds_str_t text, uint32_t epoch, uint32_t *numbers, size_t max,
               size_t *count)
{
    mds_token_reader_t r;
    uint32_t           last = 0, gap;
    size_t             n = 0;

    if (!mds_token_strip_check(&text)) {
        return false;
    }

    r = (mds_token_reader_t){ .text = text };
    if (!mds_token_read_head(&r, epoch)) {
        return false;
    }

    while (mds_token_get_gap(&r, &gap)) {
        if (n == max || gap > UINT32_MAX - last) {
            return false;
        }
        last += gap;
        numbers[n++] = last;
    }

    if (r.failed || r.text.len > 0 || (r.bits & ((1u << r.count) - 1)) != 0) {
        return false;
    }

    *count = n;
    return true;
}
