/*
 * Strings, UTF-8, and the text of errors.
 */

#include "base/mds_base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mds_word.h"

int
mds_str_cmp(mds_str_t a, mds_str_t b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int    order;

    /* Short texts, as most keys of versions are, are numbers whose highest byte
     * is the first one. */
    if (a.len <= 8 && b.len <= 8) {
        uint64_t x = __builtin_bswap64(mds_word_load_part(a.data, a.len));
        uint64_t y = __builtin_bswap64(mds_word_load_part(b.data, b.len));

        order = (x > y) - (x < y);
    } else {
        order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    }

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

mds_str_t
mds_str_cut(mds_str_t *text, char c)
{
    const char *at;
    mds_str_t   head = *text;

    if (text->len == 0) {
        return head;
    }

    at = memchr(text->data, c, text->len);
    if (at == NULL) {
        *text = (mds_str_t){ 0, text->data + text->len };
        return head;
    }

    head.len = (size_t) (at - text->data);
    text->len -= head.len + 1;
    text->data = at + 1;

    return head;
}

/* Returns the length of the character that starts with this byte; 0: none
 * does. */
static size_t
mds_utf8_length(uint8_t first)
{
    return first < 0x80   ? 1
           : first < 0xc2 ? 0
           : first < 0xe0 ? 2
           : first < 0xf0 ? 3
           : first < 0xf5 ? 4
                          : 0;
}

/* Rules out overlong forms, surrogates and what lies above U+10FFFF. */
static bool
mds_utf8_second_fits(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second < 0xa0;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second < 0x90;
    default:
        return true;
    }
}

/* Returns the length of the character at p; 0: it is cut off or malformed. */
static size_t
mds_utf8_character(const uint8_t *p, const uint8_t *end)
{
    size_t length = mds_utf8_length(*p);

    if (length < 2) {
        return *p == 0 ? 0 : length;
    }

    if ((size_t) (end - p) < length || !mds_utf8_second_fits(p[0], p[1])) {
        return 0;
    }

    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return length;
}

/* Returns whether the bytes are ASCII, and none is zero. */
static inline bool
mds_utf8_is_plain(uint64_t word)
{
    /* The subtraction leaves a high bit where a byte is zero. */
    return ((word | (word - MDS_WORD_OF(1))) & MDS_WORD_HIGH_BITS) == 0;
}

bool
mds_str_is_utf8(mds_str_t s)
{
    const char *p = s.data;
    size_t      left = s.len;

    for (;;) {
        size_t length;

        while (left >= 8 && mds_utf8_is_plain(mds_word_load(p))) {
            p += 8;
            left -= 8;
        }

        /* Fewer than eight bytes are followed by ones that are ASCII. */
        if (left < 8
            && mds_utf8_is_plain(mds_word_load_part(p, left)
                                 | MDS_WORD_OF(1) << 8 * left))
        {
            return true;
        }

        length = mds_utf8_character((const uint8_t *) p,
                                    (const uint8_t *) p + left);
        if (length == 0) {
            return false;
        }

        p += length;
        left -= length;
    }
}

/* Replaces bytes that are not UTF-8, and control characters (C0, DEL, C1),
 * which would move a terminal's cursor, by '?': the text quotes names and
 * values from anywhere, and may be cut off. */
static void
mds_error_tidy(char *text)
{
    uint8_t       *p = (uint8_t *) text;
    const uint8_t *end = p + strlen(text);

    while (p < end) {
        size_t length = mds_utf8_character(p, end);

        if (length == 0 || *p < ' ' || *p == 0x7f
            || (*p == 0xc2 && p[1] < 0xa0)) {
            *p = '?';
            length = 1;
        }

        p += length;
    }
}

void
mds_error_set(mds_error_t *err, mds_status_t status, const char *format, ...)
{
    va_list args;

    if (err != NULL) {
        err->status = status;
        va_start(args, format);
        vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
        mds_error_tidy(err->text);
    }
}

static mds_status_t
mds_status_of_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return MDS_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return MDS_DENIED;
    case EEXIST:
        return MDS_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return MDS_NO_SPACE;
    case ENOMEM:
        return MDS_NO_MEMORY;
    default:
        return MDS_IO;
    }
}

mds_status_t
mds_error_set_errno(mds_error_t *err, const char *format, ...)
{
    int     number = errno;
    char    words[MDS_ERROR_BYTES / 2];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);

    return mds_fail(err, mds_status_of_errno(number), "failed to %s: %s", words,
                    strerror(number));
}
