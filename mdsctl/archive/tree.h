/*
 * tree: removes and compares directories recursively. Names are looked up below
 * open directories, and no symbolic link is followed.
 */

#ifndef MDSCTL_TREE_H
#define MDSCTL_TREE_H

#include "base/mds_base.h"

/* Nested directories; deeper ones are refused. */
#define MDSCTL_TREE_DEPTH 64

/* Removes a file or a directory. It is not an error if name does not exist. */
mds_status_t
mdsctl_tree_remove(int at, const char *name, mds_error_t *err) MDS_MUST_CHECK;

/* Finds out whether both have the same names and the same bytes in files. */
mds_status_t mdsctl_tree_compare(int at, const char *a, const char *b,
                                 mds_error_t *err, bool *same) MDS_MUST_CHECK;

#endif
