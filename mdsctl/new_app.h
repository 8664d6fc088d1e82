/*
 * new_app: a command that names an app which is not there is more often a slip
 * than a new app.
 */

#ifndef MDSCTL_NEW_APP_H
#define MDSCTL_NEW_APP_H

#include "loader/mds_loader.h"
#include "mdsctl.h"

/* Returns which apps a command with an option --new-app may make. */
static inline mds_new_app_t
mdsctl_new_app(bool given)
{
    return given ? MDS_NEW_APP_ALWAYS : MDS_NEW_APP_FIRST;
}

/* Adds to "there is no app" which option makes it. */
void mdsctl_app_hint(const mdsctl_t *ctl, mds_str_t app, mds_error_t *err);

/* Checks, ahead of the change, that the app exists or may be made; on a
 * terminal it asks the person, and keeps the answer in ctl->new_app. Returns an
 * exit code. */
int mdsctl_app_ask(mdsctl_t *ctl, const char *app) MDS_MUST_CHECK;

/*
 * Reads the app's state, a new reference. *serial (unless NULL) is that of the
 * catalog before: a later one could claim a change that the state has not.
 * MDS_NOT_FOUND names the apps that there are.
 */
mds_status_t
mdsctl_app_state(const char *depot, const char *app, mds_error_t *err,
                 uint64_t *serial, mds_json_t **state) MDS_MUST_CHECK;

/* Checks that the app exists. */
mds_status_t mdsctl_app_exists(const char *depot, const char *app,
                               mds_error_t *err) MDS_MUST_CHECK;

#endif
