/*
 * mds_next_change: when the answers about a resource can change by the clock
 * alone: a release begins or ends, a window closes, a message expires, a ramp
 * rises.
 */

#ifndef MDS_NEXT_CHANGE_H
#define MDS_NEXT_CHANGE_H

#include "evaluate/mds_snapshot.h"

/* A running ramp lets a few devices in all the time; they are looked for so
 * often. */
#define MDS_RAMP_STEP_MS 20000

/*
 * Returns the next time after now_ms at which a device's answer about the
 * resource can be another one; INT64_MAX: only a change of the catalog or the
 * state can do that. Reads every release of the resource once.
 */
int64_t mds_next_change_ms(const mds_snapshot_t *snapshot, mds_str_t app,
                           mds_str_t kind, mds_str_t name, int64_t now_ms);

#endif
