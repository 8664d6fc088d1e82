/*
 * kept: what is kept in a depot's state, and how large it is.
 */

#ifndef MDSCTL_KEPT_H
#define MDSCTL_KEPT_H

#include "mdsctl.h"
#include "state/mds_state.h"

/* As status --json has it, under "state"; NULL: no memory. */
mds_json_t *mdsctl_kept(const char *depot, mds_state_t *state) MDS_MUST_CHECK;

/* The same as a line. */
void mdsctl_kept_print(const mds_json_t *kept);

#endif
