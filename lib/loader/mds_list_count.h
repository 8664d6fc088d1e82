/*
 * mds_list_count: how many ids a list has, by its content in the journal: a
 * base of any size, "sha256", with "ids" beside it and "without" taken out.
 */

#ifndef MDS_LIST_COUNT_H
#define MDS_LIST_COUNT_H

#include "json/mds_json.h"

/*
 * Each id counts once; patterns do not count. content may be NULL: 0.
 * MDS_NOT_FOUND: the base is not in the depot.
 */
mds_status_t
mds_list_count_ids(const char *depot_dir, const mds_json_t *content,
                   mds_error_t *err, uint64_t *count) MDS_MUST_CHECK;

/* The content of the list in an app's state; NULL: none. */
const mds_json_t *
mds_list_find_content(const mds_json_t *state, mds_str_t name);

#endif
