/* mds_registry_internal: declarations that the files mds_registry*.c share. */

#ifndef MDS_REGISTRY_INTERNAL_H
#define MDS_REGISTRY_INTERNAL_H

#include "registry/mds_device_merge.h"
#include "registry/mds_registry.h"
#include "registry/mds_registry_counts.h"

/* Limits the tries to open all files: a merge may remove one between list and
 * open. */
#define MDS_REGISTRY_TRIES 20

struct mds_registry_s {
    int                   dir; /* below zero: it does not exist */
    int64_t               now_ms;
    mds_registry_counts_t counts;
    mds_device_files_t    files;
    mds_device_part_t    *parts; /* of runs, among the files */
    size_t                part_count;
    mds_device_logs_t     logs; /* all other files, sorted */
};

/* Begins a merge of all that is open. */
mds_status_t mds_registry_merge(mds_registry_t *registry, mds_error_t *err,
                                mds_device_merge_t **merge) MDS_MUST_CHECK;

/* Returns whether the device is neither forgotten nor expired. */
bool
mds_registry_has(const mds_registry_t *registry, const mds_device_t *device);

/* Visits each of the user's devices, in the order of hashes. */
mds_status_t
mds_registry_find_user(mds_registry_t *registry, mds_str_t app, mds_str_t user,
                       mds_device_visit_t visit, void *data,
                       mds_error_t *err) MDS_MUST_CHECK;

/* Visits the device of that name, if there is one. */
mds_status_t
mds_registry_find_device(mds_registry_t *registry, mds_str_t app,
                         mds_str_t name, mds_device_visit_t visit, void *data,
                         mds_error_t *err) MDS_MUST_CHECK;

#endif
