/*
 * mds_quote: the inside of JSON strings (RFC 8259, 7), eight bytes at a time.
 * For requests: it allocates nothing.
 */

#ifndef MDS_QUOTE_H
#define MDS_QUOTE_H

#include "base/mds_bounded_output.h"

/* How many bytes the text takes between the quotes. */
size_t mds_quote_bytes(mds_str_t text);

/* Writes just that many. */
void mds_quote(mds_bounded_output_t *room, mds_str_t text);

/*
 * Reads a string from behind its opening quote. *p moves behind the closing
 * one. The view is of the text itself, or, where something is escaped, of
 * what is written to the room: no more bytes than were read. False: it does
 * not end, or holds a control character, an escape that is none, half a
 * surrogate pair or U+0000, or the room is too small. That it is UTF-8 was
 * seen to before.
 */
bool mds_unquote(const char **p, const char *end, mds_bounded_output_t *decoded,
                 mds_str_t *string) MDS_MUST_CHECK;

#endif
