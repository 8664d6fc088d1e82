/*
 * reporting: a device says how its installation has ended (mds_report).
 */

#ifndef MDSCTL_REPORTING_H
#define MDSCTL_REPORTING_H

#include "device/check.h"

/* Checks that the request has a device, without which there are no reports.
 * Returns an exit code. */
int mdsctl_reporting_check(const mds_request_t *request) MDS_MUST_CHECK;

/*
 * Reports what has become of the manifest: "downloaded" and "installed", or
 * "rolled_back"; or, if it has failed, "failed" with the words of the error.
 * Without a manifest there is nothing to report.
 */
mds_status_t mdsctl_reporting_send(mdsctl_check_t *check, mds_status_t ended,
                                   mds_error_t *err) MDS_MUST_CHECK;

#endif
