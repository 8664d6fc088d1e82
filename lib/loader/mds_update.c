/*
 * The update sequence: how one change of the catalog is made, step by step
 * (docs/design.md). mds_loader_change(), at the end, is the sequence; the
 * steps that are longer than a screen have files of their own, mds_update_*.c.
 */

#include "loader/mds_update.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mds_time.h"
#include "catalog/mds_validation_hint.h"
#include "document/mds_document.h"
#include "loader/mds_change_check.h"
#include "loader/mds_diff.h"
#include "loader/mds_lint.h"
#include "loader/mds_message.h"
#include "loader/mds_setting_ids.h"
#include "state/mds_read_marks.h"

/* How often deltas are made without the journal's lock for one change. */
#define MDS_UPDATE_ROUNDS_MAX 3

mds_status_t
mds_update_warn(mds_update_t *update, mds_error_t *err, const char *format, ...)
{
    char    words[MDS_ERROR_BYTES + 64];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);

    return mds_json_done(mds_json_append(update->warnings,
                                         mds_json_string_new(
                                             mds_str_of(words))),
                         err);
}

/* Fills the context, and recovers unless this is a dry run. */
static mds_status_t
mds_update_begin(mds_update_t *u, mds_error_t *err)
{
    mds_loader_t *loader = u->loader;
    mds_status_t  status = MDS_OK;

    if (!u->change->dry_run) {
        status = mds_loader_recover(loader, u->change->key, err);
    }

    u->serial = mds_journal_get_serial(loader->journal) + 1;
    u->now_ms = mds_time_now_ms();
    u->list_counts = mds_json_object_new();

    if (status == MDS_OK) {
        status = mds_update_choose_feed_key(u, err);
    }

    return status == MDS_OK
               ? mds_created_files_new(loader->depot, err, &u->created)
               : status;
}

/* Finds what the change may touch. */
static mds_status_t
mds_update_find_extent(mds_update_t *u, mds_error_t *err)
{
    const mds_change_t *change = u->change;

    if (change->find_extent == NULL) {
        mds_extent_widen(&u->extent);
        return MDS_OK;
    }

    return change->find_extent(u->loader, change->app, change->data, err,
                               &u->extent);
}

/* Loads the state of the app, which exists or may be made. */
static mds_status_t
mds_update_load(mds_update_t *u, mds_error_t *err)
{
    const mds_change_t *change = u->change;
    mds_status_t        status
        = mds_app_state_load(u->loader->journal, change->app, &u->extent, err,
                             &u->before, &u->places);

    if (status == MDS_OK
        && (mds_json_get(u->before, "serial") == NULL
            || mds_json_get_bool(u->before, "removed")))
    {
        status = mds_loader_check_app(u->loader, change->app, change->new_app,
                                      err);
    }

    return status == MDS_OK ? mds_update_check_key(u, err) : status;
}

/* Copies the state, to be edited. What no edit changes is shared, and the
 * document, if the change replaces it. NULL: no memory. */
static mds_json_t *
mds_update_copy(const mds_update_t *u)
{
    static const char *const copied[]
        = { "external", "config", "messages", "document" };

    return mds_json_copy_members(u->before, copied,
                                 mds_nelems(copied) - u->change->applies);
}

/* Edits a copy of the app's state. */
static mds_status_t
mds_update_edit(mds_update_t *u, mds_error_t *err)
{
    const mds_change_t *change = u->change;
    mds_status_t        status = mds_update_load(u, err);

    if (status == MDS_OK && (u->after = mds_update_copy(u)) == NULL) {
        status = mds_fail_memory(err);
    }

    if (status == MDS_OK) {
        status = change->edit(u->loader, change->data, u->after, err);
    }

    /* A removed app exists again, unless the edit removes it. */
    if (status == MDS_OK && mds_json_get_bool(u->before, "removed")) {
        mds_json_delete(u->after, "removed");
    }

    return status;
}

/* Checks the edited document, and reads it into the model. */
static mds_status_t
mds_update_check(mds_update_t *u, mds_error_t *err)
{
    mds_status_t status
        = mds_app_state_expand_lists(u->after, err, &u->document);

    return status == MDS_OK ? mds_document_check(u->document, u->change->what,
                                                 err, &u->model)
                            : status;
}

/* Fills the model with what is not in the document. */
static mds_status_t
mds_update_complete_model(mds_update_t *u, mds_error_t *err)
{
    mds_status_t status = mds_setting_ids_assign(u->after, u->model, err);

    u->model->removed = mds_json_get_bool(u->after, "removed");

    return status == MDS_OK && mds_extent_has_messages(&u->extent)
               ? mds_message_fill_model(u->after, u->now_ms, u->model, err)
               : status;
}

/* Compares the states, and checks the change. */
static mds_status_t
mds_update_compare(mds_update_t *u, mds_error_t *err)
{
    const mds_change_t *change = u->change;
    mds_change_check_t  check = {
         .what = change->what,
         .applies = change->applies,
         .reverts = change->reverts,
         .before = u->before,
         .after = u->after,
         .model = u->model,
         .now_ms = u->now_ms,
         .warnings = u->warnings,
    };
    mds_status_t status = mds_update_complete_model(u, err);

    if (status == MDS_OK) {
        status = mds_diff(u->before, u->after, err, &u->changes);
    }

    if (status == MDS_OK && mds_json_size(u->changes) > 0
        && change->precondition != NULL)
    {
        status = change->precondition(u->loader, change->data, u->before, err);
    }

    check.changes = u->changes;

    return status == MDS_OK ? mds_change_check(&check, err) : status;
}

/* Returns whether there is a change to be made, with a serial of its own. */
static bool
mds_update_is_made(const mds_update_t *u)
{
    return mds_json_size(u->changes) > 0 && !u->change->dry_run;
}

/*
 * Removes messages that expired long ago, and the read marks of them, with each
 * change that loads the messages: of a message, of a package or release of the
 * app itself, and of a whole document. Others would have to load all of these
 * releases as well, since one record of a generation has both. If the marks
 * cannot be removed, they take a few bytes until the next such change.
 */
static void
mds_update_sweep_messages(mds_update_t *u)
{
    mds_state_t *marks;
    uint64_t     oldest;
    mds_status_t swept;
    mds_error_t  err;

    if (!mds_message_prune(u->after, u->now_ms, &oldest)
        || mds_state_open(u->loader->depot, &err, &marks) != MDS_OK)
    {
        return;
    }

    swept = mds_state_sweep_read_marks(marks, u->change->app, oldest, &err);
    (void) swept;
    mds_state_close(marks);
}

/* Chooses the app's key: the one that signs its first package. */
static mds_status_t
mds_update_choose_signer(mds_update_t *u, mds_error_t *err)
{
    mds_signer_t *signer = &u->signer;

    *signer = mds_app_signer(u->after, u->change->key);

    if (signer->keyid[0] != '\0' || signer->key == NULL
        || u->model->package_count == 0)
    {
        return MDS_OK;
    }

    (void) mds_keyid_hex(signer->key->keyid, signer->keyid);

    return mds_json_done(mds_json_set_str(u->after, "key",
                                          mds_str_of(signer->keyid)),
                         err);
}

/* Returns whether deltas have to be made before the change can be. */
static bool
mds_update_lacks_deltas(const mds_update_t *u)
{
    return u->batch->missing > 0;
}

/* Makes what the next generation needs beside it. */
static mds_status_t
mds_update_prepare(mds_update_t *u, mds_error_t *err)
{
    mds_status_t status;

    mds_update_sweep_messages(u);
    status = mds_update_choose_signer(u, err);

    if (status == MDS_OK) {
        status = mds_update_take_deltas(u, err);
    }

    /* Others publish faster than this change is made: they have to wait. */
    if (status == MDS_OK && mds_update_lacks_deltas(u)
        && u->batch->rounds >= MDS_UPDATE_ROUNDS_MAX)
    {
        status = mds_delta_batch_make(u->batch, u->loader, err);

        if (status == MDS_OK) {
            status = mds_update_take_deltas(u, err);
        }
    }

    if (status == MDS_OK && !mds_update_lacks_deltas(u)) {
        status = mds_update_check_deltas(u, err);
    }

    return status == MDS_OK ? mds_update_find_stale(u, err) : status;
}

/* Returns whether to lint: not if only lists change, which happens often. */
static bool
mds_update_is_linted(const mds_update_t *u)
{
    return u->change->applies || mds_diff_has(u->changes, "package")
           || mds_diff_has(u->changes, "release");
}

/* Warns of what is allowed, but is probably a mistake. */
static mds_status_t
mds_update_lint(mds_update_t *u, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (mds_update_is_of_trust(u)) {
        return MDS_OK;
    }

    if (mds_json_size(u->changes) > 0) {
        status = mds_update_warn_lists(u, err);
    }

    return status == MDS_OK && mds_update_is_linted(u)
               ? mds_lint(u->model, err, u->warnings)
               : status;
}

/* Tells workers on this machine that the generation was validated, so that
 * they need not read it again. This may fail: it saves time only. */
static void
mds_update_publish_hint(const mds_update_t *u)
{
    mds_validation_hint_t *hint;
    mds_error_t            err;

    if (mds_validation_hint_open(u->loader->depot, true, &err, &hint) == MDS_OK)
    {
        mds_validation_hint_publish(hint, u->serial,
                                    mds_current_serial(u->loader->current),
                                    &u->files);
        mds_validation_hint_close(hint);
    }
}

/*
 * Switches the workers to the new generation. The change is committed already:
 * if the disk refuses the serial, the change has not failed, but the caller is
 * warned, since after a power cut workers would see the generation before it
 * until a loader comes.
 */
static void
mds_update_switch(mds_update_t *u)
{
    mds_error_t  err;
    mds_status_t warned = MDS_OK;

    if (mds_current_advance(u->loader->current, u->serial, &err) != MDS_OK) {
        warned = mds_update_warn(u, &err,
                                 "the change is in force, but not safe: %s",
                                 err.text);
    }

    mds_update_publish_hint(u);
    mds_update_replace_stale(u);
    mds_build_trust_sweep(u->loader->depot, &u->stale_trees);
    warned = mds_update_feed(u);
    (void) warned;
}

/* Keeps the files of the change, whatever comes. */
static void
mds_update_keep_created(mds_update_t *u)
{
    mds_created_files_free(u->created);
    u->created = NULL;
}

/* Commits. The files of the change stay even if this fails: it may have been
 * made all the same. */
static mds_status_t
mds_update_commit(mds_update_t *u, mds_error_t *err)
{
    mds_update_keep_created(u);
    return mds_journal_commit(u->loader->journal, err);
}

/* Releases what one run of the steps has made. */
static void
mds_update_reset(mds_update_t *u)
{
    mds_model_free(u->model);
    mds_places_free(&u->places);
    mds_json_release(u->before);
    mds_json_release(u->after);
    mds_json_release(u->document);
    mds_json_release(u->changes);
    mds_json_release(u->warnings);
    mds_json_release(u->stored);
    mds_buffer_free(&u->stale);
    mds_buffer_free(&u->stale_trees);

    u->model = NULL;
    u->before = u->after = u->document = u->changes = u->warnings = NULL;
    u->stored = NULL;
    u->stale = u->stale_trees = (mds_buffer_t){ 0 };
}

static void
mds_update_free(mds_update_t *u)
{
    mds_update_reset(u);
    mds_extent_free(&u->extent);
    mds_json_release(u->list_counts);
    mds_created_files_free(u->created);
}

/* Runs the steps that load no more than the extent. */
static mds_status_t
mds_update_run(mds_update_t *u, mds_error_t *err)
{
    mds_status_t status;

    u->warnings = mds_json_array_new();
    u->stored = mds_json_object_new();

    if ((status = mds_update_edit(u, err)) != MDS_OK     /* 3 */
        || (status = mds_update_check(u, err)) != MDS_OK /* 4 */
        || (status = mds_update_store(u, err)) != MDS_OK /* 5 */
        || (status = mds_update_compare(u, err)) != MDS_OK)
    {
        return status;
    }

    if (u->preview != NULL) {
        return mds_update_build(u, err);
    }

    if (!mds_update_is_made(u)) {
        return MDS_OK;
    }

    status = mds_update_prepare(u, err); /* 6 */

    return status == MDS_OK && !mds_update_lacks_deltas(u)
               ? mds_update_build(u, err) /* 7, 8 */
               : status;
}

/*
 * Runs the steps in the extent of the change. If what they find is wrong, they
 * are repeated for the whole app: only then a message can name the place in the
 * document, and what there is instead of a name that was not found. That takes
 * its time, but failures are rare. A missing key or permission, and failures of
 * the machine, are the same for the whole app.
 */
static mds_status_t
mds_update_run_in_extent(mds_update_t *u, mds_error_t *err)
{
    mds_status_t status = mds_update_find_extent(u, err);

    if (status == MDS_OK) {
        status = mds_update_run(u, err);
    }

    switch (status) {
    case MDS_INVALID:
    case MDS_NOT_FOUND:
    case MDS_EXISTS:
    case MDS_CONFLICT:
        break;

    default:
        return status;
    }

    if (u->extent.is_all) {
        return status;
    }

    mds_update_reset(u);
    mds_extent_widen(&u->extent);

    return mds_update_run(u, err);
}

/* Records, commits and switches to the generation that was built. */
static mds_status_t
mds_update_finish(mds_update_t *u, mds_error_t *err)
{
    mds_status_t status;

    if ((status = mds_update_record(u, err)) != MDS_OK
        || (status = mds_update_lint(u, err)) != MDS_OK
        || (status = mds_update_commit(u, err)) != MDS_OK) /* 9 */
    {
        return status;
    }

    mds_update_switch(u); /* 10 */
    mds_update_forget_reports(u);
    return MDS_OK;
}

/*
 * Makes the change, unless the batch lacks deltas afterwards: nothing has
 * changed then. The numbers of the steps are those of "Update sequence" in
 * docs/design.md.
 */
static mds_status_t
mds_update_try(mds_loader_t *loader, const mds_change_t *change,
               mds_delta_batch_t *batch, mds_preview_t **preview,
               mds_error_t *err, mds_change_result_t *result)
{
    mds_update_t u = { .loader = loader, .change = change, .batch = batch };
    bool         is_made;
    mds_status_t status;

    if ((status = mds_journal_write(loader->journal, err)) != MDS_OK /* 1 */
        || (status = mds_update_begin(&u, err)) != MDS_OK            /* 2 */
        || (preview != NULL
            && (status = mds_preview_new(loader->depot, err, &u.preview))
                   != MDS_OK)
        || (status = mds_update_is_of_trust(&u)
                         ? mds_update_run_trust(&u, err)
                         : mds_update_run_in_extent(&u, err))
               != MDS_OK)
    {
        goto done;
    }

    is_made = mds_update_is_made(&u);

    if (is_made && mds_update_lacks_deltas(&u)) {
        status = mds_delta_batch_keep_files(batch, loader->depot, err);
        goto done;
    }

    status = is_made ? mds_update_finish(&u, err) : mds_update_lint(&u, err);

    if (status == MDS_OK) {
        if (!change->dry_run) {
            mds_update_keep_created(&u);
        }

        result->serial = is_made ? u.serial : u.serial - 1;
        result->changes = mds_json_retain(u.changes);
        result->warnings = mds_json_retain(u.warnings);

        if (preview != NULL) {
            *preview = u.preview;
            u.preview = NULL;
        }
    }

done:
    /* These do nothing where the change succeeded; a dry run stores nothing. */
    mds_preview_close(u.preview);
    mds_created_files_remove(u.created);
    mds_journal_abort(loader->journal);
    mds_update_free(&u);

    return status;
}

mds_status_t
mds_loader_change(mds_loader_t *loader, const mds_change_t *change,
                  mds_error_t *err, mds_change_result_t *result)
{
    mds_delta_batch_t batch;
    mds_status_t      status;

    mds_delta_batch_init(&batch, change->deltas_level);

    while ((status = mds_update_try(loader, change, &batch, NULL, err, result))
               == MDS_OK
           && batch.missing > 0)
    {
        status = mds_delta_batch_make(&batch, loader, err);

        if (status != MDS_OK) {
            break;
        }
    }

    mds_delta_batch_free(&batch);
    return status;
}

mds_status_t
mds_loader_preview(mds_loader_t *loader, const mds_change_t *change,
                   mds_error_t *err, mds_change_result_t *result,
                   mds_preview_t **preview)
{
    mds_delta_batch_t batch;

    mds_delta_batch_init(&batch, change->deltas_level);

    return mds_update_try(loader, change, &batch, preview, err, result);
}
