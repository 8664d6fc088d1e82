#include "newapp.h"

#include <stdio.h>
#include <unistd.h>

#include "near.h"

#define NAMES_BYTES 256

/* The apps that are there, looked through for one. */
typedef struct {
    mds_str_t     app;
    bool          found;
    size_t        count;
    size_t        len;
    char          names[NAMES_BYTES]; /* of the first ones */
    mdsctl_near_t near;
} apps_t;

static mds_status_t
visit(void *data, mds_str_t app, mds_error_t *err)
{
    apps_t *apps = data;

    (void) err;
    apps->found = apps->found || mds_str_eq(app, apps->app);
    mdsctl_near_try(&apps->near, app);
    apps->count++;

    if (apps->len + app.len + 3 < sizeof(apps->names)) {
        apps->len
            += (size_t) snprintf(apps->names + apps->len,
                                 sizeof(apps->names) - apps->len, "%s%.*s",
                                 apps->len > 0 ? ", " : "", MDS_STR(app));
    }

    return MDS_OK;
}

static mds_status_t
unknown(const apps_t *apps, mdsctl_new_app_t policy, mds_error_t *err)
{
    char        words[MDSCTL_NEAR_MAX + 32];
    const char *near = mdsctl_near_words(&apps->near, words);
    const char *wayout
        = policy == MDSCTL_APP_FIRST ? " --new-app makes a new one." : "";

    if (near[0] != '\0' || apps->len == 0) {
        return mds_fail(err, MDS_NOT_FOUND, "there is no app \"%.*s\"%s%s",
                        MDS_STR(apps->app), near, wayout);
    }

    return mds_fail(err, MDS_NOT_FOUND,
                    "there is no app \"%.*s\". Apps that are there: %s.%s",
                    MDS_STR(apps->app), apps->names, wayout);
}

mds_status_t
mdsctl_app_check(mds_journal_t *journal, mds_str_t app, mdsctl_new_app_t policy,
                 mds_error_t *err)
{
    apps_t       apps = { .app = app };
    mds_status_t status;

    if (policy == MDSCTL_APP_ANY) {
        return MDS_OK;
    }

    mdsctl_near_begin(&apps.near, app);
    status = mds_journal_apps(journal, visit, &apps, err);

    return status != MDS_OK || apps.found
                   || (policy == MDSCTL_APP_FIRST && apps.count == 0)
               ? status
               : unknown(&apps, policy, err);
}

/* Whether a person says so. */
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

    /* Whoever thinks it over keeps nobody waiting. */
    mds_loader_close(loader);

    if (status == MDS_NOT_FOUND && ctl->new_app == MDSCTL_APP_FIRST
        && agrees(&err)) {
        ctl->new_app = MDSCTL_APP_ANY;
        status = MDS_OK;
    }

    return status == MDS_OK ? MDSCTL_DONE : mdsctl_failed(&err);
}
