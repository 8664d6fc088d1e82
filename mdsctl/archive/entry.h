/*
 * entry: names of an archive's entries that show as something else than they
 * are: control characters move a terminal's cursor, and bidirectional ones the
 * letters behind them ("gpj.exe" reads as "exe.jpg").
 */

#ifndef MDSCTL_ENTRY_H
#define MDSCTL_ENTRY_H

#include "base/mds_base.h"

/* Behind the entry's name, in messages. */
#define MDSCTL_ENTRY_ODD "has a control or bidirectional character in its name"

/* Of an escaped name, with its zero byte. */
#define MDSCTL_ENTRY_TEXT 512

/*
 * False: the name has such a character, and text is the name in which each is
 * written as \u{...}, cut where it is too long. The name need not be UTF-8.
 */
bool mdsctl_entry_plain(mds_str_t name, char text[MDSCTL_ENTRY_TEXT]);

#endif
