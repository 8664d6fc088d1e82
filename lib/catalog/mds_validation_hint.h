/*
 * mds_validation_hint: DEPOT/state/PROVED, where whoever has proved a
 * generation tells the others on this machine, so that they can follow at once,
 * and all serve the same: the loader, which reads what it has made, workers,
 * old and new.
 *
 *   "mdsprv1" 00, then a word of 8 bytes, as this machine writes it: the
 *   serial (its lower half) above 32 bits of a digest
 *
 * It is never synced, and may be lost. The digest is of the serial, of
 * which file it was and when it was written (mds_file_id_t), and of since
 * when the machine runs: what does not fit is no proof, and everybody proves
 * for himself.
 */

#ifndef MDS_VALIDATION_HINT_H
#define MDS_VALIDATION_HINT_H

#include "base/mds_file.h"

typedef struct mds_validation_hint_s mds_validation_hint_t;

/*
 * The caller closes *proved. make: it is made where it is not there, for those
 * who may write to the state. MDS_NOT_FOUND, MDS_DENIED, MDS_INCOMPATIBLE.
 */
mds_status_t
mds_validation_hint_open(const char *depot, bool make, mds_error_t *err,
                         mds_validation_hint_t **proved) MDS_MUST_CHECK;

void mds_validation_hint_close(mds_validation_hint_t *proved);

/*
 * Tells of a generation, once it is in force; current is what is in force now.
 * What was told of a later one stays: who has followed it does not go back.
 * Here, and below, proved may be NULL: nobody is told, and nothing known.
 */
void
mds_validation_hint_publish(mds_validation_hint_t *proved, uint64_t serial,
                            uint64_t current, const mds_file_id_t *file_id);

/* Of the generation that was told of, in 32 bits. */
uint32_t mds_validation_hint_serial(const mds_validation_hint_t *proved);

/* Whether it is this one, and this very file. */
bool mds_validation_hint_matches(const mds_validation_hint_t *proved,
                                 uint64_t serial, const mds_file_id_t *file_id);

#endif
