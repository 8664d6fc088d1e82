/*
 * newapp: a command that names an app that is not there, which is more often
 * a slip than a new app.
 */

#ifndef MDSCTL_NEWAPP_H
#define MDSCTL_NEWAPP_H

#include "loader/mds_loader.h"
#include "mdsctl.h"

/* Within a transaction of the journal. MDS_NOT_FOUND, with words that suggest
 * what may have been meant: the app is not there, and is not to be made. */
mds_status_t
mdsctl_app_check(mds_journal_t *journal, mds_str_t app, mdsctl_new_app_t policy,
                 mds_error_t *err) MDS_MUST_CHECK;

/* The same, ahead of the change; on a terminal the person is asked, and
 * ctl->new_app notes the answer. An exit code. */
int mdsctl_app_ask(mdsctl_t *ctl, const char *app) MDS_MUST_CHECK;

#endif
