/*
 * mds_device: the registry's record of a device: the version of an app that it
 * runs, its platform, its user, and when it was seen.
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
    mds_str_t user; /* empty: none */
    mds_str_t platform;
    mds_str_t version;
    int64_t   seen_ms;
    bool      forgotten; /* by a command: nothing before seen_ms counts */
} mds_device_t;

/* Returns whether each text is valid UTF-8 and short enough to be kept, and app
 * and device are not empty. */
bool mds_device_is_valid(const mds_device_t *device);

/* Returns the place of a device in the order. The key is public: two devices
 * may be made to have the same hash, and both are kept. */
uint64_t mds_device_hash(mds_str_t app, mds_str_t device);

/* Returns the hash by which a user's devices are found. */
uint32_t mds_device_user_hash(mds_str_t app, mds_str_t user);

/* Compares devices of the same hash by app, then by device. */
int mds_device_cmp(const mds_device_t *a, const mds_device_t *b);

/* Returns whether both are equal but for the time. */
bool mds_device_eq(const mds_device_t *a, const mds_device_t *b);

/* Receives a device, whose views are valid during the call. The walk ends with
 * the first status that is not MDS_OK. */
typedef mds_status_t (*mds_device_visit_t)(void               *data,
                                           const mds_device_t *device,
                                           mds_error_t        *err);

#endif
