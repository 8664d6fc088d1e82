/*
 * escape: checks and prints texts that others have chosen: names of an
 * archive's entries, and what devices say of themselves.
 *
 * A text with a control character can move a terminal's cursor or begin a line
 * of its own, and one with a bidirectional character is displayed in another
 * order than it is stored ("gpj.exe" looks like "exe.jpg"). Entries with such
 * names are refused, and all such texts are printed with these characters
 * escaped.
 */

#ifndef MDSCTL_ESCAPE_H
#define MDSCTL_ESCAPE_H

#include "base/mds_base.h"
#include "base/mds_terms.h"

/* Follows the name of an archive's entry in messages. */
#define MDSCTL_NOT_PLAIN "has a control or bidirectional character in its name"

/* Defines the bytes that the name of an archive's entry is cut to. */
#define MDSCTL_ESCAPED_BYTES 512

/* Defines the bytes of a device's text, of which each may take eight, so that
 * none is cut. */
#define MDSCTL_ESCAPED_VALUE_BYTES (8 * MDS_VALUE_MAX + 16)

/*
 * Writes a printable form of the text: a control or bidirectional character as
 * \u{...}, and, in a text that is not valid UTF-8, each other byte that is not
 * ASCII as \xNN. A long text is cut to fit into size bytes. Returns text.
 */
const char *mdsctl_escape(mds_str_t name, char *text, size_t size);

/* Returns whether the text has no control or bidirectional character; it need
 * not be valid UTF-8. */
bool mdsctl_is_plain(mds_str_t name);

#endif
