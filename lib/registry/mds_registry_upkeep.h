/*
 * mds_registry_upkeep: keeps the registry small and its files few. Any worker
 * may do it, beside its requests; a lock file allows one at a time. A process
 * that is killed in the middle leaves a file with a temporary name, and perhaps
 * devices in two runs: the next merge removes both.
 *
 *   level 0..8   runs of logs, and of six runs of the level above
 *   level 9      the lowest: all runs, once the others have a quarter of its
 *                size, or a day has passed
 *
 * A merge into the lowest level writes its parts in order and removes those
 * before it part by part, so that it needs little room besides. Only that
 * merge can tell which devices are new: these are dropped, evenly, if the
 * registry has no room for all.
 *
 * Of the registry's bound, 5/8 are for the lowest level and 2/8 for the other
 * levels, for logs, and for files that are being written; beyond these, nothing
 * is logged, so that the whole stays within the bound.
 */

#ifndef MDS_REGISTRY_UPKEEP_H
#define MDS_REGISTRY_UPKEEP_H

#include <stdatomic.h>

#include "registry/mds_device_filter.h"
#include "registry/mds_registry.h"

typedef struct {
    uint64_t max_bytes; /* of the registry; 0: no bound */
    int64_t  ttl_ms;    /* 0: for ever */
} mds_registry_limits_t;

/* Describes the work that is due, and the limits until the next look. */
typedef struct {
    uint64_t room;   /* bytes that logs may grow by until then */
    bool     behind; /* the logs are not merged as fast as they grow */
    bool     merge_logs;
    bool     merge_runs;
} mds_registry_due_t;

/* Finds the work that is due by the files of the folder. */
void mds_registry_look(int dir, const mds_device_files_t *files,
                       const mds_registry_limits_t *limits, int64_t now_ms,
                       mds_registry_due_t *due);

/* Returns the bytes after which a worker begins another log;
 * MDS_REGISTRY_LOG_MS is the time after which it does. */
uint64_t mds_registry_log_bytes(const mds_registry_limits_t *limits);
#define MDS_REGISTRY_LOG_MS (INT64_C(3600) * 1000)

/*
 * Removes from the filter the devices that mdsctl has forgotten, and confirms
 * it to mdsctl by a new name of the file. Files that another nginx has
 * confirmed are found by their time: *seen_ms is that of the last one.
 */
mds_status_t
mds_registry_take_forgotten(int dir, const mds_device_files_t *files,
                            mds_device_filter_t *filter, int64_t *seen_ms,
                            mds_error_t *err) MDS_MUST_CHECK;

/* Holds the result of a merge. */
typedef struct {
    bool        busy;      /* another process merges */
    uint64_t    dropped;   /* new devices, for want of room */
    uint64_t    set_aside; /* files that could not be read */
    mds_error_t why;       /* the first of them could not */
} mds_registry_merged_t;

/* Sets files aside that cannot be read and have the names of the counts or of a
 * lock, so that these can be created. Adds them to merged. */
void mds_registry_set_foreign_aside(int dir, mds_registry_merged_t *merged);

/* Each merges what is due. *stop ends the merge soon, and nothing is lost. A
 * file that cannot be read is renamed to "damaged-NAME". */
mds_status_t
mds_registry_merge_logs(int dir, const mds_registry_limits_t *limits,
                        int64_t now_ms, const atomic_bool *stop,
                        mds_error_t           *err,
                        mds_registry_merged_t *merged) MDS_MUST_CHECK;
mds_status_t
mds_registry_merge_runs(int dir, const mds_registry_limits_t *limits,
                        int64_t now_ms, const atomic_bool *stop,
                        mds_error_t           *err,
                        mds_registry_merged_t *merged) MDS_MUST_CHECK;

#endif
