/*
 * new_app: refuses a command for an app that does not exist, unless it may
 * create the app.
 */

#include "new_app.h"

#include <stdio.h>

#include "served.h"

void
mdsctl_app_hint(const mdsctl_t *ctl, mds_str_t app, mds_error_t *err)
{
    char        words[MDS_ERROR_BYTES];
    mds_error_t plain = *err;
    size_t      len;

    (void) snprintf(words, sizeof(words), "there is no app \"%.*s\"",
                    MDS_STR(app));
    len = strlen(words);

    if (ctl->new_app == MDS_NEW_APP_FIRST
        && strncmp(plain.text, words, len) == 0) {
        mds_fail(err, plain.status, "%s (--new-app creates it)%s", words,
                 plain.text + len);
    }
}

/* Asks the user, if there is a terminal. */
static bool
user_agrees(const mds_error_t *err)
{
    char question[MDS_ERROR_BYTES + 64];

    (void) snprintf(question, sizeof(question), "mdsctl: %s\nCreate it?",
                    err->text);

    return mdsctl_ask(question);
}

int
mdsctl_app_confirm(mdsctl_t *ctl, const char *app)
{
    mds_loader_t *loader = NULL;
    mds_error_t   err;
    mds_status_t  status = mds_loader_open(ctl->depot, NULL, &err, &loader);

    if (status == MDS_OK) {
        status = mds_journal_read(mds_loader_journal(loader), &err);
    }

    if (status == MDS_OK) {
        status
            = mds_loader_check_app(loader, mds_str_of(app), ctl->new_app, &err);
        mds_journal_abort(mds_loader_journal(loader));
    }

    /* The depot is not open while the user decides. */
    mds_loader_close(loader);

    if (status == MDS_NOT_FOUND) {
        mdsctl_app_hint(ctl, mds_str_of(app), &err);
    }

    if (status == MDS_NOT_FOUND && ctl->new_app == MDS_NEW_APP_FIRST
        && user_agrees(&err))
    {
        ctl->new_app = MDS_NEW_APP_ALWAYS;
        status = MDS_OK;
    }

    return status == MDS_OK ? MDSCTL_DONE : mdsctl_fail(&err);
}

mds_status_t
mdsctl_app_state(const char *depot, const char *app, mds_error_t *err,
                 uint64_t *serial, mds_json_t **state)
{
    mds_loader_t *loader;
    uint64_t      before;
    mds_status_t  status = mds_loader_open(depot, NULL, err, &loader);

    if (status != MDS_OK) {
        return status;
    }

    before = mds_loader_serial(loader);
    status = mds_loader_get_state(loader, mds_str_of(app), err, state);
    mds_loader_close(loader);

    if (status == MDS_OK && serial != NULL) {
        *serial = before;
    }

    return status;
}

mds_status_t
mdsctl_served_open(mds_loader_t *loader, mds_error_t *err,
                   mds_catalog_t **catalog)
{
    uint64_t     serial = mds_loader_serial(loader);
    uint64_t     known;
    mds_status_t status = mds_journal_read(mds_loader_journal(loader), err);

    *catalog = NULL;

    if (status != MDS_OK) {
        return status;
    }

    known = mds_journal_get_serial(mds_loader_journal(loader));
    mds_journal_abort(mds_loader_journal(loader));

    return known == 0 && serial > 0
               ? mds_catalog_open(mds_loader_depot(loader), serial, false, err,
                                  catalog)
               : MDS_OK;
}

mds_status_t
mdsctl_app_exists(const char *depot, const char *app, mds_error_t *err)
{
    mds_loader_t  *loader;
    mds_catalog_t *catalog = NULL;
    mds_json_t    *state;
    mds_status_t   status = mds_loader_open(depot, NULL, err, &loader);

    if (status != MDS_OK) {
        return status;
    }

    status = mdsctl_served_open(loader, err, &catalog);

    if (status == MDS_OK && catalog != NULL) {
        status = mdsctl_app_is_served(catalog, mds_str_of(app), err);
        mds_catalog_close(catalog);

    } else if (status == MDS_OK) {
        status = mds_loader_get_state(loader, mds_str_of(app), err, &state);

        if (status == MDS_OK) {
            mds_json_release(state);
        }
    }

    mds_loader_close(loader);
    return status;
}
