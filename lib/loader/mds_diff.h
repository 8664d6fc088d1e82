/*
 * mds_diff: what changed between two states of an app, part by part.
 *
 * A part is known by what it is and an id: {"what": "release", "id": "core",
 * "before": {…}, "after": {…}}; without "before" it is new, without "after"
 * gone. Where only the order of packages or releases changed, what is
 * "packages" or "releases", and before and after are lists of ids.
 */

#ifndef MDS_DIFF_H
#define MDS_DIFF_H

#include "json/mds_json.h"

#define MDS_DIFF_ID_MAX 2048

/* What an item of packages or releases is known by; a view into it, or into
 * id. */
mds_str_t mds_diff_id(const mds_json_t *item, char id[MDS_DIFF_ID_MAX]);

/*
 * before and after are states as the loader keeps them ({"document": …,
 * "external": …}); before may be NULL. *changes is a new reference to an
 * array, empty where nothing changed. MDS_NO_MEMORY.
 */
mds_status_t mds_diff(const mds_json_t *before, const mds_json_t *after,
                      mds_error_t *err, mds_json_t **changes) MDS_MUST_CHECK;

#endif
