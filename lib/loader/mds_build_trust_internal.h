/*
 * mds_build_trust_internal: the leaves of a tree, for the files
 * mds_build_trust*.c.
 */

#ifndef MDS_BUILD_TRUST_INTERNAL_H
#define MDS_BUILD_TRUST_INTERNAL_H

#include "loader/mds_build_trust.h"

/* Adds the app's records in the generation before, those that stay. */
mds_status_t mds_build_trust_add_before(mds_build_trust_t *trust,
                                        mds_error_t       *err) MDS_MUST_CHECK;

/* Removes what the resources of the extent gave before. */
mds_status_t mds_build_trust_remove_extent(mds_build_trust_t *trust,
                                           mds_error_t *err) MDS_MUST_CHECK;

#endif
