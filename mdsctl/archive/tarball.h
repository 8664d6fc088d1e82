/*
 * tarball: writes a tar, compressed by zstd, of files that are named one by
 * one; archive.h reads it.
 *
 * Its last entry, SNAPSHOT, has a line for each entry before it, "SHA256
 * NAME", as sha256sum makes and checks them: an archive without it is cut.
 */

#ifndef MDSCTL_TARBALL_H
#define MDSCTL_TARBALL_H

#include "base/mds_base.h"

#define MDSCTL_TARBALL_SUMS "SNAPSHOT"
#define MDSCTL_TARBALL_NAME_MAX 128

typedef struct mdsctl_tarball_s mdsctl_tarball_t;

/* Writes to fd, which stays the caller's. */
mds_status_t mdsctl_tarball_open(int fd, mds_error_t *err,
                                 mdsctl_tarball_t **tarball) MDS_MUST_CHECK;

/* MDS_NOT_FOUND: there is no such file (any more), and nothing was added. */
mds_status_t mdsctl_tarball_add(mdsctl_tarball_t *tarball, const char *name,
                                const char *path, mds_progress_t *progress,
                                mds_error_t *err) MDS_MUST_CHECK;

/* Adds the sums; all is written then. */
mds_status_t mdsctl_tarball_finish(mdsctl_tarball_t *tarball,
                                   mds_error_t      *err) MDS_MUST_CHECK;

/* Gives back the memory; NULL is fine. */
void mdsctl_tarball_close(mdsctl_tarball_t *tarball);

#endif
