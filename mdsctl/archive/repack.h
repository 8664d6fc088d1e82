/*
 * repack: writes a package uncompressed, so that its deltas are small. A
 * compressed package has hardly a byte in common with the one before it.
 */

#ifndef MDSCTL_REPACK_H
#define MDSCTL_REPACK_H

#include "base/mds_file.h"

/* Returns whether the file is a compressed zip or tar; false if it cannot be
 * read as one. */
bool mdsctl_repack_pays(const char *path);

/*
 * Writes a zip with all entries stored, or a compressed tar as a plain one. The
 * same input gives the same bytes. *repacked is false if the file is not
 * compressed; nothing is written then. Returns MDS_INCOMPATIBLE if the file is
 * neither a zip nor a tar, or MDS_INVALID or MDS_DAMAGED.
 */
mds_status_t
mdsctl_repack(const char *path, uint64_t max_bytes, mds_progress_t *progress,
              mds_error_t *err, mds_temp_file_t *draft,
              bool *repacked) MDS_MUST_CHECK;

#endif
