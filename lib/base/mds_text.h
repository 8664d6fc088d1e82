/*
 * mds_text: finds how a text file is encoded. Windows programs put a byte order
 * mark before UTF-8, or write UTF-16.
 */

#ifndef MDS_TEXT_H
#define MDS_TEXT_H

#include "base/mds_base.h"

/* Returns the length of the UTF-8 byte order mark that the text begins with: 3
 * or 0. */
static inline size_t
mds_text_mark(mds_str_t text)
{
    return text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* Returns whether the text begins with a byte order mark of UTF-16. */
static inline bool
mds_text_is_utf16(mds_str_t text)
{
    return text.len >= 2
           && (memcmp(text.data, "\xff\xfe", 2) == 0
               || memcmp(text.data, "\xfe\xff", 2) == 0);
}

/*
 * Skips the byte order mark of a whole text, which what names in messages.
 * MDS_INVALID: it is UTF-16 or has a zero byte, and *err names the line.
 */
mds_status_t mds_text_begin(mds_str_t *text, const char *what,
                            mds_error_t *err) MDS_MUST_CHECK;

#endif
