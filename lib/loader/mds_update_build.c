/*
 * Builds a generation: one app is compiled from its model, and all others are
 * copied from the generation in force; or, if that is of another format, all
 * apps are compiled from the journal.
 */

#include <stdlib.h>

#include "base/mds_endian.h"
#include "base/mds_time.h"
#include "compile/mds_compile.h"
#include "compile/mds_compile_list.h"
#include "compile/mds_generation.h"
#include "document/mds_document.h"
#include "files/mds_store.h"
#include "loader/mds_message.h"
#include "loader/mds_setting_ids.h"
#include "loader/mds_update.h"

/* What a change within a extent replaces: the records of its resources and
 * lists. All of them are in the model's arena. */
typedef struct {
    const mds_extent_t      *extent;
    const mds_json_t        *before; /* the state, within the extent */
    mds_generation_record_t *lists;  /* by key */
    size_t                   list_count;
    mds_generation_record_t *resources; /* by key */
    size_t                   resource_count;
} mds_build_parts_t;

typedef struct {
    mds_compile_t      compile; /* first: the callbacks get its address */
    mds_loader_t      *loader;
    const mds_model_t *model; /* of the app that changed; NULL: none did */
    const mds_key_t   *key;   /* NULL: none was given */
    mds_build_parts_t
                     *parts; /* of a change within a extent; NULL: of no such */
    mds_signing_t     signing;
    int64_t           now_ms;
    mds_generation_t *generation;
    mds_catalog_t    *before; /* NULL: nothing of it can be copied */
    bool              compiled;
    mds_file_id_t     file_id; /* of the generation, once it is validated */
} mds_build_run_t;

static mds_status_t
mds_build_size(mds_compile_t *c, const mds_sha256_t *sha256, mds_error_t *err,
               uint64_t *size_bytes)
{
    mds_build_run_t *run = (mds_build_run_t *) c;

    return mds_store_has(run->loader->depot, sha256, err, size_bytes);
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
        status = mds_store_has(run->loader->depot, &found.file.sha256, err,
                               &found.file.size_bytes);

    } else if (!mds_journal_get_delta(run->loader->journal, &pair->from->sha256,
                                      &pair->to->sha256, &entry))
    {
        return MDS_NOT_FOUND;

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

static int
mds_build_record_cmp(const void *a, const void *b)
{
    return mds_str_cmp(((const mds_generation_record_t *) a)->key,
                       ((const mds_generation_record_t *) b)->key);
}

/* Keeps the record that takes the place of the one of its key. */
static mds_status_t
mds_build_keep(mds_build_run_t *run, mds_generation_record_t *records,
               size_t count, mds_str_t key, mds_str_t bytes, mds_error_t *err)
{
    mds_generation_record_t  wanted = { .key = key };
    mds_generation_record_t *found
        = bsearch(&wanted, records, count, sizeof(*records),
                  mds_build_record_cmp);

    if (found == NULL) {
        return mds_fail(err, MDS_INVALID, "a record is outside the extent");
    }

    found->bytes = mds_arena_str(run->model->arena, bytes);
    return found->bytes.data == NULL ? mds_fail_memory(err) : MDS_OK;
}

static mds_status_t
mds_build_emit(mds_compile_t *c, mds_str_t key, mds_str_t record,
               mds_error_t *err)
{
    mds_build_run_t *run = (mds_build_run_t *) c;

    if (run->parts != NULL) {
        return mds_build_keep(run, run->parts->resources,
                              run->parts->resource_count, key, record, err);
    }

    mds_generation_resource(run->generation, key, record);
    return MDS_OK;
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

    if (status == MDS_OK && run->parts != NULL) {
        return mds_build_keep(run, run->parts->lists, run->parts->list_count,
                              key, mds_buffer_str(record), err);
    }

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

static mds_status_t
mds_build_model(mds_build_run_t *run, const mds_model_t *model,
                mds_error_t *err)
{
    mds_app_record_t record
        = { MDS_APP_TAG, model->poll_after_s, model->poll_jitter_s };
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
        status = mds_build_model(run, model, err);
    }

    mds_model_free(model);
    mds_json_release(document);
    mds_json_release(state);

    return status;
}

static void
mds_build_add_key(mds_generation_record_t *records, size_t *count,
                  mds_str_t key)
{
    records[(*count)++] = (mds_generation_record_t){ .key = key };
}

/* Sorts records by their keys, each once. */
static void
mds_build_sort(mds_generation_record_t *records, size_t *count)
{
    size_t kept = 0;

    qsort(records, *count, sizeof(*records), mds_build_record_cmp);

    for (size_t i = 0; i < *count; i++) {
        if (kept == 0 || !mds_str_eq(records[kept - 1].key, records[i].key)) {
            records[kept++] = records[i];
        }
    }

    *count = kept;
}

/* Lists the keys of the extent's resources. */
static void
mds_build_find_resources(mds_build_parts_t *parts, const mds_model_t *model)
{
    for (size_t i = 0; i < mds_json_size(parts->extent->resources); i++) {
        const mds_json_t *resource = mds_json_at(parts->extent->resources, i);

        mds_build_add_key(
            parts->resources, &parts->resource_count,
            mds_arena_printf(model->arena, "%.*s%c%.*s%c%.*s",
                             MDS_STR(model->app), 0,
                             MDS_STR(mds_json_get_string(resource, "kind")), 0,
                             MDS_STR(mds_json_get_string(resource, "name"))));
    }

    mds_build_sort(parts->resources, &parts->resource_count);
}

/* Lists the keys of the lists that were there, and of those that are. */
static void
mds_build_find_lists(mds_build_parts_t *parts, const mds_model_t *model)
{
    const mds_json_t *messages
        = mds_json_get(mds_json_get(parts->before, "messages"), "items");

    for (size_t i = 0; i < mds_json_size(parts->extent->lists); i++) {
        mds_build_add_key(parts->lists, &parts->list_count,
                          mds_build_list_key(model,
                                             mds_json_string(mds_json_at(
                                                 parts->extent->lists, i))));
    }

    for (size_t i = 0; i < mds_json_size(messages); i++) {
        mds_message_t was
            = { .id = (uint64_t) mds_json_get_integer(mds_json_at(messages, i),
                                                      "id") };

        mds_build_add_key(parts->lists, &parts->list_count,
                          mds_message_list_key(model, &was));
    }

    for (size_t i = 0; i < model->message_count; i++) {
        mds_build_add_key(parts->lists, &parts->list_count,
                          mds_message_list_key(model, &model->messages[i]));
    }

    mds_build_sort(parts->lists, &parts->list_count);
}

/* Finds what the change replaces. */
static mds_status_t
mds_build_find_parts(mds_build_run_t *run, mds_error_t *err)
{
    mds_build_parts_t *parts = run->parts;
    const mds_model_t *model = run->model;
    const mds_json_t  *messages
        = mds_json_get(mds_json_get(parts->before, "messages"), "items");

    parts->resources
        = mds_arena_calloc(model->arena,
                           mds_json_size(parts->extent->resources) + 1,
                           sizeof(*parts->resources));
    parts->lists = mds_arena_calloc(model->arena,
                                    mds_json_size(parts->extent->lists)
                                        + mds_json_size(messages)
                                        + model->message_count + 1,
                                    sizeof(*parts->lists));

    if (parts->resources == NULL || parts->lists == NULL) {
        return mds_fail_memory(err);
    }

    mds_build_find_resources(parts, model);
    mds_build_find_lists(parts, model);

    return mds_arena_failed(model->arena) ? mds_fail_memory(err) : MDS_OK;
}

/* Compiles what is in the extent, and copies the rest of the app. */
static mds_status_t
mds_build_extent(mds_build_run_t *run, mds_error_t *err)
{
    mds_build_parts_t       *parts = run->parts;
    mds_generation_replace_t replace;
    mds_status_t             status = mds_build_find_parts(run, err);

    if (status == MDS_OK) {
        status = mds_build_lists(run, run->model, err);
    }

    if (status == MDS_OK) {
        status = mds_compile(&run->compile, run->model, err);
    }

    replace
        = (mds_generation_replace_t){ parts->lists, parts->list_count,
                                      parts->resources, parts->resource_count };

    return status == MDS_OK
               ? mds_generation_copy(run->generation, run->before,
                                     run->model->app, &replace, err)
               : status;
}

static mds_status_t
mds_build_changed_app(mds_build_run_t *run, mds_error_t *err)
{
    run->compiled = true;

    if (run->parts != NULL) {
        return mds_build_extent(run, err);
    }

    return run->model->removed ? MDS_OK : mds_build_model(run, run->model, err);
}

/* Builds an app, and before it the changed one if that comes first by name. */
static mds_status_t
mds_build_visit(void *data, mds_str_t app, mds_error_t *err)
{
    static const mds_generation_replace_t nothing = { 0 };

    mds_build_run_t *run = data;
    int          order = run->compiled ? 1 : mds_str_cmp(app, run->model->app);
    mds_status_t status = MDS_OK;

    if (order >= 0 && !run->compiled) {
        status = mds_build_changed_app(run, err);
    }

    if (status != MDS_OK || order == 0) {
        return status;
    }

    return run->before == NULL
               ? mds_build_from_journal(run, app, err)
               : mds_generation_copy(run->generation, run->before, app,
                                     &nothing, err);
}

static mds_status_t
mds_build_apps(mds_build_run_t *run, mds_error_t *err)
{
    mds_status_t status = mds_journal_visit_apps(run->loader->journal,
                                                 mds_build_visit, run, err);

    return status == MDS_OK && !run->compiled ? mds_build_changed_app(run, err)
                                              : status;
}

static mds_status_t
mds_build_run(mds_build_run_t *run, mds_error_t *err)
{
    mds_status_t status
        = mds_generation_begin(run->loader->depot, run->signing.serial,
                               run->now_ms, err, &run->generation);

    if (status == MDS_OK) {
        status = mds_build_apps(run, err);
    }

    if (status == MDS_OK) {
        status = mds_generation_commit(run->generation, run->before, err,
                                       &run->file_id);
    } else {
        mds_generation_abort(run->generation);
    }

    free(run->signing.body);
    return status;
}

static mds_build_run_t
mds_build_init(mds_loader_t *loader, const mds_model_t *model, uint64_t serial,
               int64_t now_ms)
{
    return (mds_build_run_t){
        .compile
        = { mds_build_size, mds_build_delta, mds_build_sign, mds_build_emit },
        .loader = loader,
        .model = model,
        .signing = { .journal = loader->journal, .serial = serial },
        .now_ms = now_ms,
        .compiled = model == NULL,
    };
}

mds_status_t
mds_update_build(mds_update_t *u, mds_error_t *err)
{
    mds_loader_t     *loader = u->loader;
    mds_build_parts_t parts = { .extent = &u->extent, .before = u->before };
    mds_build_run_t   run
        = mds_build_init(loader, u->model, u->serial, u->now_ms);
    mds_error_t  why;
    mds_status_t status;

    run.signing.signer = u->signer;
    run.parts = u->extent.is_all ? NULL : &parts;
    status
        = mds_catalog_open(loader->depot, mds_current_serial(loader->current),
                           true, err, &run.before);

    if (status == MDS_OK) {
        status = mds_build_run(&run, &why);

        /* What begins with a pointer is about a place of the document. */
        if (status != MDS_OK) {
            (void) mds_fail(err, status, "%s%s%s",
                            why.text[0] == '/' ? u->change->what : "",
                            why.text[0] == '/' ? ": " : "", why.text);
        }
    }

    if (status == MDS_OK) {
        u->file_id = run.file_id;
    }

    mds_catalog_close(run.before);
    return status;
}

mds_status_t
mds_loader_upgrade_format(mds_loader_t *loader, const mds_key_t *key,
                          mds_error_t *err)
{
    uint64_t        serial = mds_journal_get_serial(loader->journal);
    mds_build_run_t run
        = mds_build_init(loader, NULL, serial, mds_time_now_ms());
    mds_catalog_t *catalog = NULL;
    mds_error_t    why;
    mds_status_t   status
        = mds_catalog_open(loader->depot, serial, false, &why, &catalog);

    mds_catalog_close(catalog);
    run.key = key;

    /* Any other fault is found, with a message, when it is opened for use. */
    if (status != MDS_INCOMPATIBLE) {
        return MDS_OK;
    }

    status = mds_build_run(&run, err);

    /* No generation before it can be used again. */
    return status == MDS_OK
               ? mds_generation_prune(loader->depot, serial, 1, err)
               : status;
}
