/*
 * simulate: reads the log of a simulation, and prints its result.
 */

#ifndef MDSCTL_SIMULATE_H
#define MDSCTL_SIMULATE_H

#include "mdsctl.h"
#include "simulate/mds_simulation.h"

/* Reads a log, which may be compressed by gzip, xz or zstd, line by line; "-"
 * is standard input. */
mds_status_t
mdsctl_simulate_log(const char *path, mds_simulation_t *simulation,
                    mds_state_t *state, mds_error_t *err) MDS_MUST_CHECK;

/* Prints the result of mds_simulation_json(). */
void
mdsctl_simulate_print(const mds_json_t *result, const char *log, mds_str_t app);

#endif
