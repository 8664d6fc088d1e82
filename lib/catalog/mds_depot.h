/*
 * mds_depot: the directory that the loader writes and everybody else reads.
 *
 *   DIR/CURRENT           16 bytes: tag, serial of the generation in force
 *   DIR/catalog/SERIAL.mdb   immutable generations
 *   DIR/lists/SHA256.mdb     immutable lists of ids, named by a generation
 *   DIR/files/SHA256         packages and differences, and SHA256.minisig
 *   DIR/journal/             the loader's own
 *   DIR/state/               what requests change (mds_state.h)
 *   DIR/state/devices/       what is learned from them (mds_registry.h)
 *
 * A reader keeps CURRENT mapped; to see whether the catalog has changed is to
 * read eight bytes of memory. A generation is proved (mds_validate.h) before it
 * is served: a small one on the spot, so that the next request sees it; one
 * that takes longer aside, while the one before is served on.
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
 * Opens the depot and proves the generation in force, however long it takes,
 * if nobody else has (mds_validation_hint.h). The caller owns *depot and gives
 * it back with mds_depot_close(), which takes NULL as well. MDS_NOT_FOUND,
 * MDS_DENIED, MDS_DAMAGED, MDS_INCOMPATIBLE.
 */
mds_status_t mds_depot_open(const char *path, mds_error_t *err,
                            mds_depot_t **depot) MDS_MUST_CHECK;

void mds_depot_close(mds_depot_t *depot);

/*
 * Begins an evaluation on the newest good generation. A newer one that fails
 * its proof is passed over: *catalog is then the one before, and
 * *warning (empty otherwise) says once what was wrong. tick is any clock: with
 * another one, the files in use are looked at. MDS_DAMAGED: they were changed.
 * Each begin is followed by one mds_depot_end(); nothing waits in between.
 */
mds_status_t
mds_depot_begin(mds_depot_t *depot, uint64_t tick, mds_error_t *warning,
                mds_catalog_t **catalog) MDS_MUST_CHECK;

void mds_depot_end(mds_depot_t *depot);

/*
 * Whether the directory is still the one that was opened, and CURRENT whole;
 * if not, the depot has to be closed and opened again. To be asked now and
 * then (it costs two system calls), not for each request.
 */
mds_status_t
mds_depot_check(mds_depot_t *depot, mds_error_t *err) MDS_MUST_CHECK;

/*
 * A proof that takes long, made aside:
 *
 *   if (mds_depot_needs_job(depot))     the last begin found a generation that
 *       mds_validate_job_begin(depot, …)   has to be proved so
 *   mds_validate_job_run(proving)          in a thread
 *   mds_validate_job_end(proving, depot)   where the depot belongs; it may have
 * been closed meanwhile: NULL
 */
typedef struct mds_validate_job_s mds_validate_job_t;

bool mds_depot_needs_job(const mds_depot_t *depot);

mds_status_t
mds_validate_job_begin(mds_depot_t *depot, mds_error_t *err,
                       mds_validate_job_t **proving) MDS_MUST_CHECK;

void mds_validate_job_run(mds_validate_job_t *proving);

void mds_validate_job_end(mds_validate_job_t *proving, mds_depot_t *depot);

#endif
