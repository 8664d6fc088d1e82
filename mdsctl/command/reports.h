/*
 * reports: what devices have reported of a release, for `mdsctl status`.
 */

#ifndef MDSCTL_REPORTS_H
#define MDSCTL_REPORTS_H

#include "mdsctl.h"
#include "state/mds_tally.h"

/* Reads what devices have reported of a release, within a transaction of the
 * state. */
mds_status_t
mdsctl_reports_read(mds_state_t *state, mds_str_t app, mds_str_t id,
                    mds_error_t *err, mds_tally_t *tally,
                    mds_details_t *details) MDS_MUST_CHECK;

/* Sets "reports" of a release, and "halted" if reports have halted it. A
 * release without reports has neither. */
mds_status_t mdsctl_reports_set(mds_json_t *release, const mds_tally_t *tally,
                                const mds_details_t *details,
                                mds_error_t         *err) MDS_MUST_CHECK;

/* Prints the same as lines. */
void mdsctl_reports_print(const mds_json_t *release);

#endif
