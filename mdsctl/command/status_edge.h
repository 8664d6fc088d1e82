/* status_edge: what an edge's agent and outbox do; a part of status. */

#ifndef MDSCTL_STATUS_EDGE_H
#define MDSCTL_STATUS_EDGE_H

#include "mdsctl.h"
#include "state/mds_state.h"

/* Gives the figures of the depot's agent, and what the state, whose transaction
 * was begun, has for the fleet. Both members are absent from an edge that has
 * no agent and shares nothing. */
mds_status_t
mdsctl_status_edge(const char *depot, mds_state_t *state, mds_error_t *err,
                   mds_json_t **edge) MDS_MUST_CHECK;

/* Prints them in words. */
void mdsctl_status_edge_print(const mds_json_t *edge);

#endif
