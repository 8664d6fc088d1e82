/*
 * mds_registry: which device runs which version, DEPOT/state/devices/, an
 * environment of its own (mds_state_env.h).
 *
 * It is learned from checks and can be learned again: it is bounded, forgets
 * devices that were not seen for long, may lose the last transaction in a
 * power cut, and passes over what it has no room for. Nothing else depends on
 * it, and only this header says how to reach it.
 */

#ifndef MDS_REGISTRY_H
#define MDS_REGISTRY_H

#include "base/mds_file.h"
#include "base/mds_terms.h"

typedef struct mds_registry_s mds_registry_t;

#define MDS_DEVICE_KEY_MAX (MDS_APP_MAX + 1 + MDS_VALUE_MAX)

/* Writes the key of a device, app 00 device, to bytes. The result is empty
 * where app or device is too long for a key. */
mds_str_t
mds_device_key(mds_str_t app, mds_str_t device, char bytes[MDS_DEVICE_KEY_MAX]);

/* A device that was seen. */
typedef struct {
    mds_str_t device; /* app 00 device */
    mds_str_t user;   /* empty: it named none */
    mds_str_t platform;
    mds_str_t version;
} mds_registration_t;

typedef struct {
    mds_str_t device;
    mds_str_t platform;
    mds_str_t version;
    mds_str_t user;
    int64_t   seen_ms;
} mds_device_t;

/* Makes an empty registry that uid and gid (-1: whoever runs this) may write;
 * its directory is there. */
mds_status_t mds_registry_create(const char *depot, int64_t uid, int64_t gid,
                                 mds_error_t *err) MDS_MUST_CHECK;

/* Makes the registry of a depot that has none, directory included; fine where
 * there is one. */
mds_status_t
mds_registry_ensure(const char *depot, mds_error_t *err) MDS_MUST_CHECK;

/* A depot of an older format has no registry: what is opened then is empty,
 * and is not for writing. */
mds_status_t mds_registry_open(const char *depot, mds_error_t *err,
                               mds_registry_t **registry) MDS_MUST_CHECK;

void mds_registry_close(mds_registry_t *registry);

/* Bounds the files to the registry's share of what may be kept in state/, and
 * says after how long a device is forgotten (0: no bound; never). */
void mds_registry_set_limits(mds_registry_t *registry, uint64_t max_bytes,
                             int64_t ttl_ms);

/* As mds_state_file_id(), mds_state_check(), mds_state_clear_stale_readers().
 */
mds_status_t mds_registry_file_id(const char *depot, mds_error_t *err,
                                  mds_file_id_t *file_id) MDS_MUST_CHECK;

mds_status_t mds_registry_check(const mds_registry_t *registry,
                                mds_error_t          *err) MDS_MUST_CHECK;

void mds_registry_clear_stale_readers(mds_registry_t *registry);

/* Reading goes between these two; begun twice is begun once. */
mds_status_t
mds_registry_begin(mds_registry_t *registry, mds_error_t *err) MDS_MUST_CHECK;
void mds_registry_end(mds_registry_t *registry);

/* Whether it is worth a write. */
mds_status_t
mds_registry_is_stale(mds_registry_t           *registry,
                      const mds_registration_t *registration, int64_t now_ms,
                      mds_error_t *err, bool *news) MDS_MUST_CHECK;

/* What became of sightings. */
typedef struct {
    uint64_t dropped; /* over: there was no room for the device */
    uint64_t damaged; /* the device's record is: left alone */
} mds_registry_result_t;

/*
 * Registers what is news among count sightings, in one transaction, or in a
 * few where there is not much room left. Known devices are kept up to date
 * where new ones find no room any more. May wait for other writers and for the
 * disk. Adds to *result, for what was written.
 */
mds_status_t mds_registry_write(mds_registry_t           *registry,
                                const mds_registration_t *sightings,
                                size_t count, int64_t now_ms, mds_error_t *err,
                                mds_registry_result_t *result) MDS_MUST_CHECK;

/*
 * Does what falls due, a bounded part at a time: forgets devices that were not
 * seen for long, and keeps count of those that were passed over (*dropped,
 * which is zero afterwards). Each process may call it as often as it likes;
 * where another was here a moment ago, nothing is written.
 */
mds_status_t
mds_registry_expire(mds_registry_t *registry, uint64_t *dropped, int64_t now_ms,
                    mds_error_t *err) MDS_MUST_CHECK;

/* Forgets the device of that name, and all devices of the user of that name;
 * *count is how many. */
mds_status_t
mds_registry_forget(mds_registry_t *registry, mds_str_t app, mds_str_t name,
                    mds_error_t *err, uint64_t *count) MDS_MUST_CHECK;

/* Ends a write that a fault has ended (mds_lmdb.h); in the same thread. */
void mds_registry_abort_write(mds_registry_t *registry);

/* Calls back for each device of an app, or of one user; views are good during
 * the call. The first status that is not MDS_OK ends it. */
typedef mds_status_t (*mds_device_visit_t)(void               *data,
                                           const mds_device_t *device,
                                           mds_error_t        *err);

mds_status_t mds_registry_visit_devices(mds_registry_t *registry, mds_str_t app,
                                        mds_device_visit_t visit, void *data,
                                        mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mds_registry_visit_user(mds_registry_t *registry, mds_str_t app, mds_str_t user,
                        mds_device_visit_t visit, void *data,
                        mds_error_t *err) MDS_MUST_CHECK;

typedef struct {
    uint64_t devices;
    uint64_t bytes;     /* of the files */
    uint64_t dropped;   /* over, for want of room, since the depot was made */
    uint64_t max_bytes; /* of all that is kept in state/, as the workers have
                         * it; 0: not known */
    int64_t ttl_ms;     /* as they have it; 0: not known */
} mds_registry_stat_t;

mds_status_t mds_registry_stat(mds_registry_t *registry, mds_error_t *err,
                               mds_registry_stat_t *facts) MDS_MUST_CHECK;

/* Reads everything. MDS_DAMAGED says what is wrong. */
mds_status_t
mds_registry_audit(mds_registry_t *registry, mds_error_t *err) MDS_MUST_CHECK;

/* As it is now, to fd (mds_lmdb_copy()); not while it is read, and only one
 * that is there. */
mds_status_t mds_registry_copy(mds_registry_t *registry, int fd,
                               mds_error_t *err) MDS_MUST_CHECK;

bool mds_registry_exists(const mds_registry_t *registry);

#endif
