/*
 * repack: packages of which differences are small. A package that is
 * compressed inside shares hardly a byte with the one before.
 */

#ifndef MDSCTL_REPACK_H
#define MDSCTL_REPACK_H

#include "base/mds_file.h"

/* Whether the file is a zip or tar that is compressed; what cannot be read as
 * one is not. */
bool mdsctl_repack_pays(const char *path);

/*
 * Writes what path holds, uncompressed: a zip with all entries stored, or a
 * plain tar. *repacked false: it is so already, and nothing was written. Same
 * input, same bytes. MDS_INCOMPATIBLE: neither zip nor tar; MDS_INVALID,
 * MDS_DAMAGED.
 */
mds_status_t
mdsctl_repack(const char *path, uint64_t max_bytes, mds_progress_t *progress,
              mds_error_t *err, mds_temp_file_t *draft,
              bool *repacked) MDS_MUST_CHECK;

#endif
