/*
 * mds_validation_hint: DEPOT/state/PROVED, by which a process that has
 * validated a generation tells the others on its machine, so that all of them
 * (the loader, old and new workers) serve the same one at once.
 *
 *   "mdsprv1" 00, then a word of 8 bytes in the machine's order: the lower half
 *   of the serial above 32 bits of a digest
 *
 * The file is never synced, and may be lost. The digest covers the serial, the
 * identity of each of the generation's files (mds_file_id_t) and the boot of
 * the machine: if it differs, each process validates by itself.
 */

#ifndef MDS_VALIDATION_HINT_H
#define MDS_VALIDATION_HINT_H

#include "catalog/mds_chain.h"

typedef struct mds_validation_hint_s mds_validation_hint_t;

/*
 * Opens the file; the caller closes *hint. make: creates it if it does not
 * exist, for those who may write to the state. MDS_NOT_FOUND, MDS_DENIED,
 * MDS_INCOMPATIBLE.
 */
mds_status_t
mds_validation_hint_open(const char *depot, bool make, mds_error_t *err,
                         mds_validation_hint_t **hint) MDS_MUST_CHECK;

void mds_validation_hint_close(mds_validation_hint_t *hint);

/*
 * Publishes a validated generation, once it is in force; current is the serial
 * in force now. A later one that was published stays: processes that follow it
 * do not go back. Here and below, hint may be NULL: nothing is published.
 */
void
mds_validation_hint_publish(mds_validation_hint_t *hint, uint64_t serial,
                            uint64_t current, const mds_chain_files_t *files);

/* Returns the lower 32 bits of the published serial; 0 if there is none. */
uint32_t mds_validation_hint_serial(const mds_validation_hint_t *hint);

/* Returns whether this generation, in these very files, was published. */
bool
mds_validation_hint_matches(const mds_validation_hint_t *hint, uint64_t serial,
                            const mds_chain_files_t *files);

#endif
