/*
 * mds_registry: which device runs which version of an app, in
 * DEPOT/state/devices/ (mds_device_folder.h).
 *
 *   check ─▶ filter in shared memory ─▶ log ─┬▶ run ─┬▶ run ─┬▶ runs of the
 *                                       log ─┘  run ─┘  run ─┘  lowest level
 *
 * A check of a device that is in the filter (mds_device_filter.h) does no
 * more. What is news is appended to the worker's log, about once a second. Logs
 * are merged aside into runs, and these into fewer and larger ones: at last
 * into those of the lowest level, which leave out what is expired or to be
 * forgotten (mds_registry_upkeep.h).
 *
 * The registry is learned from checks and can be learned again: it is bounded,
 * forgets devices that were not seen for long, may lose the last seconds in a
 * power cut, and passes over what it has no room for. Nothing else depends on
 * it. Whoever reads it, as mdsctl does, opens all files at once and merges what
 * they say.
 */

#ifndef MDS_REGISTRY_H
#define MDS_REGISTRY_H

#include "registry/mds_device.h"
#include "registry/mds_device_folder.h"

typedef struct mds_registry_s mds_registry_t;

/* The lock that each worker shares while it writes to the folder. */
#define MDS_REGISTRY_WORKERS_LOCK "workers.lock"

/* Opens what the registry has now. A depot without a folder for it has no
 * devices. */
mds_status_t mds_registry_open(const char *depot, mds_error_t *err,
                               mds_registry_t **registry) MDS_MUST_CHECK;

void mds_registry_close(mds_registry_t *registry);

/* Calls back for each device of an app, in no order that means anything. */
mds_status_t mds_registry_visit_devices(mds_registry_t *registry, mds_str_t app,
                                        mds_device_visit_t visit, void *data,
                                        mds_error_t *err) MDS_MUST_CHECK;

/* Calls back for each device of a user, by name. */
mds_status_t
mds_registry_visit_user(mds_registry_t *registry, mds_str_t app, mds_str_t user,
                        mds_device_visit_t visit, void *data,
                        mds_error_t *err) MDS_MUST_CHECK;

/*
 * Forgets the device of that name, and all devices of the user of that name;
 * *count is how many. Returns once workers know of it, if there are any, so
 * that a device that asks again is registered again. Its bytes leave the disk
 * with the next merges, within hours.
 */
mds_status_t
mds_registry_forget(mds_registry_t *registry, mds_str_t app, mds_str_t name,
                    mds_error_t *err, uint64_t *count) MDS_MUST_CHECK;

typedef struct {
    uint64_t devices;
    bool     exact;     /* or else some of them are counted twice */
    uint64_t bytes;     /* of the files */
    uint64_t dropped;   /* over, since the depot was made */
    uint64_t max_bytes; /* of all that is kept in state/, as the workers have
                         * it; 0: not known */
    int64_t ttl_ms;     /* as they have it; 0: not known */
} mds_registry_stat_t;

mds_status_t mds_registry_stat(mds_registry_t *registry, mds_error_t *err,
                               mds_registry_stat_t *stat) MDS_MUST_CHECK;

/* Reads everything. MDS_DAMAGED says what is wrong. */
mds_status_t
mds_registry_audit(mds_registry_t *registry, mds_error_t *err) MDS_MUST_CHECK;

/* Calls back for each file that the registry consists of, with an open
 * descriptor and how many of its bytes count. */
typedef mds_status_t (*mds_registry_file_t)(void *data, const char *name,
                                            int fd, uint64_t bytes,
                                            mds_error_t *err);
mds_status_t
mds_registry_visit_files(mds_registry_t *registry, mds_registry_file_t visit,
                         void *data, mds_error_t *err) MDS_MUST_CHECK;

/* What workers have in common, in the file "counts". */
typedef struct {
    uint64_t folder; /* a number that no other folder has; 0: not known */
    uint64_t dropped;
    uint64_t max_bytes;
    int64_t  ttl_ms;
} mds_registry_counts_t;

/* Reads the counts; zeros, where there are none that are whole. */
mds_registry_counts_t mds_registry_counts_read(int dir);

/* Adds dropped, and sets the bounds. The first to do so gives the folder its
 * number. */
mds_status_t mds_registry_counts_add(int dir, const mds_registry_counts_t *add,
                                     mds_error_t *err) MDS_MUST_CHECK;

/* Returns after how long a device is written again: a day, or a quarter of
 * ttl_ms (0: for ever), if that is shorter. */
int64_t mds_registry_refresh_ms(int64_t ttl_ms);

/* Whether a device was not seen for so long that it is forgotten. It may have
 * been seen once more within a refresh, which was not written. */
bool mds_registry_is_expired(int64_t seen_ms, int64_t ttl_ms, int64_t now_ms);

#endif
