/*
 * served: apps, releases and packages as the generation in force has them, for
 * an edge, whose journal is empty.
 */

#ifndef MDSCTL_SERVED_H
#define MDSCTL_SERVED_H

#include "catalog/mds_catalog.h"
#include "json/mds_json.h"

/* Checks that the catalog has the app. MDS_NOT_FOUND names those that there
 * are. */
mds_status_t mdsctl_app_is_served(mds_catalog_t *catalog, mds_str_t app,
                                  mds_error_t *err) MDS_MUST_CHECK;

#endif
