/*
 * mds_sighting: what a check tells of the device that asks.
 */

#ifndef MDS_SIGHTING_H
#define MDS_SIGHTING_H

#include "mds_request.h"

#define MDS_SIGHTING_KEY_MAX 512 /* bytes of app 00 device */

/* A device that was seen. */
typedef struct {
    mds_str_t device; /* app 00 device */
    mds_str_t user;   /* empty: it named none */
    mds_str_t platform;
    mds_str_t version;
} mds_sighting_t;

/*
 * The device with the version of the app that it runs: of kind upgrade, what
 * is installed, of others app_version. False: it names no device, or does not
 * say. Views are of the request; the key is in bytes.
 */
bool
mds_sighting_of(const mds_request_t *request, char bytes[MDS_SIGHTING_KEY_MAX],
                mds_sighting_t *sighting) MDS_MUST_CHECK;

/* Whether they say the same. */
bool mds_sighting_eq(const mds_sighting_t *a, const mds_sighting_t *b);

#endif
