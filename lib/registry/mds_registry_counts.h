/*
 * mds_registry_counts: the figures of the registry that workers share, in the
 * file "counts" of its folder.
 */

#ifndef MDS_REGISTRY_COUNTS_H
#define MDS_REGISTRY_COUNTS_H

#include "registry/mds_device_folder.h"

#define MDS_REGISTRY_COUNTS "counts"

typedef struct {
    uint64_t folder; /* a number that no other folder has; 0: not known */
    uint64_t dropped;
    uint64_t max_bytes;
    int64_t  ttl_ms;
} mds_registry_counts_t;

/* Reads the counts. Returns zeros if there is no valid file. */
mds_registry_counts_t mds_registry_counts_read(int dir);

/* Adds dropped, and sets the bounds. The first call gives the folder its
 * number. *counts is what the file then has. Returns MDS_AGAIN, and changes
 * nothing, if another process has locked the file. */
mds_status_t
mds_registry_counts_add(int dir, const mds_registry_counts_t *add,
                        mds_error_t           *err,
                        mds_registry_counts_t *counts) MDS_MUST_CHECK;

#endif
