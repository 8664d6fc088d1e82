/* entry: characters that names of an archive's entries must not have. */

#include "archive/entry.h"

#include <stdio.h>

/* U+007F to U+07FF and U+0800 to U+FFFF; other characters are all plain. */
static uint32_t
two(const uint8_t *p)
{
    return (uint32_t) (p[0] & 0x1f) << 6 | (p[1] & 0x3f);
}

static uint32_t
three(const uint8_t *p)
{
    return (uint32_t) (p[0] & 0x0f) << 12 | (uint32_t) (p[1] & 0x3f) << 6
           | (p[2] & 0x3f);
}

/* C0, DEL and C1, line separators, and what sets the direction of text. */
static bool
is_odd(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c
           || code == 0x200e || code == 0x200f
           || (code >= 0x2028 && code <= 0x202e)
           || (code >= 0x2066 && code <= 0x2069);
}

/* The bytes of the odd character that begins here; 0: none does. */
static size_t
odd_bytes(const uint8_t *p, size_t len, uint32_t *code)
{
    size_t   bytes = p[0] < 0x80                         ? 1
                     : len >= 2 && (p[0] & 0xe0) == 0xc0 ? 2
                     : len >= 3 && (p[0] & 0xf0) == 0xe0 ? 3
                                                         : 0;
    uint32_t found = bytes == 1   ? p[0]
                     : bytes == 2 ? two(p)
                     : bytes == 3 ? three(p)
                                  : ' ';

    *code = found;
    return is_odd(found) ? bytes : 0;
}

bool
mdsctl_entry_plain(mds_str_t name, char text[MDSCTL_ENTRY_TEXT])
{
    const uint8_t *p = (const uint8_t *) name.data, *end = p + name.len;
    bool           plain = true;
    size_t         done = 0, room = MDSCTL_ENTRY_TEXT;
    uint32_t       code = 0;

    text[0] = '\0';

    while (p < end && room - done > sizeof("\\u{10FFFF}")) {
        size_t bytes = odd_bytes(p, (size_t) (end - p), &code);

        if (bytes == 0) {
            text[done++] = (char) *p++;
            text[done] = '\0';
            continue;
        }

        done += (size_t) snprintf(text + done, room - done, "\\u{%04X}",
                                  (unsigned) code);
        p += bytes;
        plain = false;
    }

    for (; plain && p < end; p++) {
        plain = odd_bytes(p, (size_t) (end - p), &code) == 0;
    }

    return plain;
}
