/*
 * The loader's session: opens a depot, finishes the change of a killed loader,
 * and reads apps from the journal.
 */

#include "loader/mds_loader.h"

#include <stdlib.h>

#include "base/mds_choices.h"
#include "compile/mds_generation.h"
#include "files/mds_store.h"
#include "idset/mds_idset.h"
#include "loader/mds_app_state.h"
#include "loader/mds_loader_internal.h"

mds_progress_t *
mds_loader_begin_progress(mds_loader_t *loader, const char *label)
{
    return loader->ui.begin == NULL ? NULL : loader->ui.begin(label);
}

void
mds_loader_end_progress(mds_loader_t *loader, mds_progress_t *progress)
{
    if (progress != NULL) {
        loader->ui.end(progress);
    }
}

mds_journal_t *
mds_loader_journal(mds_loader_t *loader)
{
    return loader->journal;
}

const char *
mds_loader_depot(const mds_loader_t *loader)
{
    return loader->depot;
}

uint64_t
mds_loader_serial(const mds_loader_t *loader)
{
    return mds_current_serial(loader->current);
}

/* Checks that the depot is still the one that was opened: while a loader waits
 * for the lock, the depot may be restored. */
static mds_status_t
mds_loader_check_depot(const mds_loader_t *loader, mds_error_t *err)
{
    mds_error_t  why;
    mds_status_t status
        = mds_current_check(loader->current, loader->depot, &why);

    return status == MDS_OK
               ? MDS_OK
               : mds_fail(err, status,
                          "the depot was restored meanwhile: try again (%s)",
                          why.text);
}

mds_status_t
mds_loader_roll_forward(mds_loader_t *loader, mds_error_t *err)
{
    uint64_t     serial = mds_journal_get_serial(loader->journal);
    mds_status_t status = mds_loader_check_depot(loader, err);

    if (status != MDS_OK) {
        return status;
    }

    /* A copy of a depot has generations that its own journal does not know:
     * they must not be removed as unneeded. */
    if (mds_current_serial(loader->current) > serial) {
        return mds_fail(err, MDS_CONFLICT,
                        "\"%s\" is at serial %llu, and its journal knows"
                        " of %llu: it is a copy, and is changed where it was"
                        " copied from",
                        loader->depot,
                        (unsigned long long) mds_current_serial(
                            loader->current),
                        (unsigned long long) serial);
    }

    return mds_current_serial(loader->current) < serial
               ? mds_current_advance(loader->current, serial, err)
               : MDS_OK;
}

mds_status_t
mds_loader_recover(mds_loader_t *loader, const mds_key_t *key, mds_error_t *err)
{
    mds_status_t status;

    if ((status = mds_loader_roll_forward(loader, err)) != MDS_OK
        || (status = mds_loader_upgrade_format(loader, key, err)) != MDS_OK
        || (status = mds_store_sweep(loader->depot, err)) != MDS_OK
        || (status = mds_idset_sweep(loader->depot, err)) != MDS_OK)
    {
        return status;
    }

    return mds_generation_prune(loader->depot,
                                mds_journal_get_serial(loader->journal),
                                MDS_GENERATIONS_KEPT, err);
}

/* Recovers if a loader was killed between its commit and its switch. A user who
 * may only read leaves that to the next loader. */
static mds_status_t
mds_loader_recover_if_behind(mds_loader_t *loader, mds_error_t *err)
{
    uint64_t     serial;
    mds_status_t status = mds_journal_read(loader->journal, err);

    if (status != MDS_OK) {
        return status;
    }

    serial = mds_journal_get_serial(loader->journal);
    mds_journal_abort(loader->journal);

    if (serial <= mds_current_serial(loader->current)
        || mds_journal_is_read_only(loader->journal))
    {
        return MDS_OK;
    }

    status = mds_journal_write(loader->journal, err);

    if (status == MDS_OK) {
        status = mds_loader_recover(loader, NULL, err);
        mds_journal_abort(loader->journal);
    }

    return status;
}

/* Opens CURRENT, which a user who may not change the depot can only read. */
static mds_status_t
mds_loader_open_current(const char *depot, mds_error_t *err,
                        mds_current_t **current)
{
    mds_status_t status = mds_current_open(depot, true, err, current);

    if (status == MDS_DENIED) {
        status = mds_current_open(depot, false, err, current);
    }

    return status != MDS_NOT_FOUND
               ? status
               : mds_fail(err, MDS_NOT_FOUND,
                          "\"%s\" is not a depot; `mdsctl init` makes one",
                          depot);
}

mds_status_t
mds_loader_open(const char *depot, const mds_loader_ui_t *ui, mds_error_t *err,
                mds_loader_t **loader)
{
    mds_loader_t *opened = calloc(1, sizeof(*opened));
    mds_status_t  status;

    if (opened == NULL || (opened->depot = strdup(depot)) == NULL) {
        free(opened);
        return mds_fail_memory(err);
    }

    if (ui != NULL) {
        opened->ui = *ui;
    }

    status = mds_loader_open_current(depot, err, &opened->current);

    if (status != MDS_OK
        || (status = mds_journal_open(depot, err, &opened->journal)) != MDS_OK
        || (status = mds_loader_recover_if_behind(opened, err)) != MDS_OK)
    {
        mds_loader_close(opened);
        return status;
    }

    *loader = opened;
    return MDS_OK;
}

void
mds_loader_close(mds_loader_t *loader)
{
    if (loader == NULL) {
        return;
    }

    mds_journal_close(loader->journal);
    mds_current_close(loader->current);
    free(loader->depot);
    free(loader);
}

/* The apps of a depot, searched for one. */
typedef struct {
    mds_str_t     app;
    bool          found;
    size_t        count;
    mds_choices_t choices;
} mds_app_search_t;

static mds_status_t
mds_app_search_add(void *data, mds_str_t app, mds_error_t *err)
{
    mds_app_search_t *search = data;

    (void) err;
    search->found = search->found || mds_str_eq(app, search->app);
    search->count++;
    mds_choices_add(&search->choices, app);

    return MDS_OK;
}

mds_status_t
mds_loader_check_app(mds_loader_t *loader, mds_str_t app, mds_new_app_t new_app,
                     mds_error_t *err)
{
    mds_app_search_t search = { .app = app };
    char             text[MDS_CHOICES_BYTES];
    mds_status_t     status;

    if (new_app == MDS_NEW_APP_ALWAYS) {
        return MDS_OK;
    }

    mds_choices_begin(&search.choices, app);
    status = mds_journal_visit_apps(loader->journal, mds_app_search_add,
                                    &search, err);

    if (status != MDS_OK || search.found
        || (new_app == MDS_NEW_APP_FIRST && search.count == 0))
    {
        return status;
    }

    mds_choices_words(&search.choices, "apps", text);

    return mds_fail(err, MDS_NOT_FOUND, "there is no app \"%.*s\"%s%s",
                    MDS_STR(app), text[0] != '\0' ? "; " : "", text);
}

mds_status_t
mds_loader_open_app(mds_loader_t *loader, mds_str_t app, mds_error_t *err,
                    mds_app_parts_t *parts)
{
    mds_status_t status = mds_journal_read(loader->journal, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_app_parts_open(parts, loader->journal, app, err);

    if (status == MDS_NOT_FOUND) {
        status = mds_loader_check_app(loader, app, MDS_NEW_APP_NEVER, err);
    }

    if (status != MDS_OK) {
        mds_journal_abort(loader->journal);
    }

    return status;
}

void
mds_loader_close_app(mds_loader_t *loader, mds_app_parts_t *parts)
{
    mds_app_parts_close(parts);
    mds_journal_abort(loader->journal);
}

mds_status_t
mds_loader_get_state(mds_loader_t *loader, mds_str_t app, mds_error_t *err,
                     mds_json_t **state)
{
    mds_status_t status = mds_journal_read(loader->journal, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_app_state_get_whole(loader->journal, app, err, state);

    if (status == MDS_NOT_FOUND) {
        status = mds_loader_check_app(loader, app, MDS_NEW_APP_NEVER, err);
    }

    mds_journal_abort(loader->journal);
    return status;
}
