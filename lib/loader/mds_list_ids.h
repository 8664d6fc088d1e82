/*
 * mds_list_ids: the ids of a list, whose content (see mds_loader.h) is a base
 * of any size, "sha256", with "ids" beside it and "without" taken out of it.
 */

#ifndef MDS_LIST_IDS_H
#define MDS_LIST_IDS_H

#include "base/mds_digest.h"
#include "json/mds_json.h"

/* Checks that the document of a state has the list. MDS_NOT_FOUND names those
 * that it has. */
mds_status_t mds_list_check(const mds_json_t *state, const char *name,
                            mds_error_t *err) MDS_MUST_CHECK;

/* Makes views of an array of ids, as many as it has; the caller frees *views.
 */
mds_status_t mds_list_view_ids(const mds_json_t *ids, mds_error_t *err,
                               mds_str_t **views) MDS_MUST_CHECK;

/* The view is good during the call; a status that is not MDS_OK ends it. */
typedef mds_status_t (*mds_list_visit_t)(void *data, mds_str_t id,
                                         mds_error_t *err);

/* Visits each id: those of the base in its order, then those beside it. */
mds_status_t mds_list_visit_ids(const char *depot, const mds_json_t *content,
                                mds_list_visit_t visit, void *data,
                                mds_error_t *err) MDS_MUST_CHECK;

/*
 * Makes one base of the list and of a file's ids, which may be any number.
 * MDS_INVALID: an id breaks the rules, and on which line.
 */
mds_status_t
mds_list_add_file(const char *depot, const mds_json_t *content,
                  const char *path, mds_progress_t *progress, mds_error_t *err,
                  mds_sha256_t *sha256, uint64_t *count) MDS_MUST_CHECK;

#endif
