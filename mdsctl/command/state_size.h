/*
 * state_size: how large a depot's state is, and how many devices it has.
 */

#ifndef MDSCTL_STATE_SIZE_H
#define MDSCTL_STATE_SIZE_H

#include "mdsctl.h"
#include "state/mds_state.h"

/* As status --json has it, under "state"; NULL: no memory. */
mds_json_t *
mdsctl_state_size(const char *depot, mds_state_t *state) MDS_MUST_CHECK;

/* Prints the same as a line. */
void mdsctl_state_size_print(const mds_json_t *size);

#endif
