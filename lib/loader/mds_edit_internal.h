/*
 * mds_edit_internal: helpers that find the place of an edit in a document.
 */

#ifndef MDS_EDIT_INTERNAL_H
#define MDS_EDIT_INTERNAL_H

#include "loader/mds_edit.h"

/* Returns the member of that key. One that does not exist is set to fresh,
 * whose reference is taken in any case. NULL: out of memory. */
mds_json_t *
mds_edit_member(mds_json_t *object, const char *key, mds_json_t *fresh);

/* Returns the array (or object) of the document, which is created if it does
 * not exist. NULL: out of memory, which mds_json_append() and _set() report. */
mds_json_t *mds_edit_array(mds_json_t *state, const char *key);
mds_json_t *mds_edit_object(mds_json_t *state, const char *key);

/* Returns the release of that id. NULL: MDS_NOT_FOUND, with the releases that
 * there are. */
mds_json_t *mds_edit_find_release(const mds_json_t *state, const char *id,
                                  mds_error_t *err);

/* Removes everything of the app, even if something needs it. Only the next id
 * of its messages is kept, for an app that is created again under the name,
 * because read marks refer to ids. */
mds_status_t
mds_edit_clear_app(mds_json_t *state, mds_error_t *err) MDS_MUST_CHECK;

#endif
