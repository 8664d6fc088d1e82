/*
 * mds_registration: the registry's record of the device that sends a check.
 */

#ifndef MDS_REGISTRATION_H
#define MDS_REGISTRATION_H

#include "request/mds_request.h"
#include "state/mds_registry.h"

/*
 * The device with the version of the app that it runs: of kind upgrade, what
 * is installed, of others app_version. False: it names no device, or does not
 * say. Views are of the request; the key is in bytes.
 */
bool
mds_registration_from_request(const mds_request_t *request,
                              char                 bytes[MDS_DEVICE_KEY_MAX],
                              mds_registration_t  *registration) MDS_MUST_CHECK;

/* Whether they say the same. */
bool
mds_registration_eq(const mds_registration_t *a, const mds_registration_t *b);

#endif
