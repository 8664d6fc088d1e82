/* escape: finds and escapes control and bidirectional characters. */

#include "escape.h"

#include <stdio.h>

#define ESCAPE_MAX sizeof("\\u{FFFF}") /* bytes of the longest escape */

/* Returns whether the character is one of C0, DEL, C1, the line separators and
 * the characters that set the direction of text. */
static bool
is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c
           || code == 0x200e || code == 0x200f
           || (code >= 0x2028 && code <= 0x202e)
           || (code >= 0x2066 && code <= 0x2069);
}

/* Returns the length of the control character at p, or 0. All of them have at
 * most three bytes. */
static size_t
control_bytes(const uint8_t *p, size_t len, uint32_t *code)
{
    size_t bytes;

    if (p[0] < 0x80) {
        *code = p[0];
        bytes = 1;
    } else if (len >= 2 && (p[0] & 0xe0) == 0xc0) {
        *code = (uint32_t) (p[0] & 0x1f) << 6 | (p[1] & 0x3f);
        bytes = 2;
    } else if (len >= 3 && (p[0] & 0xf0) == 0xe0) {
        *code = (uint32_t) (p[0] & 0x0f) << 12 | (uint32_t) (p[1] & 0x3f) << 6
                | (p[2] & 0x3f);
        bytes = 3;
    } else {
        return 0;
    }

    return is_control(*code) ? bytes : 0;
}

const char *
mdsctl_escape(mds_str_t name, char *text, size_t size)
{
    const uint8_t *p = (const uint8_t *) name.data, *end = p + name.len;
    bool           is_utf8 = mds_str_is_utf8(name);
    char          *to = text;

    while (p < end && (size_t) (to - text) + ESCAPE_MAX < size) {
        uint32_t code;
        size_t   bytes = control_bytes(p, (size_t) (end - p), &code);

        if (bytes > 0 && code > 0) {
            to += sprintf(to, "\\u{%04X}", (unsigned) code);
            p += bytes;
        } else if (bytes > 0 || (!is_utf8 && *p >= 0x80)) {
            to += sprintf(to, "\\x%02x", *p++);
        } else {
            *to++ = (char) *p++;
        }
    }

    *to = '\0';
    return text;
}

bool
mdsctl_is_plain(mds_str_t name)
{
    const uint8_t *p = (const uint8_t *) name.data, *end = p + name.len;
    uint32_t       code;

    while (p < end && control_bytes(p, (size_t) (end - p), &code) == 0) {
        p++;
    }

    return p == end;
}
