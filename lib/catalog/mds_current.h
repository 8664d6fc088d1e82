/*
 * mds_current: DEPOT/CURRENT, which names the generation in force. All
 * processes map it: a read is one load from memory, and a write is one atomic
 * store, which the others see.
 *
 *   "mdscur1" 00, then the serial as 8 bytes in the machine's order
 */

#ifndef MDS_CURRENT_H
#define MDS_CURRENT_H

#include "base/mds_base.h"

typedef struct mds_current_s mds_current_t;

/* Creates the file (0644) with serial 0. MDS_EXISTS: it exists. */
mds_status_t
mds_current_create(const char *depot, mds_error_t *err) MDS_MUST_CHECK;

/* Maps the file; the caller closes *current. MDS_NOT_FOUND, MDS_DENIED;
 * MDS_INCOMPATIBLE: it is another kind of file. */
mds_status_t
mds_current_open(const char *depot, bool writable, mds_error_t *err,
                 mds_current_t **current) MDS_MUST_CHECK;

void mds_current_close(mds_current_t *current);

uint64_t mds_current_serial(const mds_current_t *current);

/*
 * Puts the serial in force, unless a later one is: between the journal's commit
 * and this call, another loader may have finished this change and made the
 * next. Other processes see the serial at once; it is durable on MDS_OK.
 */
mds_status_t mds_current_advance(mds_current_t *current, uint64_t serial,
                                 mds_error_t *err) MDS_MUST_CHECK;

/*
 * Checks that the file of that name is the one that is mapped, and complete.
 * MDS_NOT_FOUND, MDS_CONFLICT (it was replaced), MDS_DAMAGED.
 */
mds_status_t mds_current_check(const mds_current_t *current, const char *depot,
                               mds_error_t *err) MDS_MUST_CHECK;

#endif
