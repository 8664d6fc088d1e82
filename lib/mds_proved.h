/*
 * mds_proved: DEPOT/state/PROVED, where whoever has proved a generation tells
 * the others on this machine, so that they can follow at once, and all serve
 * the same: the loader, which reads what it has made, workers, old and new.
 *
 *   "mdsprv1" 00, then a word of 8 bytes, as this machine writes it: the
 *   serial (its lower half) above 32 bits of a digest
 *
 * It is never synced, and may be lost. The digest is of the serial, of
 * which file it was and when it was written (mds_file_mark_t), and of since
 * when the machine runs: what does not fit is no proof, and everybody proves
 * for himself.
 */

#ifndef MDS_PROVED_H
#define MDS_PROVED_H

#include "mds_file.h"

typedef struct mds_proved_s mds_proved_t;

/*
 * The caller closes *proved. make: it is made where it is not there, for those
 * who may write to the state. MDS_NOT_FOUND, MDS_DENIED, MDS_FOREIGN.
 */
mds_status_t mds_proved_open(const char *depot, bool make, mds_error_t *err,
                             mds_proved_t **proved) MDS_MUST_CHECK;
void         mds_proved_close(mds_proved_t *proved);

/*
 * Tells of a generation, once it is in force; current is what is in force now.
 * What was told of a later one stays: who has followed it does not go back.
 * Here, and below, proved may be NULL: nobody is told, and nothing known.
 */
void mds_proved_tell(mds_proved_t *proved, uint64_t serial, uint64_t current,
                     const mds_file_mark_t *mark);

/* Of the generation that was told of, in 32 bits. */
uint32_t mds_proved_serial(const mds_proved_t *proved);

/* Whether it is this one, and this very file. */
bool mds_proved_is(const mds_proved_t *proved, uint64_t serial,
                   const mds_file_mark_t *mark);

#endif
