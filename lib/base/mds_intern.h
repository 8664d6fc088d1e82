/*
 * mds_intern: gives each distinct byte string a number: 0, 1, 2, … in the order
 * in which they come.
 */

#ifndef MDS_INTERN_H
#define MDS_INTERN_H

#include "base/mds_base.h"

typedef struct mds_intern_s mds_intern_t;

/* Returns NULL if it is out of memory. */
mds_intern_t *mds_intern_new(void);

void mds_intern_free(mds_intern_t *intern);

/* Returns the number of the bytes. If they are new, *fresh is set and they are
 * copied. UINT32_MAX: out of memory. */
uint32_t mds_intern(mds_intern_t *intern, mds_str_t bytes, bool *fresh);

#endif
