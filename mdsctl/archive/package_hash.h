/*
 * package_hash: computes the hash by which CodePush identifies an update. It is
 * the SHA-256 of a JSON array of "path:SHA-256" of the files, sorted, so that
 * it does not depend on how a zip was made. A file that is not a zip has its
 * own SHA-256.
 */

#ifndef MDSCTL_PACKAGE_HASH_H
#define MDSCTL_PACKAGE_HASH_H

#include "base/mds_digest.h"

/* Returns MDS_INVALID or MDS_DAMAGED if the zip cannot be read. */
mds_status_t mdsctl_package_hash(const char *path, mds_error_t *err,
                                 mds_sha256_t *hash) MDS_MUST_CHECK;

#endif
