/*
 * entry: checks and prints names of an archive's entries.
 *
 * A name with a control character can move a terminal's cursor, and one with a
 * bidirectional character is displayed in another order than it is stored
 * ("gpj.exe" looks like "exe.jpg"). Such names are refused, and printed with
 * these characters escaped.
 */

#ifndef MDSCTL_ENTRY_H
#define MDSCTL_ENTRY_H

#include "base/mds_base.h"

/* Follows the entry's name in messages. */
#define MDSCTL_ENTRY_NOT_PLAIN                                                 \
    "has a control or bidirectional character in its name"

#define MDSCTL_ENTRY_TEXT                                                      \
    512 /* bytes of an escaped name, with its zero byte                        \
         */

/*
 * Writes a printable form of the name: a control or bidirectional character as
 * \u{...}, and, in a name that is not valid UTF-8, each other byte that is not
 * ASCII as \xNN. A long text is cut. Returns text.
 */
const char *mdsctl_entry_escape(mds_str_t name, char text[MDSCTL_ENTRY_TEXT]);

/* Returns whether the name has no control or bidirectional character; it need
 * not be valid UTF-8. */
bool mdsctl_entry_is_plain(mds_str_t name);

#endif
