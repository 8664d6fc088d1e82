/*
 * mds_diff: lists what changed between two states of an app, part by part.
 *
 * A part is known by its kind and an id: {"what": "release", "id": "core",
 * "before": {…}, "after": {…}}. A new part has no "before", a removed one no
 * "after". If only the order of packages or releases changed, "what" is
 * "packages" or "releases", and "before" and "after" are lists of ids. A
 * package or release that was removed has a "behind": the id of the item before
 * it, or null if it was the first.
 */

#ifndef MDS_DIFF_H
#define MDS_DIFF_H

#include "json/mds_json.h"

/*
 * Compares two states as the loader keeps them ({"document": …, "external":
 * …}); before may be NULL. *changes is a new reference to an array, which is
 * empty if nothing changed. MDS_NO_MEMORY.
 */
mds_status_t mds_diff(const mds_json_t *before, const mds_json_t *after,
                      mds_error_t *err, mds_json_t **changes) MDS_MUST_CHECK;

/* Returns whether the change is of a "release", say. */
static inline bool
mds_diff_is(const mds_json_t *change, const char *what)
{
    return mds_str_eq(mds_json_get_string(change, "what"), mds_str_of(what));
}

/* Returns whether one of the changes is. */
bool mds_diff_has(const mds_json_t *changes, const char *what);

#endif
