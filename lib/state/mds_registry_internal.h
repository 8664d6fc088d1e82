/*
 * mds_registry_internal: the tables and types that only the files
 * mds_registry*.c share.
 *
 *   devices  app 00 device       seen_ms (8 bytes, big-endian), then platform
 *                                00 version 00 user
 *   owners   app 00 user's hash (16 bytes) device   "1"
 *   notes    "tend"              mds_registry_notes_t, then the key of the
 *                                device that was looked at last
 *
 * The hash is the first half of SHA-256, so that keys stay short. A device is
 * written when something of it has changed, and once a day.
 */

#ifndef MDS_REGISTRY_INTERNAL_H
#define MDS_REGISTRY_INTERNAL_H

#include "base/mds_digest.h"

#include "base/mds_terms.h"
#include "state/mds_registry.h"
#include "state/mds_state_env.h"

typedef enum {
    MDS_REGISTRY_DEVICES,
    MDS_REGISTRY_OWNERS,
    MDS_REGISTRY_NOTES,
    MDS_REGISTRY_TABLES
} mds_registry_table_t;

#define MDS_OWNER_HASH 16
#define MDS_OWNER_KEY_MAX (MDS_DEVICE_KEY_MAX + MDS_OWNER_HASH)

/* Pages that one device dirties at most: three paths from a root to a leaf. */
#define MDS_REGISTRY_WRITE_PAGES 24

struct mds_registry_s {
    mds_state_env_t env;
    bool            there;
    bool            limits_saved; /* the record has the limits that were set */
    uint64_t        max_bytes;
    uint64_t        limit_bytes; /* 0: none */
    int64_t         ttl_ms;      /* 0: none */
    int64_t         refresh_ms;  /* after which a device is written anew */
};

/* What the workers have in common, as it was when it was read. */
typedef struct {
    int64_t   stepped_ms; /* when it was swept last */
    uint64_t  dropped;
    uint64_t  max_bytes;
    int64_t   ttl_ms;
    mds_str_t at; /* the device that was looked at last; empty: none yet */
} mds_registry_notes_t;

mds_status_t mds_registry_notes(mds_lmdb_t *lmdb, mds_error_t *err,
                                mds_registry_notes_t *notes) MDS_MUST_CHECK;

/* A device that was never seen has no record: *known is false then. */
mds_status_t mds_device_get(mds_lmdb_t *lmdb, mds_str_t key, mds_error_t *err,
                            mds_device_t *device, bool *known) MDS_MUST_CHECK;

/* seen_ms, platform 00 version 00 user */
mds_status_t mds_device_parse(mds_str_t value, mds_error_t *err,
                              mds_device_t *device) MDS_MUST_CHECK;

/* Writes the key of a user's device; without a device, the prefix of all of the
 * user's. The result is empty where app or device is too long for a key. */
mds_str_t mds_owner_key(mds_str_t app, mds_str_t user, mds_str_t device,
                        char bytes[MDS_OWNER_KEY_MAX]);

/* Removes a device and its owner's record. */
void mds_device_drop(mds_lmdb_t *lmdb, mds_str_t key, mds_str_t user);

/* Within a writing transaction; *changed is set where there is something to
 * commit. A device that is new is passed over where there is no room. */
mds_status_t
mds_registry_record(mds_registry_t           *registry,
                    const mds_registration_t *registration, int64_t now_ms,
                    bool room, mds_error_t *err, mds_registry_result_t *result,
                    bool *changed) MDS_MUST_CHECK;

#endif
