/*
 * mds_install_filter: which devices were told to install which release, for
 * releases with a limit (mds_halt.h): only those devices count towards it.
 *
 *   DEPOT/state/installs
 *   +--------+----------+----------+----
 *   | header | bucket 0 | bucket 1 | …       each of 64 bytes
 *   +--------+----------+----------+----
 *
 * The file is mapped by the workers of all nginx instances on the depot, and
 * its size never changes. A bucket has 16 words of 32 bits, each from a hash of
 * a release and a device under the file's secret. A full bucket drops a word at
 * random, so that a device may be forgotten; another device is taken for one
 * that was told with a probability of 16 in 2^32 at most. The file is not
 * synced: a killed process loses nothing, and a power failure a few seconds.
 */

#ifndef MDS_INSTALL_FILTER_H
#define MDS_INSTALL_FILTER_H

#include "base/mds_base.h"

typedef struct mds_install_filter_s mds_install_filter_t;

/* Returns the hash of a device for a release (app 00 release). It is public,
 * and never 0. */
uint64_t mds_install_hash(mds_str_t release, mds_str_t device);

/* Opens the filter of a depot, and creates one of at most max_bytes if there is
 * none, or if it is damaged. */
mds_status_t
mds_install_filter_open(const char *depot, uint64_t max_bytes, mds_error_t *err,
                        mds_install_filter_t **filter) MDS_MUST_CHECK;

/* Closes the filter; NULL is fine. */
void mds_install_filter_close(mds_install_filter_t *filter);

/* Look up and add the hash of a device for a release. A truncated file is
 * SIGBUS (mds_fault_guard.h). */
bool mds_install_filter_has(const mds_install_filter_t *filter, uint64_t hash);
void mds_install_filter_add(mds_install_filter_t *filter, uint64_t hash);

/* Returns the bytes of the file. */
uint64_t mds_install_filter_bytes(const mds_install_filter_t *filter);

#endif
