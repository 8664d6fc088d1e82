/*
 * Refuses texts that are not UTF-8 at their first look.
 */

#include "base/mds_text.h"

/* Returns the number of the line, from 1, that holds the byte `at`. */
static unsigned long
mds_text_line(mds_str_t text, const char *at)
{
    unsigned long line = 1;

    for (const char *p = text.data; p < at; p++) {
        line += *p == '\n';
    }

    return line;
}

mds_status_t
mds_text_begin(mds_str_t *text, const char *what, mds_error_t *err)
{
    const char *zero;
    size_t      mark = mds_text_mark(*text);

    if (mds_text_is_utf16(*text)) {
        return mds_fail(err, MDS_INVALID,
                        "%s, line 1: the file is UTF-16; want UTF-8", what);
    }

    zero = text->len == 0 ? NULL : memchr(text->data, '\0', text->len);

    if (zero != NULL) {
        return mds_fail(err, MDS_INVALID,
                        "%s, line %lu: the file has a zero byte, as UTF-16"
                        " does; want UTF-8",
                        what, mds_text_line(*text, zero));
    }

    text->data += mark;
    text->len -= mark;

    return MDS_OK;
}
