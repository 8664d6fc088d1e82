/*
 * last_change: by which change a release is what it is, when, and by whom.
 */

#ifndef MDSCTL_LAST_CHANGE_H
#define MDSCTL_LAST_CHANGE_H

#include "loader/mds_loader.h"

/*
 * "since" of each of the releases: {"serial","time","who"}; none for one that
 * was last changed before the journal noted it. Within a transaction of the
 * journal.
 */
mds_status_t
mdsctl_last_change_add(mds_loader_t *loader, const mds_json_t *state,
                       mds_json_t *releases, mds_error_t *err) MDS_MUST_CHECK;

/* The second line of a release: since when, by whom, its times and rules. */
void mdsctl_last_change_print(const mds_json_t *release);

#endif
