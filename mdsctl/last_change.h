/*
 * last_change: finds serial, time and author of the last change of a release.
 */

#ifndef MDSCTL_LAST_CHANGE_H
#define MDSCTL_LAST_CHANGE_H

#include "loader/mds_loader.h"

/*
 * Sets "since" of each release to {"serial","time","who"}, unless the change is
 * older than this record. The caller has a transaction of the journal.
 */
mds_status_t
mdsctl_last_change_add(mds_loader_t *loader, const mds_json_t *state,
                       mds_json_t *releases, mds_error_t *err) MDS_MUST_CHECK;

/* Prints the second line of a release: its last change, times and rules. */
void mdsctl_last_change_print(const mds_json_t *release);

#endif
