/*
 * mds_registration: the registry's record of the device that sends a check.
 */

#ifndef MDS_REGISTRATION_H
#define MDS_REGISTRATION_H

#include "registry/mds_device.h"
#include "request/mds_request.h"

/*
 * Fills *device with the device and the version of the app that it runs: for
 * kind upgrade the installed version, for others app_version. Returns false if
 * the request lacks the device or the version. Views are of the request.
 */
bool mds_registration_from_request(const mds_request_t *request,
                                   mds_device_t        *device) MDS_MUST_CHECK;

#endif
