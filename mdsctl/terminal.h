/*
 * terminal: what is special when people read stdout on a terminal: lines that
 * fit its width, and a pager for answers that do not fit its height.
 */

#ifndef MDSCTL_TERMINAL_H
#define MDSCTL_TERMINAL_H

#include "base/mds_base.h"

/* Returns whether stdout is a terminal, maybe by way of the pager. */
bool mdsctl_is_terminal(void);

/* Prints the part of a table's row before its wide cell, the cell, and the part
 * after it. On a terminal the cell is shortened by an ellipsis, so that the row
 * fits, as long as some of it is left. Frees before and after; NULL is empty.
 */
void mdsctl_print_row(char *before, mds_str_t cell, char *after);

/* Returns the text, which the caller frees; NULL: memory was short. */
char *mdsctl_format(const char *format, ...) MDS_PRINTF(1, 2);

/* Keeps what is printed from now on until mdsctl_pager_end(), if stdout is a
 * terminal and a pager is set: no transaction stays open while people read. */
void mdsctl_pager_begin(void);

/* Prints what was kept: by the pager, if it does not fit the terminal. */
void mdsctl_pager_end(void);

#endif
