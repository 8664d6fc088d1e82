/*
 * mds_device: what the registry knows of a device: which version of an app it
 * runs, on which platform, for which user, and when it was seen.
 *
 * Devices are ordered by a hash of app and device, so that they are spread
 * evenly over files and over parts of one.
 */

#ifndef MDS_DEVICE_H
#define MDS_DEVICE_H

#include "base/mds_base.h"
#include "base/mds_terms.h"

typedef struct {
    mds_str_t app;
    mds_str_t device;
    mds_str_t user; /* empty: it named none */
    mds_str_t platform;
    mds_str_t version;
    int64_t   seen_ms;
    bool      forgotten; /* on demand: what was known before seen_ms is gone */
} mds_device_t;

/* Returns whether each text is short enough to be kept, and app and device are
 * not empty. */
bool mds_device_is_valid(const mds_device_t *device);

/* Returns the place of a device in the order. The key is public: who looks for
 * two devices of the same hash finds them, and both are kept. */
uint64_t mds_device_hash(mds_str_t app, mds_str_t device);

/* Returns the hash by which a user's devices are found. */
uint32_t mds_device_user_hash(mds_str_t app, mds_str_t user);

/* Compares devices of the same hash by app, then by device. */
int mds_device_cmp(const mds_device_t *a, const mds_device_t *b);

/* Whether they say the same, but for the time. */
bool mds_device_eq(const mds_device_t *a, const mds_device_t *b);

/* Calls back for a device; views are good during the call. The first status
 * that is not MDS_OK ends the walk. */
typedef mds_status_t (*mds_device_visit_t)(void               *data,
                                           const mds_device_t *device,
                                           mds_error_t        *err);

#endif
