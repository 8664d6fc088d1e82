/*
 * publish: the functions that the files of the command `mdsctl publish` share.
 */

#ifndef MDSCTL_PUBLISH_H
#define MDSCTL_PUBLISH_H

#include "archive/unpack.h"
#include "mdsctl.h"

/* Sets the limits that are given (not NULL). Returns an exit code. */
int mdsctl_unpack_limits(const char *bytes, const char *entries,
                         mdsctl_unpack_limits_t *limits) MDS_MUST_CHECK;

/* The file that --store publishes. */
typedef struct {
    const char *file; /* as given, or path; NULL: --store is not asked for */
    mds_path_t  dir;  /* its own; empty: none */
    mds_path_t  path;
} mdsctl_stored_t;

/* Repacks the file. *stored is all zero before, and has to be ended in any
 * case. Returns an exit code. */
int mdsctl_store_begin(const char *file, uint64_t max_bytes,
                       mdsctl_stored_t *stored) MDS_MUST_CHECK;

void mdsctl_store_end(const mdsctl_stored_t *stored);

/* Prints that the file was repacked, or that repacking it would make deltas
 * smaller. */
void mdsctl_store_report(const char *file, const mdsctl_stored_t *stored);

#endif
