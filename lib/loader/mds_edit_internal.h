/*
 * mds_edit_internal: what the edits share to find their place in a document.
 */

#ifndef MDS_EDIT_INTERNAL_H
#define MDS_EDIT_INTERNAL_H

#include "loader/mds_edit.h"

/* Returns the member of that key; one that is not there becomes fresh, which is
 * taken. NULL: no memory. */
mds_json_t *
mds_edit_member(mds_json_t *object, const char *key, mds_json_t *fresh);

/* Returns the array (or object) of the document, made if it does not exist;
 * NULL: no memory, which mds_json_append() and _set() report. */
mds_json_t *mds_edit_array(mds_json_t *state, const char *key);
mds_json_t *mds_edit_object(mds_json_t *state, const char *key);

/* Returns the release of that id. NULL: MDS_NOT_FOUND, with the releases that
 * there are. */
mds_json_t *mds_edit_find_release(const mds_json_t *state, const char *id,
                                  mds_error_t *err);

/*
 * Removes all of the app, whether something needs it or not. What goes on if
 * the app is made again stays: the next id of its messages, because read marks
 * are by id.
 */
mds_status_t
mds_edit_clear_app(mds_json_t *state, mds_error_t *err) MDS_MUST_CHECK;

#endif
