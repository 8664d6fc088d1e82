/*
 * mds_delta_rows: tells the rows of deltas that a generation needs from those
 * that are left of packages which were removed. A row is needed as long as both
 * of its files are packages, of whatever app, of resources that have releases
 * (others have no record): a device may have the one and be offered the other.
 */

#ifndef MDS_DELTA_ROWS_H
#define MDS_DELTA_ROWS_H

#include "base/mds_buffer.h"
#include "catalog/mds_catalog.h"

/* The digests of packages; all zero: empty. Memory is 32 bytes for each build
 * of the records that were added. */
typedef struct {
    mds_buffer_t digests; /* mds_sha256_t */
} mds_package_set_t;

void mds_package_set_free(mds_package_set_t *set);

/* Adds the builds of a resource's record. The first failure sticks in the
 * buffer. */
void mds_package_set_add(mds_package_set_t *set, const mds_record_t *record);

/* Sorts the set, which the functions below need. */
void mds_package_set_sort(mds_package_set_t *set);

/* Returns whether all digests of a set are in another one. */
bool mds_package_set_is_within(const mds_package_set_t *set,
                               const mds_package_set_t *other);

/* Returns whether both files of a row, which its key names, are in the set. */
bool mds_package_set_has_row(const mds_package_set_t *set, mds_str_t key);

/* Returns whether the key of the table "releases" is that of a delta. */
bool mds_delta_row_is_key(mds_str_t key);

/* Looks for a row that the generation does not need. */
mds_status_t mds_delta_rows_are_stale(mds_catalog_t *catalog, mds_error_t *err,
                                      bool *stale) MDS_MUST_CHECK;

#endif
