/*
 * mds_snapshot: what an evaluation sees, from its begin to its end: a
 * generation of the catalog, and the state beside it.
 */

#ifndef MDS_SNAPSHOT_H
#define MDS_SNAPSHOT_H

#include "catalog/mds_catalog.h"
#include "state/mds_state.h"

typedef struct {
    mds_catalog_t *catalog; /* of mds_depot_begin() */
    mds_state_t   *state;   /* the caller's, who ends it; NULL: there is none */
} mds_snapshot_t;

#endif
