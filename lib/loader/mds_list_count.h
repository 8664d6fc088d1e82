/*
 * mds_list_count: counts the ids of a list by its content in the journal: a
 * base of any size, "sha256", and "ids" beside it, except those of "without".
 */

#ifndef MDS_LIST_COUNT_H
#define MDS_LIST_COUNT_H

#include "json/mds_json.h"

/*
 * Counts each id once, and no patterns. content may be NULL: 0. MDS_NOT_FOUND:
 * the base is not in the depot.
 */
mds_status_t
mds_list_count_ids(const char *depot_dir, const mds_json_t *content,
                   mds_error_t *err, uint64_t *count) MDS_MUST_CHECK;

/* Returns the content of the list in an app's state, or NULL. */
const mds_json_t *
mds_list_find_content(const mds_json_t *state, mds_str_t name);

#endif
