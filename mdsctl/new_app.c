/*
 * new_app: stops a command that names an app which is not there, unless it may
 * make it.
 */

#include "new_app.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mds_choices.h"

/* The apps of a depot, searched for one. */
typedef struct {
    mds_str_t     app;
    bool          found;
    size_t        count;
    mds_choices_t choices;
} search_t;

static mds_status_t
visit_app(void *data, mds_str_t app, mds_error_t *err)
{
    search_t *search = data;

    (void) err;
    search->found = search->found || mds_str_eq(app, search->app);
    search->count++;
    mds_choices_add(&search->choices, app);

    return MDS_OK;
}

mds_status_t
mdsctl_app_check(mds_journal_t *journal, mds_str_t app, mdsctl_new_app_t policy,
                 mds_error_t *err)
{
    search_t     search = { .app = app };
    char         text[MDS_CHOICES_BYTES];
    mds_status_t status;

    if (policy == MDSCTL_APP_ANY) {
        return MDS_OK;
    }

    mds_choices_begin(&search.choices, app);
    status = mds_journal_visit_apps(journal, visit_app, &search, err);

    if (status != MDS_OK || search.found
        || (policy == MDSCTL_APP_FIRST && search.count == 0))
    {
        return status;
    }

    mds_choices_words(&search.choices, "apps", text);

    return mds_fail(err, MDS_NOT_FOUND, "there is no app \"%.*s\"%s%s%s",
                    MDS_STR(app),
                    policy == MDSCTL_APP_FIRST ? " (--new-app makes it)" : "",
                    text[0] != '\0' ? "; " : "", text);
}

/* Asks the person at the terminal, if there is one. */
static bool
agrees(const mds_error_t *err)
{
    char line[8] = "";

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        return false;
    }

    fprintf(stderr, "mdsctl: %s\nMake it? [y/N] ", err->text);
    fflush(stderr);

    return fgets(line, sizeof(line), stdin) != NULL
           && (line[0] == 'y' || line[0] == 'Y');
}

int
mdsctl_app_ask(mdsctl_t *ctl, const char *app)
{
    mds_loader_t *loader = NULL;
    mds_error_t   err;
    mds_status_t  status = mds_loader_open(ctl->depot, NULL, &err, &loader);

    if (status == MDS_OK) {
        status = mds_journal_read(mds_loader_journal(loader), &err);
    }

    if (status == MDS_OK) {
        status = mdsctl_app_check(mds_loader_journal(loader), mds_str_of(app),
                                  ctl->new_app, &err);
        mds_journal_abort(mds_loader_journal(loader));
    }

    /* The depot is closed while the person thinks. */
    mds_loader_close(loader);

    if (status == MDS_NOT_FOUND && ctl->new_app == MDSCTL_APP_FIRST
        && agrees(&err)) {
        ctl->new_app = MDSCTL_APP_ANY;
        status = MDS_OK;
    }

    return status == MDS_OK ? MDSCTL_DONE : mdsctl_fail(&err);
}

mds_status_t
mdsctl_app_exists(mds_loader_t *loader, const char *app, mds_error_t *err)
{
    mds_json_t  *state;
    mds_status_t status
        = mds_loader_get_state(loader, mds_str_of(app), err, &state);

    if (status == MDS_OK) {
        mds_json_release(state);
    }

    return status;
}
