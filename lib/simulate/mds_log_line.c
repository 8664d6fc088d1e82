/* A line of a log is cut into values, and their escapes are undone. */

#include "simulate/mds_log_format.h"

/* Returns whether the byte is escaped by backslashes before it. */
static bool
mds_log_is_escaped(const char *begin, const char *at)
{
    const char *p = at;

    while (p > begin && p[-1] == '\\') {
        p--;
    }

    return (at - p) % 2 != 0;
}

/* Finds the text that ends a value; NULL: it is not there. */
static const char *
mds_log_find_text(const mds_log_format_t *format, mds_str_t rest,
                  mds_str_t text)
{
    const char *end = rest.data + rest.len;

    for (const char *p = rest.data; (size_t) (end - p) >= text.len; p++) {
        p = memchr(p, text.data[0], (size_t) (end - p) - text.len + 1);

        if (p == NULL) {
            return NULL;
        }

        if (memcmp(p, text.data, text.len) == 0
            && (format->escape != MDS_LOG_ESCAPE_JSON
                || !mds_log_is_escaped(rest.data, p)))
        {
            return p;
        }
    }

    return NULL;
}

/* Finds the end of the last value. */
static const char *
mds_log_find_last(mds_str_t rest, mds_str_t text)
{
    const char *p = rest.data + rest.len - text.len;

    return text.len <= rest.len && memcmp(p, text.data, text.len) == 0 ? p
                                                                       : NULL;
}

bool
mds_log_format_read(const mds_log_format_t *format, mds_str_t text,
                    mds_log_line_t *line)
{
    mds_str_t rest = text;

    for (size_t i = 0; i < MDS_LOG_ATTRIBUTE + format->attribute_count; i++) {
        line->values[i] = mds_null_str;
    }

    if (!mds_str_starts(rest, format->head)) {
        return false;
    }

    rest.data += format->head.len;
    rest.len -= format->head.len;

    for (size_t i = 0; i < format->part_count; i++) {
        const mds_log_part_t *part = &format->parts[i];
        const char           *end = i + 1 < format->part_count
                                        ? mds_log_find_text(format, rest, part->text)
                                        : mds_log_find_last(rest, part->text);

        if (end == NULL) {
            return false;
        }

        if (part->field < MDS_LOG_OTHER) {
            line->values[part->field]
                = (mds_str_t){ (size_t) (end - rest.data), rest.data };
        }

        rest.len -= (size_t) (end - rest.data) + part->text.len;
        rest.data = end + part->text.len;
    }

    return rest.len == 0;
}

/* Reads hexadecimal digits; -1: one of them is something else. */
static int
mds_log_hex(const char *digits, size_t count)
{
    int value = 0;

    for (size_t i = 0; i < count; i++) {
        int digit = mds_hex_digit(digits[i]);

        if (digit < 0) {
            return -1;
        }

        value = value << 4 | digit;
    }

    return value;
}

/* Undoes one escape of a string of JSON; nginx writes \u00HH for control
 * characters alone. Returns its bytes; 0: it is something else. */
static size_t
mds_log_unescape_json(mds_str_t rest, char *c)
{
    static const char from[] = "\"\\/nrtbf", to[] = "\"\\/\n\r\t\b\f";
    const char       *at;
    int               value;

    if (rest.len >= 2 && (at = memchr(from, rest.data[1], 8)) != NULL) {
        *c = to[at - from];
        return 2;
    }

    if (rest.len < 6 || rest.data[1] != 'u'
        || (value = mds_log_hex(rest.data + 2, 4)) < 0 || value > 0x7f)
    {
        return 0;
    }

    *c = (char) value;
    return 6;
}

/* Undoes \xHH. */
static size_t
mds_log_unescape_default(mds_str_t rest, char *c)
{
    int value = rest.len >= 4 && rest.data[1] == 'x'
                    ? mds_log_hex(rest.data + 2, 2)
                    : -1;

    *c = (char) value;
    return value < 0 ? 0 : 4;
}

bool
mds_log_unescape(mds_log_escape_t escape, mds_str_t value, char *room,
                 mds_str_t *plain)
{
    char *out = room;

    if (escape == MDS_LOG_ESCAPE_DEFAULT && mds_str_eq(value, mds_str("-"))) {
        *plain = mds_null_str;
        return true;
    }

    if (escape == MDS_LOG_ESCAPE_NONE || value.len == 0
        || memchr(value.data, '\\', value.len) == NULL)
    {
        *plain = value;
        return true;
    }

    while (value.len > 0) {
        size_t bytes = 1;

        *out = value.data[0];

        if (*out == '\\') {
            bytes = escape == MDS_LOG_ESCAPE_JSON
                        ? mds_log_unescape_json(value, out)
                        : mds_log_unescape_default(value, out);
        }

        if (bytes == 0) {
            return false;
        }

        out++;
        value.data += bytes;
        value.len -= bytes;
    }

    *plain = (mds_str_t){ (size_t) (out - room), room };
    return true;
}
