/*
 * mds_json_view: finds members in the text of a JSON object, where it may not
 * be parsed: nothing is allocated, and values are views of the text.
 *
 * The text is compact, as mds_json_dump() writes it, and valid. Other text is
 * read within its bounds, and then any of its values may be missed.
 */

#ifndef MDS_JSON_VIEW_H
#define MDS_JSON_VIEW_H

#include "base/mds_base.h"

/* Returns the text of the value of an object's member, as it is written: a
 * string has its quotes. Empty: there is none, or the text is not an object.
 * Letters of the key may be lower-case where those of the text are not. */
mds_str_t mds_json_view_member(mds_str_t object, mds_str_t key);

/* Returns whether the text of a value is a string, and which text it has
 * between its quotes: escaped as it is written. */
bool mds_json_view_is_string(mds_str_t value, mds_str_t *inside);

/* Cuts the first item off the text behind an array's opening bracket. False:
 * there are no more. */
bool mds_json_view_next_item(mds_str_t *text, mds_str_t *item);

#endif
