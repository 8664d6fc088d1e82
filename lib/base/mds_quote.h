/*
 * mds_quote: the inside of JSON strings (RFC 8259, 7), eight bytes at a time.
 * For requests: it allocates nothing.
 */

#ifndef MDS_QUOTE_H
#define MDS_QUOTE_H

#include "base/mds_bounded_output.h"

/* Returns the number of bytes that the text takes between the quotes. */
size_t mds_quote_bytes(mds_str_t text);

/* Writes the text, which takes mds_quote_bytes() bytes. */
void mds_quote(mds_bounded_output_t *room, mds_str_t text);

/*
 * Reads a string from behind its opening quote, and moves *p behind the closing
 * one. The view is of the text itself or, if something is escaped, of the
 * decoded bytes in the room: no more than were read. False: the string does not
 * end, or holds a control character, an invalid escape, half a surrogate pair
 * or U+0000, or the room is too small. The caller has checked that the text is
 * UTF-8.
 */
bool mds_unquote(const char **p, const char *end, mds_bounded_output_t *decoded,
                 mds_str_t *string) MDS_MUST_CHECK;

#endif
