/* mds_registry_upkeep_internal: code that merges of logs and of runs share. */

#ifndef MDS_REGISTRY_UPKEEP_INTERNAL_H
#define MDS_REGISTRY_UPKEEP_INTERNAL_H

#include <stdio.h>

#include "registry/mds_device_merge.h"
#include "registry/mds_registry_upkeep.h"

#define MDS_LOGS_LOCK "logs.lock"
#define MDS_RUNS_LOCK "runs.lock"

/* Limits the logs that one merge has open. */
#define MDS_LOGS_FILES_MAX 128

/* Holds the state of a merge. */
typedef struct {
    int                          dir;
    const mds_registry_limits_t *limits;
    int64_t                      now_ms;
    int                          lock;
    mds_device_files_t           files;
    int                          fds[MDS_LOGS_FILES_MAX]; /* of logs, locked */
    size_t                       fd_count;
    uint64_t                     log_bytes; /* of these */
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
    mds_error_t                  stuck; /* a file could not be set aside */
} mds_upkeep_t;

/* Returns the registry's bound divided by divisor, and at most that value. */
uint64_t mds_registry_part(const mds_registry_limits_t *limits,
                           uint64_t divisor, uint64_t most);

/* Takes the lock and lists the files. Returns MDS_AGAIN if another process has
 * the lock. */
mds_status_t
mds_upkeep_begin(mds_upkeep_t *upkeep, const char *lock, mds_error_t *err,
                 mds_registry_merged_t *merged) MDS_MUST_CHECK;

/* Frees all that the merge has. Returns its status: MDS_OK if another process
 * had the lock, and a failure if a file could not be set aside. */
mds_status_t mds_upkeep_end(mds_upkeep_t *upkeep, mds_status_t status,
                            mds_error_t *err) MDS_MUST_CHECK;

/* Renames a file that cannot be read: its devices are learned again, and all
 * other files can be merged. */
void mds_upkeep_set_aside(mds_upkeep_t *upkeep, const char *name,
                          const mds_error_t *why);

/* Returns the serial of a new run, which is its time: above all others, except
 * in the lowest level, which replaces all, so that a clock that was ahead is
 * forgotten then. */
uint64_t mds_upkeep_serial(const mds_upkeep_t *upkeep, unsigned level);

mds_status_t mds_upkeep_add(mds_upkeep_t *upkeep, const mds_device_item_t *item,
                            mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mds_upkeep_commit(mds_upkeep_t *upkeep, mds_error_t *err) MDS_MUST_CHECK;

bool mds_file_is_log(const mds_device_file_t *file);

/* Opens a log that no process writes to; *fd is below zero if one does. A list
 * of devices to be forgotten is opened only once workers have read it. */
mds_status_t
mds_log_take(int dir, const mds_device_file_t *file, int64_t now_ms,
             mds_error_t *err, int *fd, uint64_t *bytes) MDS_MUST_CHECK;

/* Returns whether the status is that of a file that cannot be read, however
 * often it is tried: another user's, or not a file, or not valid. */
bool mds_status_is_unreadable(mds_status_t status);

/* Returns whether a log that failed with the status is to be set aside. A
 * process that creates one gives it to the folder's owner a moment later, so
 * that it must have a certain age. */
bool mds_log_is_unreadable(const mds_device_file_t *file, int64_t now_ms,
                           mds_status_t status);

/* Describes the merge that is due. */
typedef struct {
    bool     due;
    bool     full;  /* all runs, into the lowest level */
    unsigned level; /* otherwise, the level to merge */
} mds_runs_plan_t;

/* Plans a merge by names and sizes alone. Once in a while all runs are merged,
 * so that expired and forgotten devices leave the disk. */
mds_runs_plan_t
mds_runs_plan(const mds_device_files_t    *files,
              const mds_registry_limits_t *limits, int64_t now_ms);

bool mds_runs_are_due(const mds_device_files_t    *files,
                      const mds_registry_limits_t *limits, int64_t now_ms);

#endif
