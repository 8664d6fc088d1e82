/*
 * mds_name: checks the forms of names in documents, on the command line and in
 * requests.
 */

#ifndef MDS_NAME_H
#define MDS_NAME_H

#include "base/mds_base.h"

/* Returns whether the text has 1 to max bytes, and no control character. */
bool mds_text_valid(mds_str_t text, size_t max);

/* Returns whether the kind has the form [a-z][a-z0-9_-]{0,31}. */
bool mds_kind_valid(mds_str_t kind);

/* Returns whether the name has the form [a-z][a-z0-9_]{0,31}. */
bool mds_attribute_name_valid(mds_str_t name);

#endif
