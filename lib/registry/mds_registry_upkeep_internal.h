/* mds_registry_upkeep_internal: code that merges of logs and of runs share. */

#ifndef MDS_REGISTRY_UPKEEP_INTERNAL_H
#define MDS_REGISTRY_UPKEEP_INTERNAL_H

#include <stdio.h>

#include "registry/mds_device_merge.h"
#include "registry/mds_registry_upkeep.h"

#define MDS_LOGS_LOCK "logs.lock"
#define MDS_RUNS_LOCK "runs.lock"

/* Holds the state of a merge. */
typedef struct {
    int                          dir;
    const mds_registry_limits_t *limits;
    int64_t                      now_ms;
    int                          lock;
    mds_device_files_t           files;
    int                         *fds; /* of logs, locked */
    size_t                       fd_count;
    mds_device_logs_t            logs;
    mds_device_part_t           *parts; /* of the runs that are merged */
    size_t                       part_count;
    size_t                       removed; /* parts of the lowest level */
    mds_device_merge_t          *merge;
    mds_device_writer_t         *writer; /* NULL: none */
    unsigned                     level;  /* of the new run */
    uint64_t                     serial;
    uint32_t                     part;
    uint64_t                     written; /* bytes of finished parts */
    mds_registry_merged_t       *merged;
} mds_upkeep_t;

/* Returns the registry's bound divided by divisor, and at most that value. */
uint64_t mds_registry_part(const mds_registry_limits_t *limits,
                           uint64_t divisor, uint64_t most);

/* Takes the lock and lists the files. Returns MDS_AGAIN if another process has
 * the lock. */
mds_status_t
     mds_upkeep_begin(mds_upkeep_t *upkeep, const char *lock, mds_error_t *err,
                      mds_registry_merged_t *merged) MDS_MUST_CHECK;
void mds_upkeep_end(mds_upkeep_t *upkeep);

/* Returns the serial of a new run, which is its time: above all others, except
 * in the lowest level, which replaces all, so that a clock that was ahead is
 * forgotten then. */
uint64_t mds_upkeep_serial(const mds_upkeep_t *upkeep, unsigned level);

mds_status_t mds_upkeep_add(mds_upkeep_t *upkeep, const mds_device_item_t *item,
                            mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mds_upkeep_commit(mds_upkeep_t *upkeep, mds_error_t *err) MDS_MUST_CHECK;

bool mds_runs_are_due(const mds_device_files_t    *files,
                      const mds_registry_limits_t *limits, int64_t now_ms);

#endif
