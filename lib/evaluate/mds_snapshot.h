/*
 * mds_snapshot: the data that an evaluation reads: one generation of the
 * catalog, and the state.
 */

#ifndef MDS_SNAPSHOT_H
#define MDS_SNAPSHOT_H

#include "catalog/mds_catalog.h"
#include "state/mds_state.h"

typedef struct {
    mds_catalog_t *catalog; /* of mds_depot_begin() */
    mds_state_t   *state;   /* the caller ends it; NULL: there is none */
} mds_snapshot_t;

#endif
