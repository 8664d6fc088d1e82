/*
 * mds_registration: the registry's record of the device that sends a check.
 */

#ifndef MDS_REGISTRATION_H
#define MDS_REGISTRATION_H

#include "request/mds_request.h"
#include "state/mds_registry.h"

/*
 * Makes the record of the device, with the version of the app that it runs: for
 * kind upgrade the installed version, for others app_version. Returns false if
 * the request lacks the device or the version. Views are of the request; the
 * key is in bytes.
 */
bool
mds_registration_from_request(const mds_request_t *request,
                              char                 bytes[MDS_DEVICE_KEY_MAX],
                              mds_registration_t  *registration) MDS_MUST_CHECK;

/* Returns whether two records are equal. */
bool
mds_registration_eq(const mds_registration_t *a, const mds_registration_t *b);

#endif
