/*
 * tarball: writes a tar of single files, compressed by zstd; archive.h reads
 * it.
 *
 * The last entry, SNAPSHOT, has a line "SHA256  NAME" for each other entry, in
 * the format of sha256sum. An archive without it is truncated.
 */

#ifndef MDSCTL_TARBALL_H
#define MDSCTL_TARBALL_H

#include "base/mds_base.h"

#define MDSCTL_TARBALL_SUMS "SNAPSHOT"
#define MDSCTL_TARBALL_NAME_MAX 128

typedef struct mdsctl_tarball_s mdsctl_tarball_t;

/* Begins a tar that is written to fd, which the caller closes. */
mds_status_t mdsctl_tarball_open(int fd, mds_error_t *err,
                                 mdsctl_tarball_t **tarball) MDS_MUST_CHECK;

/* Adds a file. If it does not exist (any more), nothing is added, and the
 * result is MDS_NOT_FOUND. */
mds_status_t mdsctl_tarball_add(mdsctl_tarball_t *tarball, const char *name,
                                const char *path, mds_progress_t *progress,
                                mds_error_t *err) MDS_MUST_CHECK;

/* Adds the checksums and writes everything. */
mds_status_t mdsctl_tarball_finish(mdsctl_tarball_t *tarball,
                                   mds_error_t      *err) MDS_MUST_CHECK;

/* Frees the memory; tarball may be NULL. */
void mdsctl_tarball_close(mdsctl_tarball_t *tarball);

#endif
