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
 * read eight bytes of memory. A generation is proved (mds_proof.h) before it
 * is served: a small one on the spot, so that the next request sees it; one
 * that takes longer aside, while the one before is served on.
 *
 * A mds_depot_t belongs to one process (open it after the fork) and to one
 * thread at a time.
 */

#ifndef MDS_DEPOT_H
#define MDS_DEPOT_H

#include "mds_base.h"
#include "mds_catalog.h"
#include "mds_proof.h"

typedef struct mds_depot_s mds_depot_t;

/*
 * Opens the depot and proves the generation in force, however long it takes,
 * if nobody else has (mds_proved.h). The caller owns *depot and gives it back
 * with mds_depot_close(), which takes NULL as well.
 * MDS_NOT_FOUND, MDS_DENIED, MDS_DAMAGED, MDS_FOREIGN.
 */
mds_status_t mds_depot_open(const char *path, mds_error_t *err,
                            mds_depot_t **depot) MDS_MUST_CHECK;
void         mds_depot_close(mds_depot_t *depot);

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
 *   if (mds_depot_is_late(depot))     the last begin found a generation that
 *       mds_proving_begin(depot, …)   has to be proved so
 *   mds_proving_run(proving)          in a thread
 *   mds_proving_end(proving, depot)   where the depot belongs; it may have been
 *                                     closed meanwhile: NULL
 */
typedef struct mds_proving_s mds_proving_t;

bool mds_depot_is_late(const mds_depot_t *depot);

mds_status_t mds_proving_begin(mds_depot_t *depot, mds_error_t *err,
                               mds_proving_t **proving) MDS_MUST_CHECK;
void         mds_proving_run(mds_proving_t *proving);
void         mds_proving_end(mds_proving_t *proving, mds_depot_t *depot);

#endif
