/*
 * reports: what devices have reported of a release, for `mdsctl status`.
 */

#ifndef MDSCTL_REPORTS_H
#define MDSCTL_REPORTS_H

#include "mdsctl.h"
#include "state/mds_state.h"

/* Sets "reports" of a release, and "halted" if reports have halted it, within a
 * transaction of the state. A release without reports has neither. */
mds_status_t
mdsctl_reports_set(mds_state_t *state, mds_str_t app, mds_json_t *release,
                   mds_error_t *err) MDS_MUST_CHECK;

/* Prints the same as lines. */
void mdsctl_reports_print(const mds_json_t *release);

#endif
