/*
 * mds_registry: which device runs which version; part of the state.
 *
 *   devices  app 00 device       seen_ms (8 bytes, big-endian), then platform
 *                                00 version 00 user
 *   owners   app 00 user's hash (16 bytes) device   nothing
 *
 * The hash is the first half of SHA-256, so that keys stay short. A device is
 * written when something of it has changed, and once a day.
 */

#ifndef MDS_REGISTRY_H
#define MDS_REGISTRY_H

#include "mds_state.h"

typedef struct {
    mds_str_t device;
    mds_str_t platform;
    mds_str_t version;
    mds_str_t user;
    int64_t   seen_ms;
} mds_device_t;

/* Whether it is worth a write: within mds_state_begin() and _end(). */
mds_status_t
mds_registry_news(mds_state_t *state, const mds_sighting_t *sighting,
                  int64_t now_ms, mds_error_t *err, bool *news) MDS_MUST_CHECK;

/* Calls back for each device of an app, or of one user; views are good during
 * the call. The first status that is not MDS_OK ends it. */
typedef mds_status_t (*mds_device_visit_t)(void               *data,
                                           const mds_device_t *device,
                                           mds_error_t        *err);

mds_status_t mds_registry_devices(mds_state_t *state, mds_str_t app,
                                  mds_device_visit_t visit, void *data,
                                  mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_registry_of_user(mds_state_t *state, mds_str_t app,
                                  mds_str_t user, mds_device_visit_t visit,
                                  void *data, mds_error_t *err) MDS_MUST_CHECK;

#endif
