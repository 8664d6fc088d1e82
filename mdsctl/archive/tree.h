/*
 * tree: folders of files, with all that is in them. Names are looked up
 * below open folders, and no symbolic link is followed.
 */

#ifndef MDSCTL_TREE_H
#define MDSCTL_TREE_H

#include "base/mds_base.h"

/* Folders within folders; what is deeper is refused. */
#define MDSCTL_TREE_DEPTH 64

/* Fine if there is nothing of that name. */
mds_status_t
mdsctl_tree_remove(int at, const char *name, mds_error_t *err) MDS_MUST_CHECK;

/* Whether both have the same names, and files of the same bytes. */
mds_status_t mdsctl_tree_same(int at, const char *a, const char *b,
                              mds_error_t *err, bool *same) MDS_MUST_CHECK;

#endif
