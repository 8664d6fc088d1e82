/*
 * mds_simulation: decides the checks of an access log by two generations of the
 * catalog, and counts what would change for devices, by the release and the
 * test that makes the difference.
 *
 * Both generations decide by mds_decide(), at one time, the same for all lines:
 * a log stands for the devices that will ask, and its own times are not those
 * of the catalog in force. No window takes anybody in.
 *
 * Checks are GET and HEAD requests of a path that ends in "/check", and POST
 * requests of it with a body (mds_batch.h). Memory does not grow with the log:
 * see mds_distinct.h for devices.
 */

#ifndef MDS_SIMULATION_H
#define MDS_SIMULATION_H

#include "evaluate/mds_snapshot.h"
#include "simulate/mds_log_format.h"
#include "json/mds_json.h"

#define MDS_SIMULATION_EXAMPLES 5
#define MDS_SIMULATION_LINE_MAX ((size_t) 1 << 20) /* bytes of a line */

typedef struct mds_simulation_s mds_simulation_t;

/* All of it outlives the simulation. */
typedef struct {
    mds_snapshot_t          before;
    mds_snapshot_t          after;
    mds_str_t               app; /* whose checks are decided */
    int64_t                 now_ms;
    const mds_log_format_t *format;
    uint64_t                exact_max; /* of mds_distinct_new() */
} mds_simulation_options_t;

/* Begins a simulation, which the caller frees. */
mds_status_t
mds_simulation_new(const mds_simulation_options_t *options, mds_error_t *err,
                   mds_simulation_t **simulation) MDS_MUST_CHECK;

void mds_simulation_free(mds_simulation_t *simulation);

/*
 * Reads the next line of the log, without its end. Lines that do not fit the
 * format and requests that an edge refuses are counted. MDS_DAMAGED,
 * MDS_DENIED: as of mds_decide().
 */
mds_status_t mds_simulation_read(mds_simulation_t *simulation, mds_str_t line,
                                 mds_error_t *err) MDS_MUST_CHECK;

/* Counts a line that is too long to be read. */
void mds_simulation_skip(mds_simulation_t *simulation);

/*
 * Returns the result as JSON, which docs/schema/simulate.json describes, but
 * for what the command adds. NULL: out of memory.
 */
mds_json_t *mds_simulation_json(const mds_simulation_t *simulation);

#endif
