/*
 * mds_registry: records which version of an app each device runs, in
 * DEPOT/state/devices/ (mds_device_folder.h).
 *
 *   check ─▶ filter in shared memory ─▶ log ─┬▶ run ─┬▶ run ─┬▶ runs of the
 *                                       log ─┘  run ─┘  run ─┘  lowest level
 *
 * A check of a device that is in the filter (mds_device_filter.h) writes
 * nothing. Other devices are appended to the worker's log, about once a second.
 * Logs are merged in the background into runs, and these into fewer and larger
 * ones: at last into those of the lowest level, which leave out devices that
 * are expired or to be forgotten (mds_registry_upkeep.h).
 *
 * The registry is learned from checks and can be learned again: it is bounded,
 * forgets devices that were not seen for long, may lose the last seconds in a
 * power cut, and drops devices that it has no room for. Nothing else depends on
 * it. A reader such as mdsctl opens all files at once and merges them.
 */

#ifndef MDS_REGISTRY_H
#define MDS_REGISTRY_H

#include "registry/mds_device.h"
#include "registry/mds_device_folder.h"

typedef struct mds_registry_s mds_registry_t;

/* Names the lock that each worker shares while it writes to the folder. */
#define MDS_REGISTRY_WORKERS_LOCK "workers.lock"

/* Opens the registry as it is now. A depot without a folder for it has no
 * devices. */
mds_status_t mds_registry_open(const char *depot, mds_error_t *err,
                               mds_registry_t **registry) MDS_MUST_CHECK;

void mds_registry_close(mds_registry_t *registry);

/* Calls visit for each device of an app, in no particular order. */
mds_status_t mds_registry_visit_devices(mds_registry_t *registry, mds_str_t app,
                                        mds_device_visit_t visit, void *data,
                                        mds_error_t *err) MDS_MUST_CHECK;

/* Calls visit for each device of a user, by name. */
mds_status_t
mds_registry_visit_user(mds_registry_t *registry, mds_str_t app, mds_str_t user,
                        mds_device_visit_t visit, void *data,
                        mds_error_t *err) MDS_MUST_CHECK;

/* Counts the devices that mds_registry_forget() would forget. */
mds_status_t
mds_registry_count_forgotten(mds_registry_t *registry, mds_str_t app,
                             mds_str_t name, mds_error_t *err,
                             uint64_t *count) MDS_MUST_CHECK;

/*
 * Forgets the device of that name, and all devices of the user of that name;
 * *count is their number. Returns after the workers, if there are any, have
 * removed them from the filter, so that a device that checks again is
 * registered again. Their bytes leave the disk with the next merges, within
 * hours.
 */
mds_status_t
mds_registry_forget(mds_registry_t *registry, mds_str_t app, mds_str_t name,
                    mds_error_t *err, uint64_t *count) MDS_MUST_CHECK;

/* Forgets what was seen of them until then, and does not wait for workers:
 * before_ms is at most now. To repeat it changes nothing. */
mds_status_t mds_registry_forget_before(mds_registry_t *registry, mds_str_t app,
                                        mds_str_t name, int64_t before_ms,
                                        mds_error_t *err) MDS_MUST_CHECK;

typedef struct {
    uint64_t devices;
    bool     exact;     /* otherwise some are counted twice */
    uint64_t bytes;     /* of the files */
    uint64_t dropped;   /* devices, since the depot was made */
    uint64_t max_bytes; /* of all that is kept in state/, as the workers have
                         * it; 0: not known */
    int64_t ttl_ms;     /* as they have it; 0: not known */
} mds_registry_stat_t;

mds_status_t mds_registry_stat(mds_registry_t *registry, mds_error_t *err,
                               mds_registry_stat_t *stat) MDS_MUST_CHECK;

/* Reads and checks all files. Returns MDS_DAMAGED if one is not valid. */
mds_status_t
mds_registry_audit(mds_registry_t *registry, mds_error_t *err) MDS_MUST_CHECK;

/* Receives a file of the registry, with an open descriptor and the number of
 * its bytes that count. */
typedef mds_status_t (*mds_registry_file_t)(void *data, const char *name,
                                            int fd, uint64_t bytes,
                                            mds_error_t *err);

/* Tells of files that are not regular or another user's. */
typedef struct {
    uint64_t    count;
    mds_error_t why; /* of the first */
} mds_registry_foreign_t;

/* Visits the files as they are now, without reading them, and leaves out
 * foreign ones. All are open before the first is visited, so that none is
 * missing if a merge removes it. */
mds_status_t
mds_registry_visit_files(const char *depot, mds_registry_file_t visit,
                         void *data, mds_error_t *err,
                         mds_registry_foreign_t *foreign) MDS_MUST_CHECK;

#define MDS_REGISTRY_DAY_MS (INT64_C(24) * 3600 * 1000)

/* Returns the time after which a device is written again: a day, or a quarter
 * of ttl_ms (0: for ever) if that is shorter. */
int64_t mds_registry_refresh_ms(int64_t ttl_ms);

/* Returns whether a device was not seen for so long that it is forgotten. It
 * may have been seen once more within a refresh, which is not written. */
bool mds_registry_is_expired(int64_t seen_ms, int64_t ttl_ms, int64_t now_ms);

#endif
