/*
 * mds_depot: the directory that the loader writes and edges read.
 *
 *   DIR/CURRENT           16 bytes: tag, serial of the generation in force
 *   DIR/catalog/SERIAL.mdb   immutable generations (mds_chain.h)
 *   DIR/lists/SHA256.mdb     immutable lists of ids, named by a generation
 *   DIR/files/SHA256         packages and deltas, and SHA256.minisig
 *   DIR/journal/             documents and changes, for the loader alone
 *   DIR/state/               the data that requests change (mds_state.h)
 *   DIR/state/devices/       the versions that devices run
 *                            (registry/mds_registry.h)
 *
 * A reader maps CURRENT, and reads eight bytes of memory to see whether the
 * catalog has changed. A generation is validated (mds_validate.h) before it is
 * served: a small one by the request that finds it, a larger one in a thread,
 * while the previous one is served.
 *
 * A mds_depot_t belongs to one process (open it after the fork) and to one
 * thread at a time.
 */

#ifndef MDS_DEPOT_H
#define MDS_DEPOT_H

#include "base/mds_base.h"
#include "catalog/mds_catalog.h"
#include "catalog/mds_validate.h"

typedef struct mds_depot_s mds_depot_t;

/*
 * Opens the depot and validates the generation in force, however long it takes,
 * unless another process has (mds_validation_hint.h). The caller closes *depot;
 * mds_depot_close() takes NULL, too. MDS_NOT_FOUND, MDS_DENIED, MDS_DAMAGED,
 * MDS_INCOMPATIBLE.
 */
mds_status_t mds_depot_open(const char *path, mds_error_t *err,
                            mds_depot_t **depot) MDS_MUST_CHECK;

void mds_depot_close(mds_depot_t *depot);

/*
 * Begins an evaluation on the newest valid generation. A newer one that fails
 * its validation is skipped: *catalog is then the previous one, and *warning
 * (empty otherwise) says why, once. tick is any clock: the files in use are
 * checked once a tick. MDS_DAMAGED: they were changed. *catalog is used until
 * the next begin.
 */
mds_status_t
mds_depot_begin(mds_depot_t *depot, uint64_t tick, mds_error_t *warning,
                mds_catalog_t **catalog) MDS_MUST_CHECK;

/*
 * Checks that the directory is the one that was opened, and that CURRENT is
 * complete; if not, the depot has to be closed and opened again. It takes two
 * system calls, and is called by a timer.
 */
mds_status_t
mds_depot_check(mds_depot_t *depot, mds_error_t *err) MDS_MUST_CHECK;

/*
 * A validation that takes too long for a request runs in a thread:
 *
 *   if (mds_depot_needs_job(depot))          after a begin
 *       mds_validate_job_begin(depot, …)
 *   mds_validate_job_run(job)                in the thread
 *   mds_validate_job_end(job, depot)         in the depot's thread; depot is
 *                                            NULL if it was closed meanwhile
 */
typedef struct mds_validate_job_s mds_validate_job_t;

bool mds_depot_needs_job(const mds_depot_t *depot);

mds_status_t mds_validate_job_begin(mds_depot_t *depot, mds_error_t *err,
                                    mds_validate_job_t **job) MDS_MUST_CHECK;

void mds_validate_job_run(mds_validate_job_t *job);

void mds_validate_job_end(mds_validate_job_t *job, mds_depot_t *depot);

#endif
