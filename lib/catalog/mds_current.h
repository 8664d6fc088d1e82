/*
 * mds_current: DEPOT/CURRENT, the one word that says which generation is in
 * force. It is mapped: to read it is to read memory, and to write it is one
 * atomic store, seen by every process that has it mapped.
 *
 *   "mdscur1" 00, then the serial as 8 bytes in the machine's order
 */

#ifndef MDS_CURRENT_H
#define MDS_CURRENT_H

#include "base/mds_base.h"

typedef struct mds_current_s mds_current_t;

/* Makes the file (0644) for serial 0. MDS_EXISTS: it is there. */
mds_status_t
mds_current_create(const char *depot, mds_error_t *err) MDS_MUST_CHECK;

/* MDS_NOT_FOUND, MDS_DENIED; MDS_INCOMPATIBLE: not such a file. */
mds_status_t
mds_current_open(const char *depot, bool writable, mds_error_t *err,
                 mds_current_t **current) MDS_MUST_CHECK;

void mds_current_close(mds_current_t *current);

uint64_t mds_current_serial(const mds_current_t *current);

/*
 * Puts the serial in force, unless a later one is: somebody may have finished
 * this change, and made the next, between the journal's commit and this.
 * Durable once it returns MDS_OK; seen by others before that.
 */
mds_status_t mds_current_advance(mds_current_t *current, uint64_t serial,
                                 mds_error_t *err) MDS_MUST_CHECK;

/*
 * Whether the file of that name is still the one that is mapped, and whole.
 * MDS_NOT_FOUND, MDS_CONFLICT (another one), MDS_DAMAGED.
 */
mds_status_t mds_current_check(const mds_current_t *current, const char *depot,
                               mds_error_t *err) MDS_MUST_CHECK;

#endif
