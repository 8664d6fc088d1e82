/*
 * new_app: asks whether a command may create an app, because the name of an app
 * that does not exist is probably misspelled.
 */

#ifndef MDSCTL_NEW_APP_H
#define MDSCTL_NEW_APP_H

#include "catalog/mds_catalog.h"
#include "loader/mds_loader.h"
#include "mdsctl.h"

/* Returns which apps a command may create, with or without --new-app. */
static inline mds_new_app_t
mdsctl_new_app(bool given)
{
    return given ? MDS_NEW_APP_ALWAYS : MDS_NEW_APP_FIRST;
}

/* Adds the option that creates the app to the error "there is no app". */
void mdsctl_app_hint(const mdsctl_t *ctl, mds_str_t app, mds_error_t *err);

/* Checks before the change that the app exists or may be created. On a terminal
 * it asks the user, and stores the answer in ctl->new_app. Returns an exit
 * code. */
int mdsctl_app_confirm(mdsctl_t *ctl, const char *app) MDS_MUST_CHECK;

/*
 * Reads the app's state, a new reference. *serial (unless NULL) is the serial
 * of the catalog before that, so that it includes no change which the state
 * lacks. MDS_NOT_FOUND names the existing apps.
 */
mds_status_t
mdsctl_app_state(const char *depot, const char *app, mds_error_t *err,
                 uint64_t *serial, mds_json_t **state) MDS_MUST_CHECK;

/* Checks that the app exists. */
mds_status_t mdsctl_app_exists(const char *depot, const char *app,
                               mds_error_t *err) MDS_MUST_CHECK;

/* Opens the generation in force, if the depot is filled by an agent: its
 * journal is empty then. *catalog is NULL otherwise; the caller closes it. */
mds_status_t mdsctl_served_open(mds_loader_t *loader, mds_error_t *err,
                                mds_catalog_t **catalog) MDS_MUST_CHECK;

#endif
