/*
 * expiry: the option --expires, which takes a time or a duration.
 */

#ifndef MDSCTL_EXPIRY_H
#define MDSCTL_EXPIRY_H

#include "mdsctl.h"

/*
 * Parses a time such as 2027-12-01T00:00:00Z, or a duration from now_ms: a
 * number with d, h, m or s. text may be NULL: `otherwise` counts. Returns
 * MDSCTL_DONE, or MDSCTL_USAGE after printing the error.
 */
int mdsctl_expiry(const char *text, const char *otherwise, int64_t now_ms,
                  int64_t *expires_ms) MDS_MUST_CHECK;

#endif
