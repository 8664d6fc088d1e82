/*
 * new_app: a command that names an app which is not there is more often a slip
 * than a new app.
 */

#ifndef MDSCTL_NEW_APP_H
#define MDSCTL_NEW_APP_H

#include "loader/mds_loader.h"
#include "mdsctl.h"

/* Adds to "there is no app" which option makes it. */
void mdsctl_app_hint(const mdsctl_t *ctl, mds_str_t app, mds_error_t *err);

/* Checks, ahead of the change, that the app exists or may be made; on a
 * terminal it asks the person, and keeps the answer in ctl->new_app. Returns an
 * exit code. */
int mdsctl_app_ask(mdsctl_t *ctl, const char *app) MDS_MUST_CHECK;

/* Checks that the app exists, outside of a transaction. */
mds_status_t mdsctl_app_exists(mds_loader_t *loader, const char *app,
                               mds_error_t *err) MDS_MUST_CHECK;

#endif
