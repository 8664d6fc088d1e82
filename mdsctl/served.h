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

typedef mds_status_t (*mdsctl_served_app_visit_t)(void *data, mds_str_t app,
                                                  mds_error_t *err);

mds_status_t
mdsctl_served_visit_apps(mds_catalog_t            *catalog,
                         mdsctl_served_app_visit_t visit, void *data,
                         mds_error_t *err) MDS_MUST_CHECK;

/*
 * Visit the releases and packages of an app in the form of a document, as far
 * as the catalog has it: an audience has its "words", and its "window". The
 * serial of their last change is not known, and 0.
 */
typedef mds_status_t (*mdsctl_served_visit_t)(void *data, mds_json_t *item,
                                              uint64_t since, mds_error_t *err);

mds_status_t
mdsctl_served_visit_releases(mds_catalog_t *catalog, mds_str_t app,
                             mdsctl_served_visit_t visit, void *data,
                             mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mdsctl_served_visit_packages(mds_catalog_t *catalog, mds_str_t app,
                             mdsctl_served_visit_t visit, void *data,
                             mds_error_t *err) MDS_MUST_CHECK;

#endif
