/*
 * mds_catalog: one generation of the catalog, opened for reading.
 *
 * A generation is a sealed, immutable LMDB file. Records are compiled
 * (mds_record.h): a request is answered from the bytes as they lie there.
 */

#ifndef MDS_CATALOG_H
#define MDS_CATALOG_H

#include "mds_base.h"

typedef struct mds_catalog_s  mds_catalog_t;
typedef struct mds_snapshot_s mds_snapshot_t; /* a catalog being read */

#endif
