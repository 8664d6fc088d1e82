/*
 * mds_intern: numbers different byte strings 0, 1, 2, … in the order in which
 * they come, and knows them again.
 */

#ifndef MDS_INTERN_H
#define MDS_INTERN_H

#include "base/mds_base.h"

typedef struct mds_intern_s mds_intern_t;

/* NULL: no memory. */
mds_intern_t *mds_intern_new(void);

void mds_intern_free(mds_intern_t *intern);

/*
 * The number of the bytes, which are copied if they are new; *fresh says so.
 * UINT32_MAX: no memory.
 */
uint32_t mds_intern(mds_intern_t *intern, mds_str_t bytes, bool *fresh);

#endif
