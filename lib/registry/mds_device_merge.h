/*
 * mds_device_merge: merges runs and logs into one sequence of devices, in
 * order, each device once and as it was seen last. Sources are runs, each in
 * one or more parts, and logs; of two that saw a device at the same time, the
 * one that was added later is right.
 */

#ifndef MDS_DEVICE_MERGE_H
#define MDS_DEVICE_MERGE_H

#include "registry/mds_device_log.h"
#include "registry/mds_device_run.h"

/* Describes an open part of a run. */
typedef struct {
    mds_device_file_t file;
    mds_device_run_t *run;
} mds_device_part_t;

typedef struct mds_device_merge_s mds_device_merge_t;

/* Describes a device of the merge. */
typedef struct {
    uint64_t            hash;
    const mds_device_t *device;  /* valid until the next call */
    bool                in_base; /* a run of the lowest level has it */
} mds_device_item_t;

mds_status_t mds_device_merge_new(int64_t now_ms, mds_error_t *err,
                                  mds_device_merge_t **merge) MDS_MUST_CHECK;

void mds_device_merge_free(mds_device_merge_t *merge);

/* Adds all runs of parts, which are in the order of mds_device_folder_list().
 */
mds_status_t
mds_device_merge_add_parts(mds_device_merge_t      *merge,
                           const mds_device_part_t *parts, size_t count,
                           mds_error_t *err) MDS_MUST_CHECK;

/* Adds sorted logs. */
mds_status_t mds_device_merge_add_logs(mds_device_merge_t      *merge,
                                       const mds_device_logs_t *logs,
                                       mds_error_t *err) MDS_MUST_CHECK;

/* Moves to the first device whose hash is not below that one. */
mds_status_t mds_device_merge_seek(mds_device_merge_t *merge, uint64_t hash,
                                   mds_error_t *err) MDS_MUST_CHECK;

/* Steps to the next device, from the first on. Returns MDS_NOT_FOUND at the end
 * and leaves err alone. */
mds_status_t mds_device_merge_next(mds_device_merge_t *merge, mds_error_t *err,
                                   mds_device_item_t *item) MDS_MUST_CHECK;

#endif
