/*
 * Builds a generation: one app is compiled from its model, and all others stay
 * as the generation in force has them; or, if that is of another format, all
 * apps are compiled from the journal.
 */

#include <stdlib.h>

#include "base/mds_endian.h"
#include "base/mds_time.h"
#include "catalog/mds_validate.h"
#include "compile/mds_compile.h"
#include "compile/mds_compile_list.h"
#include "compile/mds_generation.h"
#include "document/mds_document.h"
#include "files/mds_store.h"
#include "loader/mds_build_trust.h"
#include "loader/mds_message.h"
#include "loader/mds_setting_ids.h"
#include "loader/mds_update.h"

typedef struct {
    mds_compile_t     compile; /* first: the callbacks get its address */
    mds_loader_t     *loader;
    const char       *dir;     /* the depot, or the directory of the preview */
    mds_preview_t    *preview; /* NULL: none is asked for */
    const mds_key_t  *key;     /* NULL: none was given */
    mds_signing_t     signing;
    int64_t           now_ms;
    mds_generation_t *generation;
    mds_chain_files_t files; /* of the generation, once it is validated */

    const mds_extent_t *extent; /* of the change; NULL: all of the app */
    const mds_json_t   *before; /* the app's state, within the extent */

    const mds_change_t *change; /* NULL: all apps are built */
    mds_build_trust_t   trust;
} mds_build_run_t;

static mds_status_t
mds_build_get_size(const mds_build_run_t *run, const mds_sha256_t *sha256,
                   mds_error_t *err, uint64_t *size_bytes)
{
    return run->preview != NULL
                   && mds_preview_get_size(run->preview, sha256, size_bytes)
               ? MDS_OK
               : mds_store_has(run->loader->depot, sha256, err, size_bytes);
}

static mds_status_t
mds_build_size(mds_compile_t *c, const mds_sha256_t *sha256, mds_error_t *err,
               uint64_t *size_bytes)
{
    const mds_build_run_t *run = (const mds_build_run_t *) c;

    return mds_build_get_size(run, sha256, err, size_bytes);
}

static mds_status_t
mds_build_delta(mds_compile_t *c, const mds_delta_pair_t *pair,
                mds_error_t *err, mds_delta_outcome_t *outcome)
{
    mds_build_run_t    *run = (mds_build_run_t *) c;
    mds_delta_outcome_t found = { .worth = true };
    mds_delta_entry_t   entry;
    mds_status_t        status = MDS_OK;

    if (pair->spec != NULL && pair->spec->has_sha256) {
        found.file.sha256 = pair->spec->sha256;
        status = mds_build_get_size(run, &found.file.sha256, err,
                                    &found.file.size_bytes);

    } else if (!mds_journal_get_delta(run->loader->journal, &pair->from->sha256,
                                      &pair->to->sha256, &entry))
    {
        if (run->preview == NULL) {
            return MDS_NOT_FOUND;
        }

        /* A change would make it before. */
        found.worth = false;

    } else {
        found.worth = entry.worth != 0;
        found.file.size_bytes = mds_load_be64(entry.size);
        found.file.sha256 = entry.sha256;
    }

    if (status == MDS_OK) {
        *outcome = found;
    }

    return status;
}

static mds_status_t
mds_build_sign(mds_compile_t *c, mds_json_t *manifest, mds_error_t *err,
               mds_str_t *body, char *signature)
{
    return mds_signing_get_or_sign(&((mds_build_run_t *) c)->signing, manifest,
                                   err, body, signature);
}

static mds_status_t
mds_build_emit(mds_compile_t *c, mds_str_t key, mds_str_t record,
               mds_error_t *err)
{
    mds_build_run_t *run = (mds_build_run_t *) c;

    mds_generation_resource(run->generation, key, record);

    return mds_build_trust_add(&run->trust, (const mds_record_t *) record.data,
                               err);
}

/* Returns the key of the record of a list of the document. */
static mds_str_t
mds_build_list_key(const mds_model_t *model, mds_str_t name)
{
    return mds_arena_printf(model->arena, "%.*s%c%.*s", MDS_STR(model->app), 0,
                            MDS_STR(name));
}

static mds_status_t
mds_build_list(mds_build_run_t *run, mds_str_t key, const mds_list_t *list,
               mds_buffer_t *record, mds_error_t *err)
{
    mds_status_t status = key.data == NULL
                              ? mds_fail_memory(err)
                              : mds_compile_list(list, err, record);

    if (status == MDS_OK) {
        mds_generation_list(run->generation, key, mds_buffer_str(record));
    }

    return status;
}

/* Builds the lists in the order of their keys: the users of messages by id,
 * then the lists of the document by name, as mds_model_check() has sorted them.
 */
static mds_status_t
mds_build_lists(mds_build_run_t *run, const mds_model_t *model,
                mds_error_t *err)
{
    mds_buffer_t record = { 0 };
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < model->message_count; i++) {
        mds_list_t users = { .by = MDS_BY_USER,
                             .has_base = true,
                             .base = model->messages[i].users };

        status
            = mds_build_list(run,
                             mds_message_list_key(model, &model->messages[i]),
                             &users, &record, err);
    }

    for (size_t i = 0; status == MDS_OK && i < model->list_count; i++) {
        mds_str_t key = mds_build_list_key(model, model->lists[i].name);

        status = mds_build_list(run, key, &model->lists[i], &record, err);
    }

    mds_buffer_free(&record);
    return status;
}

/* Builds what the model has; serial is that of the app's last change. */
static mds_status_t
mds_build_model(mds_build_run_t *run, const mds_model_t *model, uint64_t serial,
                mds_error_t *err)
{
    mds_app_record_t record
        = { MDS_APP_TAG, model->poll_after_s, model->poll_jitter_s,
            model->push_spread_s, serial };
    mds_status_t status;

    mds_generation_app(run->generation, model->app, &record);
    status = mds_build_lists(run, model, err);

    return status == MDS_OK ? mds_compile(&run->compile, model, err) : status;
}

/* Builds an app as the journal has it. */
static mds_status_t
mds_build_from_journal(mds_build_run_t *run, mds_str_t app, mds_error_t *err)
{
    mds_json_t  *state = NULL, *document = NULL;
    mds_model_t *model = NULL;
    mds_status_t status;

    if ((status
         = mds_app_state_get_whole(run->loader->journal, app, err, &state))
            == MDS_OK
        && (status = mds_app_state_expand_lists(state, err, &document))
               == MDS_OK
        && (status = mds_document_check(document, "journal", err, &model))
               == MDS_OK
        && (status = mds_setting_ids_assign(state, model, err)) == MDS_OK
        && (status = mds_message_fill_model(state, run->now_ms, model, err))
               == MDS_OK)
    {
        run->signing.signer = mds_app_signer(state, run->key);
        status
            = mds_build_model(run, model,
                              (uint64_t) mds_json_get_integer(state, "serial"),
                              err);
    }

    mds_model_free(model);
    mds_json_release(document);
    mds_json_release(state);

    return status;
}

static mds_status_t
mds_build_visit(void *data, mds_str_t app, mds_error_t *err)
{
    return mds_build_from_journal(data, app, err);
}

/* Replaces the records of the extent's resources. */
static void
mds_build_replace_resources(mds_build_run_t *run, const mds_model_t *model,
                            const mds_extent_t *extent)
{
    for (size_t i = 0; i < mds_json_size(extent->resources); i++) {
        const mds_json_t *resource = mds_json_at(extent->resources, i);

        mds_generation_replace(
            run->generation, MDS_CATALOG_RESOURCES,
            mds_arena_printf(model->arena, "%.*s%c%.*s%c%.*s",
                             MDS_STR(model->app), 0,
                             MDS_STR(mds_json_get_string(resource, "kind")), 0,
                             MDS_STR(mds_json_get_string(resource, "name"))));
    }
}

/* Replaces the records of the extent's lists, and of the users of messages that
 * were there. */
static void
mds_build_replace_lists(mds_build_run_t *run, const mds_model_t *model,
                        const mds_extent_t *extent, const mds_json_t *before)
{
    const mds_json_t *messages
        = mds_json_get(mds_json_get(before, "messages"), "items");

    for (size_t i = 0; i < mds_json_size(extent->lists); i++) {
        mds_str_t name = mds_json_string(mds_json_at(extent->lists, i));

        mds_generation_replace(run->generation, MDS_CATALOG_LISTS,
                               mds_build_list_key(model, name));
    }

    for (size_t i = 0; i < mds_json_size(messages); i++) {
        mds_message_t was
            = { .id = (uint64_t) mds_json_get_integer(mds_json_at(messages, i),
                                                      "id") };

        mds_generation_replace(run->generation, MDS_CATALOG_LISTS,
                               mds_message_list_key(model, &was));
    }
}

/* Compiles what is in the extent; the rest of the app stays. */
static mds_status_t
mds_build_extent(mds_build_run_t *run, const mds_model_t *model,
                 mds_error_t *err)
{
    mds_build_replace_resources(run, model, run->extent);
    mds_build_replace_lists(run, model, run->extent, run->before);

    if (mds_arena_failed(model->arena)) {
        return mds_fail_memory(err);
    }

    return mds_build_model(run, model, run->signing.serial, err);
}

/* Builds the app of the model, or, without one, all apps. */
static mds_status_t
mds_build_apps(mds_build_run_t *run, const mds_model_t *model, mds_error_t *err)
{
    if (run->extent != NULL) {
        return mds_build_extent(run, model, err);
    }

    if (model == NULL) {
        return mds_journal_visit_apps(run->loader->journal, mds_build_visit,
                                      run, err);
    }

    mds_generation_replace_app(run->generation, model->app);

    return model->removed
               ? MDS_OK
               : mds_build_model(run, model, run->signing.serial, err);
}

/* Puts all roots, as the journal has them. */
static void
mds_build_roots(mds_build_run_t *run)
{
    mds_trust_key_t key;
    mds_str_t       envelope;

    for (uint32_t version = 1;
         mds_journal_get_root(run->loader->journal, version, &envelope);
         version++)
    {
        mds_trust_root_key(version, &key);
        mds_generation_trust(run->generation, mds_trust_key_str(&key),
                             envelope);
    }
}

/* Puts the root that is published, or renews heads. */
static mds_status_t
mds_build_trust_change(mds_build_run_t *run, mds_error_t *err)
{
    const mds_new_root_t *root = run->change->new_root;
    mds_trust_key_t       key;

    /* Without a head key, the head of the feed alone is renewed. */
    if (root == NULL) {
        return run->change->head_key == NULL
                   ? MDS_OK
                   : mds_build_trust_renew(&run->trust, run->change->app, err);
    }

    mds_trust_root_key(root->version, &key);
    mds_generation_trust(run->generation, mds_trust_key_str(&key),
                         root->envelope);

    return MDS_OK;
}

/* Builds what the change is about: an app with its tree and its head, or what
 * devices trust; or, without a change, everything. */
static mds_status_t
mds_build_all(mds_build_run_t *run, const mds_model_t *model, mds_error_t *err)
{
    mds_status_t status;

    if (run->change == NULL) {
        mds_build_roots(run);
        return mds_build_apps(run, NULL, err);
    }

    if (model == NULL) {
        return mds_build_trust_change(run, err);
    }

    /* A preview has no heads: no device sees it. */
    if (run->preview == NULL) {
        mds_build_trust_begin(&run->trust, model->app, run->extent);
    }

    status = mds_build_apps(run, model, err);

    return status == MDS_OK && run->preview == NULL
               ? mds_build_trust_end(&run->trust, model->removed, err)
               : status;
}

static mds_status_t
mds_build_run(mds_build_run_t *run, const mds_model_t *model,
              mds_catalog_t *before, mds_error_t *err)
{
    mds_status_t status
        = mds_generation_begin(run->dir, run->signing.serial, run->now_ms,
                               before, err, &run->generation);

    if (status != MDS_OK) {
        return status;
    }

    if (mds_journal_has_stale_deltas(run->loader->journal)) {
        mds_generation_sweep_deltas(run->generation);
    }

    run->trust.generation = run->generation;
    run->trust.before = before;
    status = mds_build_all(run, model, err);

    if (status == MDS_OK) {
        status = mds_generation_commit(run->generation, err, &run->files);
    } else {
        mds_generation_abort(run->generation);
    }

    mds_signing_free(&run->signing);
    return status;
}

static mds_build_run_t
mds_build_init(mds_loader_t *loader, uint64_t serial, int64_t now_ms)
{
    return (mds_build_run_t){
        .compile
        = { mds_build_size, mds_build_delta, mds_build_sign, mds_build_emit },
        .loader = loader,
        .dir = loader->depot,
        .signing = { .journal = loader->journal, .serial = serial },
        .now_ms = now_ms,
        .trust = { .depot = loader->depot, .serial = serial, .now_ms = now_ms },
    };
}

/* Opens the generation in force. Its bytes are read only if no process of this
 * machine has validated them. */
static mds_status_t
mds_build_open_before(const mds_loader_t *loader, mds_error_t *err,
                      mds_catalog_t **before)
{
    mds_validation_hint_t *hint;
    mds_error_t            why;
    mds_status_t           status;

    if (mds_validation_hint_open(loader->depot, false, &why, &hint) != MDS_OK) {
        hint = NULL;
    }

    status
        = mds_validate_open(loader->depot, mds_current_serial(loader->current),
                            hint, err, before);
    mds_validation_hint_close(hint);

    return status;
}

/* Lets the run build a preview. */
static void
mds_build_begin_preview(mds_build_run_t *run, const mds_update_t *u)
{
    run->preview = u->preview;
    run->dir = mds_preview_dir(u->preview);
    run->signing.signer = mds_app_signer(u->after, NULL);
    run->signing.is_preview = true;
}

/* Notes that the generation was swept; a preview does not come into force. */
static void
mds_build_note_sweep(const mds_build_run_t *run)
{
    mds_journal_t *journal = run->loader->journal;

    if (run->preview == NULL && mds_journal_has_stale_deltas(journal)) {
        mds_journal_delete_stale_deltas(journal);
    }
}

mds_status_t
mds_update_build(mds_update_t *u, mds_error_t *err)
{
    mds_build_run_t run = mds_build_init(u->loader, u->serial, u->now_ms);
    mds_catalog_t  *before = NULL;
    mds_error_t     why;
    mds_status_t    status = mds_build_open_before(u->loader, err, &before);

    run.signing.signer = u->signer;
    run.extent = u->extent.is_all ? NULL : &u->extent;
    run.before = u->before;
    run.change = u->change;
    run.trust.signer
        = (mds_head_signer_t){ u->change->head_key, u->change->head_ttl_ms };

    if (u->preview != NULL) {
        mds_build_begin_preview(&run, u);
    }

    if (status == MDS_OK) {
        status = mds_build_run(&run, u->model, before, &why);

        /* What begins with a pointer is about a place of the document. */
        if (status != MDS_OK) {
            (void) mds_fail(err, status, "%s%s%s",
                            why.text[0] == '/' ? u->change->what : "",
                            why.text[0] == '/' ? ": " : "", why.text);
        }
    }

    if (status == MDS_OK) {
        u->files = run.files;
        u->stale_trees = run.trust.stale;
        run.trust.stale = (mds_buffer_t){ 0 };
        mds_build_note_sweep(&run);
    }

    if (status == MDS_OK && u->preview != NULL) {
        return mds_preview_open(u->preview, before, u->serial, err);
    }

    if (status == MDS_OK && run.trust.head_removed
        && (u->model == NULL || !u->model->removed))
    {
        status
            = mds_update_warn(u, err,
                              "the head of app \"%.*s\" does not fit any"
                              " more, and is removed: devices that trust a"
                              " root get no answers until `mdsctl head"
                              " %.*s` signs one with --head-key",
                              MDS_STR(u->change->app), MDS_STR(u->change->app));
    }

    mds_build_trust_free(&run.trust);
    mds_catalog_close(before);
    return status;
}

mds_status_t
mds_loader_upgrade_format(mds_loader_t *loader, const mds_key_t *key,
                          mds_error_t *err)
{
    uint64_t        serial = mds_journal_get_serial(loader->journal);
    mds_build_run_t run = mds_build_init(loader, serial, mds_time_now_ms());
    mds_catalog_t  *catalog = NULL;
    mds_error_t     why;
    mds_status_t    status
        = mds_catalog_open(loader->depot, serial, false, &why, &catalog);

    mds_catalog_close(catalog);
    run.key = key;

    /* Any other fault is found, with a message, when it is opened for use. */
    if (status != MDS_INCOMPATIBLE) {
        return MDS_OK;
    }

    status = mds_build_run(&run, NULL, NULL, err);

    /* No generation before it can be used again. */
    return status == MDS_OK
               ? mds_generation_prune(loader->depot, serial, 1, err)
               : status;
}
