#include "loader/mds_loader.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_choices.h"
#include "base/mds_file.h"
#include "base/mds_time.h"
#include "catalog/mds_validation_hint.h"
#include "compile/mds_generation.h"
#include "document/mds_document.h"
#include "files/mds_store.h"
#include "idset/mds_idset.h"
#include "loader/mds_change_check.h"
#include "loader/mds_created_files.h"
#include "loader/mds_diff.h"
#include "loader/mds_lint.h"
#include "loader/mds_loader_internal.h"
#include "loader/mds_message.h"
#include "loader/mds_revert.h"
#include "loader/mds_setting_ids.h"
#include "state/mds_read_marks.h"

mds_progress_t *
mds_loader_busy(mds_loader_t *loader, const char *label)
{
    return loader->ui.begin == NULL ? NULL : loader->ui.begin(label);
}

void
mds_loader_idle(mds_loader_t *loader, mds_progress_t *progress)
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

/* Whoever has waited for the lock may find that the depot was restored. */
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
    uint64_t     serial = mds_journal_serial(loader->journal);
    mds_status_t status = mds_loader_check_depot(loader, err);

    if (status != MDS_OK) {
        return status;
    }

    /* A copy of a depot has another's generations, and a journal of its own:
     * what that does not know of is not to be collected. */
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

/* With the journal locked: what a killed loader had committed is put in force,
 * and what it left unfinished is removed. */
static mds_status_t
mds_loader_recover(mds_loader_t *loader, const mds_key_t *key, mds_error_t *err)
{
    mds_status_t status = mds_loader_roll_forward(loader, err);

    if (status == MDS_OK) {
        status = mds_loader_upgrade_format(loader, key, err);
    }

    if (status == MDS_OK) {
        status = mds_store_sweep(loader->depot, err);
    }

    if (status == MDS_OK) {
        status = mds_idset_sweep(loader->depot, err);
    }

    return status == MDS_OK
               ? mds_generation_prune(loader->depot,
                                      mds_journal_serial(loader->journal),
                                      MDS_GENERATIONS_KEPT, err)
               : status;
}

/* Somebody was killed between the commit and the switch. */
static mds_status_t
mds_loader_finish_other(mds_loader_t *loader, mds_error_t *err)
{
    uint64_t     serial;
    mds_status_t status = mds_journal_read(loader->journal, err);

    if (status != MDS_OK) {
        return status;
    }

    serial = mds_journal_serial(loader->journal);
    mds_journal_abort(loader->journal);

    if (serial <= mds_current_serial(loader->current)) {
        return MDS_OK;
    }

    status = mds_journal_write(loader->journal, err);

    if (status == MDS_OK) {
        status = mds_loader_recover(loader, NULL, err);
        mds_journal_abort(loader->journal);
    }

    return status;
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

    status = mds_current_open(depot, true, err, &opened->current);

    if (status == MDS_NOT_FOUND) {
        status = mds_fail(err, MDS_NOT_FOUND,
                          "\"%s\" is no depot; `mdsctl init` makes one", depot);
    }

    if (status == MDS_OK) {
        status = mds_journal_open(depot, err, &opened->journal);
    }

    if (status == MDS_OK) {
        status = mds_loader_finish_other(opened, err);
    }

    if (status != MDS_OK) {
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

static mds_status_t
mds_loader_add_app(void *data, mds_str_t app, mds_error_t *err)
{
    (void) err;
    mds_choices_add(data, app);

    return MDS_OK;
}

mds_status_t
mds_loader_no_app(mds_loader_t *loader, mds_str_t app, mds_error_t *err)
{
    mds_choices_t choices;
    char          text[MDS_CHOICES_BYTES];
    mds_status_t  status;

    mds_choices_begin(&choices, app);
    status
        = mds_journal_apps(loader->journal, mds_loader_add_app, &choices, err);

    if (status != MDS_OK) {
        return status;
    }

    mds_choices_words(&choices, "apps", text);

    return mds_fail(err, MDS_NOT_FOUND, "there is no app \"%.*s\"%s%s",
                    MDS_STR(app), text[0] != '\0' ? "; " : "", text);
}

mds_status_t
mds_loader_state(mds_loader_t *loader, mds_str_t app, mds_error_t *err,
                 mds_json_t **state)
{
    mds_status_t status = mds_journal_read(loader->journal, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_journal_app(loader->journal, app, err, state);

    if (status == MDS_NOT_FOUND) {
        status = mds_loader_no_app(loader, app, err);
    }

    mds_journal_abort(loader->journal);
    return status;
}

/* The state before the edit; for a new app, hardly anything. */
static mds_status_t
mds_loader_load_app(mds_loader_t *loader, mds_str_t app, mds_error_t *err,
                    mds_json_t **before)
{
    mds_json_t  *document, *state;
    mds_status_t status = mds_journal_app(loader->journal, app, err, before);

    if (status == MDS_NOT_FOUND) {
        status = mds_journal_removed_app(loader->journal, app, err, before);
    }

    if (status != MDS_NOT_FOUND) {
        return status;
    }

    document = mds_json_object_new();
    state = mds_json_object_new();

    /* Each set takes its reference, whatever becomes of it. */
    status = mds_json_set_str(document, "app", app);

    if (mds_json_set(state, "document", document) != MDS_OK || status != MDS_OK
        || mds_json_set(state, "external", mds_json_object_new()) != MDS_OK)
    {
        mds_json_release(state);
        return mds_fail_memory(err);
    }

    *before = state;
    return MDS_OK;
}

mds_status_t
mds_app_expand_lists(const mds_json_t *state, mds_error_t *err,
                     mds_json_t **document)
{
    mds_json_t        *whole = mds_json_copy(mds_json_get(state, "document"));
    mds_json_t        *lists = mds_json_get(whole, "lists");
    mds_json_t        *external = mds_json_get(state, "external");
    mds_json_member_t *m;
    mds_status_t       status = whole == NULL ? MDS_NO_MEMORY : MDS_OK;

    for (m = mds_json_first(lists); status == MDS_OK && m != NULL;
         m = mds_json_next(lists, m))
    {
        mds_json_t        *list = mds_json_value(m);
        mds_json_t        *content = mds_json_find(external, mds_json_key(m));
        mds_json_member_t *c;

        if (!mds_json_bool(mds_json_get(list, "external"))) {
            continue;
        }

        mds_json_delete(list, "external");
        status = mds_json_set(list, "ids", mds_json_array_new());

        for (c = mds_json_first(content); status == MDS_OK && c != NULL;
             c = mds_json_next(content, c))
        {
            status = mds_json_put(list, mds_json_key(c),
                                  mds_json_copy(mds_json_value(c)));
        }
    }

    if (status != MDS_OK) {
        mds_json_release(whole);
        return mds_fail_memory(err);
    }

    *document = whole;
    return MDS_OK;
}

/* Who runs this, for the log: behind sudo, the person in front of it. */
static mds_str_t
mds_loader_who(char who[128])
{
    const char    *sudo = getenv("SUDO_USER");
    struct passwd *user = getpwuid(getuid());
    char           host[64] = "";

    (void) gethostname(host, sizeof(host) - 1);
    snprintf(who, 128, "%.48s@%s",
             sudo != NULL   ? sudo
             : user != NULL ? user->pw_name
                            : "?",
             host);

    return mds_str_of(who);
}

/* Whether the document itself is touched: a later one would put that back. */
static bool
mds_loader_steps(const mds_json_t *changes)
{
    for (size_t i = 0; i < mds_json_size(changes); i++) {
        mds_str_t what
            = mds_json_string(mds_json_get(mds_json_at(changes, i), "what"));

        if (!mds_str_eq(what, mds_str("external"))
            && !mds_str_eq(what, mds_str("message"))
            && !mds_str_eq(what, mds_str("key")))
        {
            return true;
        }
    }

    return false;
}

static mds_status_t
mds_loader_log(mds_loader_t *loader, const mds_change_t *change,
               uint64_t serial, int64_t now_ms, const mds_json_t *changes,
               mds_error_t *err)
{
    char         who[128], time[MDS_TIME_BYTES], keyid[MDS_KEYID_HEX + 1] = "";
    mds_json_t  *entry = mds_json_object_new();
    mds_status_t status;

    if (change->key != NULL) {
        (void) mds_keyid_hex(change->key->keyid, keyid);
    }

    if (mds_json_set_integer(entry, "serial", (int64_t) serial) != MDS_OK
        || mds_json_set_str(entry, "time",
                            mds_str_of(mds_time_format(now_ms, time)))
               != MDS_OK
        || mds_json_set_str(entry, "who", mds_loader_who(who)) != MDS_OK
        || mds_json_set_str(entry, "app", change->app) != MDS_OK
        || mds_json_set_str(entry, "command", mds_str_of(change->command))
               != MDS_OK
        || mds_json_set_bool(entry, "step",
                             !change->applies && mds_loader_steps(changes))
               != MDS_OK
        || (change->key != NULL
            && mds_json_set_str(entry, "keyid", mds_str_of(keyid)) != MDS_OK)
        || mds_json_set(entry, "changes", mds_json_copy(changes)) != MDS_OK)
    {
        mds_json_release(entry);
        return mds_fail_memory(err);
    }

    status = mds_journal_put_entry(loader->journal, serial, entry, err);
    mds_json_release(entry);

    return status;
}

/*
 * Messages that have expired long ago go with whatever change comes, and with
 * them what users have marked of them. Should that fail, there is nothing but
 * a few bytes too many, and the next change comes by here again.
 */
static void
mds_loader_sweep_messages(mds_loader_t *loader, mds_str_t app,
                          mds_json_t *state, int64_t now_ms)
{
    mds_state_t *marks;
    uint64_t     oldest;
    mds_status_t swept;
    mds_error_t  err;

    if (!mds_message_prune(state, now_ms, &oldest)
        || mds_state_open(loader->depot, &err, &marks) != MDS_OK)
    {
        return;
    }

    swept = mds_state_sweep_read_marks(marks, app, oldest, &err);
    (void) swept;
    mds_state_close(marks);
}

/* The edit is done, and differs: make it the catalog. */
static mds_status_t
mds_loader_build_change(mds_loader_t *loader, const mds_change_t *change,
                        const mds_model_t *model, mds_json_t *state,
                        const mds_json_t *changes, mds_error_t *err,
                        uint64_t *made)
{
    uint64_t     serial = mds_journal_serial(loader->journal) + 1;
    int64_t      now_ms = mds_time_now_ms();
    mds_signer_t signer;
    mds_status_t status = MDS_OK;

    mds_loader_sweep_messages(loader, change->app, state, now_ms);
    signer = mds_loader_signer(state, change->key);

    /* The first package that is signed decides on the app's key. */
    if (signer.keyid[0] == '\0' && signer.key != NULL
        && model->package_count > 0) {
        (void) mds_keyid_hex(signer.key->keyid, signer.keyid);
        status = mds_json_done(mds_json_set_str(state, "key",
                                                mds_str_of(signer.keyid)),
                               err);
    }

    if (status == MDS_OK) {
        status = mds_loader_prepare(loader, model, &signer, err);
    }

    if (status == MDS_OK && change->key != NULL) {
        status = mds_loader_find_stale(loader, model, change->key, err);
    }

    if (status == MDS_OK) {
        status = mds_loader_build(loader, model, &signer, serial, now_ms, err);
    }

    if (status == MDS_OK) {
        status = mds_json_done(mds_json_set_integer(state, "serial",
                                                    (int64_t) serial),
                               err);
    }

    if (status == MDS_OK) {
        status = mds_loader_since(state, changes, serial, err);
    }

    if (status == MDS_OK && change->applies) {
        status = mds_json_done(mds_json_set_integer(state, "applied",
                                                    (int64_t) serial),
                               err);
    }

    if (status == MDS_OK) {
        status = model->removed
                     ? mds_journal_remove_app(loader->journal, change->app,
                                              state, err)
                     : mds_journal_put_app(loader->journal, change->app, state,
                                           err);
    }

    if (status == MDS_OK) {
        status = mds_loader_log(loader, change, serial, now_ms, changes, err);
    }

    if (status == MDS_OK) {
        mds_journal_set_serial(loader->journal, serial);
        *made = serial;
    }

    return status;
}

/* The model of a state; *model is freed first. */
static mds_status_t
mds_loader_model(const mds_json_t *state, const char *what, mds_error_t *err,
                 mds_json_t **whole, mds_model_t **model)
{
    mds_status_t status;

    mds_model_free(*model);
    *model = NULL;
    mds_json_release(*whole);
    *whole = NULL;

    status = mds_app_expand_lists(state, err, whole);

    return status == MDS_OK ? mds_document_check(*whole, what, err, model)
                            : status;
}

/* What the edit left is checked before a file is touched, and once more with
 * the files' digests in it. */
static mds_status_t
mds_loader_validate_and_store(mds_loader_t *loader, const mds_change_t *change,
                              mds_json_t *state, mds_error_t *err,
                              mds_json_t **whole, mds_model_t **model)
{
    size_t       stored = 0;
    mds_status_t status
        = mds_loader_model(state, change->what, err, whole, model);

    if (status == MDS_OK) {
        status
            = mds_loader_store(loader, change, mds_json_get(state, "document"),
                               err, &stored);
    }

    return status == MDS_OK && stored > 0
               ? mds_loader_model(state, change->what, err, whole, model)
               : status;
}

/* A list that is kept up to date is no occasion to warn. */
static bool
mds_loader_warns(const mds_change_t *change, const mds_json_t *changes)
{
    for (size_t i = 0; i < mds_json_size(changes); i++) {
        mds_str_t what
            = mds_json_string(mds_json_get(mds_json_at(changes, i), "what"));

        if (mds_str_eq(what, mds_str("package"))
            || mds_str_eq(what, mds_str("release")))
        {
            return true;
        }
    }

    return change->applies;
}

/* What the change does to what was there. */
static mds_status_t
mds_loader_compare(mds_loader_t *loader, const mds_change_t *change,
                   const mds_json_t *after, const mds_json_t *changes,
                   mds_model_t *model, mds_error_t *err)
{
    const mds_change_check_t check = {
        .what = change->what,
        .applies = change->applies,
        .reverts = change->reverts,
        .before = loader->before,
        .after = after,
        .changes = changes,
        .model = model,
        .now_ms = mds_time_now_ms(),
        .warnings = loader->warnings,
    };

    return mds_change_check(&check, err);
}

/* The state as the edit leaves it. */
static mds_status_t
mds_loader_after(mds_loader_t *loader, const mds_change_t *change,
                 const mds_json_t *before, mds_error_t *err, mds_json_t **after)
{
    mds_json_t  *state = mds_json_copy(before);
    mds_status_t status;

    if (state == NULL) {
        return mds_fail_memory(err);
    }

    status = change->edit(loader, change->data, state, err);

    if (status != MDS_OK) {
        mds_json_release(state);
        return status;
    }

    if (mds_json_bool(mds_json_get(before, "removed"))) {
        mds_json_delete(state, "removed");
    }

    *after = state;
    return MDS_OK;
}

/* Within the transaction: *made is the new serial, or untouched. */
static mds_status_t
mds_loader_edit(mds_loader_t *loader, const mds_change_t *change,
                mds_error_t *err, mds_json_t **changes, uint64_t *made)
{
    mds_json_t  *before = NULL, *after = NULL, *whole = NULL, *found = NULL;
    mds_model_t *model = NULL;
    bool         changed;
    mds_status_t status
        = mds_loader_load_app(loader, change->app, err, &before);

    loader->before = before;
    loader->what = change->what;

    if (status == MDS_OK) {
        status = mds_loader_check_key(loader, change, before, err);
    }

    if (status == MDS_OK) {
        status = mds_loader_after(loader, change, before, err, &after);
    }

    if (status == MDS_OK) {
        status = mds_loader_validate_and_store(loader, change, after, err,
                                               &whole, &model);
    }

    if (status == MDS_OK) {
        model->removed = mds_json_bool(mds_json_get(after, "removed"));
    }

    if (status == MDS_OK) {
        status = mds_setting_ids_assign(after, model, err);
    }

    if (status == MDS_OK) {
        status = mds_message_model(after, mds_time_now_ms(), model, err);
    }

    if (status == MDS_OK) {
        status = mds_diff(before, after, err, &found);
    }

    if (status == MDS_OK) {
        status = mds_revert_places(before, found, err);
    }

    changed = status == MDS_OK && mds_json_size(found) > 0;

    if (changed && change->guard != NULL) {
        status = change->guard(loader, change->data, before, err);
    }

    if (status == MDS_OK) {
        status = mds_loader_compare(loader, change, after, found, model, err);
    }

    if (changed && status == MDS_OK && !change->dry_run) {
        status = mds_loader_build_change(loader, change, model, after, found,
                                         err, made);
    }

    if (status == MDS_OK && changed) {
        status = mds_loader_warn_lists(loader, before, after, err);
    }

    if (status == MDS_OK && mds_loader_warns(change, found)) {
        status = mds_lint(model, err, loader->warnings);
    }

    if (status == MDS_OK) {
        *changes = mds_json_retain(found);
    }

    mds_model_free(model);
    mds_json_release(found);
    mds_json_release(whole);
    mds_json_release(after);
    mds_json_release(before);

    return status;
}

/*
 * The change is made, and workers see it at once. If only the disk does not
 * take its number, that is no failure of it, but something to be told: after a
 * power cut they would see the one before, until a loader comes.
 */
static void
mds_loader_advance(mds_loader_t *loader, uint64_t serial)
{
    mds_error_t  err;
    char         text[MDS_ERROR_BYTES + 64];
    mds_status_t told = MDS_OK;

    if (mds_current_advance(loader->current, serial, &err) != MDS_OK) {
        snprintf(text, sizeof(text), "the change is in force, but not safe: %s",
                 err.text);
        told = mds_json_append(loader->warnings,
                               mds_json_string_new(mds_str_of(text)));
    }

    (void) told;
}

/* Edges that are told need not read it again; whoever may not tell them need
 * not. */
static void
mds_loader_publish_hint(const mds_loader_t *loader, uint64_t serial)
{
    mds_validation_hint_t *proved;
    mds_error_t            err;

    if (mds_validation_hint_open(loader->depot, true, &err, &proved) == MDS_OK)
    {
        mds_validation_hint_publish(proved, serial,
                                    mds_current_serial(loader->current),
                                    &loader->proved);
        mds_validation_hint_close(proved);
    }
}

mds_status_t
mds_loader_change(mds_loader_t *loader, const mds_change_t *change,
                  mds_error_t *err, mds_change_result_t *result)
{
    mds_created_files_t *undo = NULL;
    mds_json_t          *changes = NULL;
    uint64_t             serial = 0, made = 0;
    mds_status_t         status = mds_journal_write(loader->journal, err);

    if (status != MDS_OK) {
        return status;
    }

    /* A dry run leaves even what is old as it is. */
    if (!change->dry_run) {
        status = mds_loader_recover(loader, change->key, err);
    }

    loader->warnings = mds_json_array_new();
    loader->list_counts = mds_json_object_new();

    if (status == MDS_OK) {
        status = mds_created_files_new(loader->depot, err, &undo);
    }

    if (status == MDS_OK) {
        serial = mds_journal_serial(loader->journal);
        status = mds_loader_edit(loader, change, err, &changes, &made);
    }

    if (status != MDS_OK) {
        mds_created_files_remove(undo);
    }

    if (status != MDS_OK || made == 0) {
        mds_journal_abort(loader->journal);

    } else {
        status = mds_journal_commit(loader->journal, err);

        if (status == MDS_OK) {
            serial = made;
            mds_loader_advance(loader, made);
            mds_loader_publish_hint(loader, made);
            mds_loader_replace_stale(loader, change->key);
        }
    }

    mds_buffer_free(&loader->stale);
    mds_created_files_free(undo);
    mds_json_release(loader->list_counts);

    if (status != MDS_OK) {
        mds_json_release(changes);
        mds_json_release(loader->warnings);
        return status;
    }

    result->changes = changes;
    result->warnings = loader->warnings;
    result->serial = serial;

    return MDS_OK;
}
