/*
 * Building a generation: one app compiled from its model, all others copied
 * from the generation in force; or, where that is of another format, all of
 * them compiled from the journal.
 */

#include <stdlib.h>

#include "base/mds_endian.h"
#include "base/mds_time.h"
#include "compile/mds_compile.h"
#include "compile/mds_compile_list.h"
#include "compile/mds_generation.h"
#include "document/mds_document.h"
#include "files/mds_store.h"
#include "loader/mds_app_state.h"
#include "loader/mds_message.h"
#include "loader/mds_setting_ids.h"
#include "loader/mds_update.h"

typedef struct {
    mds_compile_t      compile; /* first: the callbacks get its address */
    mds_loader_t      *loader;
    const mds_model_t *model;  /* of the app that changed; NULL: none did */
    const mds_key_t   *key;    /* NULL: none was given */
    mds_signer_t       signer; /* of the app that is built now */
    uint64_t           serial;
    int64_t            now_ms;
    mds_generation_t  *generation;
    mds_catalog_t     *before; /* NULL: nothing of it can be taken over */
    char              *body;   /* of the manifest signed last */
    bool               compiled;
    mds_file_id_t      file_id; /* of the generation, once it is validated */
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
    mds_delta_entry_t   note;

    if (pair->spec != NULL && pair->spec->has_sha256) {
        found.file.sha256 = pair->spec->sha256;
        *outcome = found;
        return mds_store_has(run->loader->depot, &pair->spec->sha256, err,
                             &outcome->file.size_bytes);
    }

    if (!mds_journal_get_delta(run->loader->journal, &pair->from->sha256,
                               &pair->to->sha256, &note))
    {
        return MDS_NOT_FOUND;
    }

    found.worth = note.worth != 0;
    found.file.size_bytes = mds_load_be64(note.size);
    memcpy(found.file.sha256.bytes, note.sha256, sizeof(note.sha256));
    *outcome = found;

    return MDS_OK;
}

/* The signature that is noted, unless it is of another key than the app's. */
static bool
mds_build_signed(const mds_build_run_t *run, const mds_sha256_t *digest,
                 mds_manifest_signature_t *made)
{
    char    hex[MDS_KEYID_HEX + 1];
    uint8_t keyid[MDS_KEYID_BYTES], raw[MDS_RAW_SIGNATURE_BYTES];

    return mds_journal_get_signature(run->loader->journal, digest, made)
           && (run->signer.keyid[0] == '\0'
               || (mds_dsse_parse((mds_str_t){ sizeof(made->signature),
                                               made->signature },
                                  NULL, keyid, raw)
                       == MDS_OK
                   && strcmp(mds_keyid_hex(keyid, hex), run->signer.keyid)
                          == 0));
}

/* Sets "serial" and writes the body anew. */
static mds_status_t
mds_build_body(mds_build_run_t *run, mds_json_t *manifest, uint64_t serial,
               mds_error_t *err, mds_str_t *body)
{
    size_t       len;
    mds_status_t status;

    free(run->body);
    run->body = NULL;

    status = mds_json_done(mds_json_set_integer(manifest, "serial",
                                                (int64_t) serial),
                           err);

    if (status == MDS_OK) {
        status
            = mds_json_dump(manifest, MDS_JSON_COMPACT, err, &run->body, &len);
    }

    if (status == MDS_OK) {
        *body = (mds_str_t){ len, run->body };
    }

    return status;
}

/* What was signed once is carried over, its serial too. MDS_NOT_FOUND: it was
 * not; digest is what it is noted by then. */
static mds_status_t
mds_build_take(mds_build_run_t *run, mds_json_t *manifest, mds_error_t *err,
               mds_str_t *body, char *signature, mds_sha256_t *digest)
{
    mds_manifest_signature_t made;
    mds_status_t status = mds_build_body(run, manifest, 0, err, body);

    if (status != MDS_OK) {
        return status;
    }

    mds_sha256(body->data, body->len, digest);

    if (!mds_build_signed(run, digest, &made)) {
        return MDS_NOT_FOUND;
    }

    memcpy(signature, made.signature, sizeof(made.signature));
    return mds_build_body(run, manifest, mds_load_be64(made.serial), err, body);
}

/* Signs it now. */
static mds_status_t
mds_build_fresh(mds_build_run_t *run, mds_json_t *manifest,
                const mds_sha256_t *digest, mds_error_t *err, mds_str_t *body,
                char *signature)
{
    const mds_signer_t      *signer = &run->signer;
    mds_manifest_signature_t made;
    mds_status_t             status;

    if (signer->key == NULL) {
        return mds_fail(err, MDS_DENIED,
                        "release \"%.*s\" has to be signed: give --key FILE,"
                        " or its path in MDS_KEY%s%s",
                        MDS_STR(mds_json_get_string(manifest, "release")),
                        signer->keyid[0] != '\0' ? "; the app's key is " : "",
                        signer->keyid);
    }

    status = mds_build_body(run, manifest, run->serial, err, body);

    if (status == MDS_OK) {
        status = mds_dsse_sign(signer->key, *body, err, signature);
    }

    if (status == MDS_OK) {
        mds_store_be64(made.serial, run->serial);
        memcpy(made.signature, signature, sizeof(made.signature));
        mds_journal_put_signature(run->loader->journal, digest, &made);
    }

    return status;
}

/* A manifest of an older program does not name the package's signature: it
 * is good until somebody comes with the key. */
static mds_status_t
mds_build_sign(mds_compile_t *c, mds_json_t *manifest, mds_error_t *err,
               mds_str_t *body, char *signature)
{
    mds_build_run_t *run = (mds_build_run_t *) c;
    mds_sha256_t     digest;
    mds_status_t     status = mds_json_done(
            mds_manifest_set_minisig(manifest, mds_str_of(run->signer.keyid)), err);

    if (status == MDS_OK) {
        status = mds_build_take(run, manifest, err, body, signature, &digest);
    }

    if (status == MDS_NOT_FOUND && run->signer.key == NULL) {
        status = mds_json_done(mds_manifest_set_minisig(manifest, mds_str("")),
                               err);

        if (status == MDS_OK) {
            status
                = mds_build_take(run, manifest, err, body, signature, &digest);
        }
    }

    return status == MDS_NOT_FOUND
               ? mds_build_fresh(run, manifest, &digest, err, body, signature)
               : status;
}

static mds_status_t
mds_build_emit(mds_compile_t *c, mds_str_t key, mds_str_t record,
               mds_error_t *err)
{
    (void) err;
    mds_generation_resource(((mds_build_run_t *) c)->generation, key, record);

    return MDS_OK;
}

/* A message's users: before all lists of the document, in order of ids. */
static mds_status_t
mds_build_audiences(mds_build_run_t *run, const mds_model_t *model,
                    mds_buffer_t *record, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < model->message_count; i++) {
        mds_list_t list = { .by = MDS_BY_USER,
                            .has_base = true,
                            .base = model->messages[i].users };
        mds_str_t  key = mds_message_list_key(model, &model->messages[i]);

        status = key.data == NULL ? mds_fail_memory(err)
                                  : mds_compile_list(&list, err, record);

        if (status == MDS_OK) {
            mds_generation_list(run->generation, key, mds_buffer_str(record));
        }
    }

    return status;
}

static mds_status_t
mds_build_lists(mds_build_run_t *run, const mds_model_t *model,
                mds_error_t *err)
{
    mds_buffer_t record = { 0 };
    mds_status_t status = mds_build_audiences(run, model, &record, err);

    /* Sorted by name: mds_model_check() has seen to it. */
    for (size_t i = 0; status == MDS_OK && i < model->list_count; i++) {
        mds_str_t key
            = mds_arena_printf(model->arena, "%.*s%c%.*s", MDS_STR(model->app),
                               0, MDS_STR(model->lists[i].name));

        status = key.data == NULL
                     ? mds_fail_memory(err)
                     : mds_compile_list(&model->lists[i], err, &record);

        if (status == MDS_OK) {
            mds_generation_list(run->generation, key, mds_buffer_str(&record));
        }
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

/* An app as the journal has it. */
static mds_status_t
mds_build_again(mds_build_run_t *run, mds_str_t app, mds_error_t *err)
{
    mds_json_t  *state = NULL, *whole = NULL;
    mds_model_t *model = NULL;
    mds_status_t status
        = mds_journal_get_app(run->loader->journal, app, err, &state);

    if (status == MDS_OK) {
        status = mds_app_state_expand_lists(state, err, &whole);
    }

    if (status == MDS_OK) {
        status = mds_document_check(whole, "journal", err, &model);
    }

    if (status == MDS_OK) {
        status = mds_setting_ids_assign(state, model, err);
    }

    if (status == MDS_OK) {
        status = mds_message_fill_model(state, run->now_ms, model, err);
    }

    if (status == MDS_OK) {
        run->signer = mds_app_signer(state, run->key);
        status = mds_build_model(run, model, err);
    }

    mds_model_free(model);
    mds_json_release(whole);
    mds_json_release(state);

    return status;
}

static mds_status_t
mds_build_changed(mds_build_run_t *run, mds_error_t *err)
{
    run->compiled = true;

    return run->model->removed ? MDS_OK : mds_build_model(run, run->model, err);
}

/* Before the first app behind it, the changed one's turn has come. */
static mds_status_t
mds_build_visit(void *data, mds_str_t app, mds_error_t *err)
{
    mds_build_run_t *run = data;
    int          order = run->compiled ? 1 : mds_str_cmp(app, run->model->app);
    mds_status_t status = MDS_OK;

    if (order >= 0 && !run->compiled) {
        status = mds_build_changed(run, err);
    }

    if (status != MDS_OK || order == 0) {
        return status;
    }

    return run->before == NULL
               ? mds_build_again(run, app, err)
               : mds_generation_copy(run->generation, run->before, app, err);
}

static mds_status_t
mds_build_apps(mds_build_run_t *run, mds_error_t *err)
{
    mds_status_t status = mds_journal_visit_apps(run->loader->journal,
                                                 mds_build_visit, run, err);

    return status == MDS_OK && !run->compiled ? mds_build_changed(run, err)
                                              : status;
}

static mds_status_t
mds_build_run(mds_build_run_t *run, mds_error_t *err)
{
    mds_status_t status
        = mds_generation_begin(run->loader->depot, run->serial, run->now_ms,
                               err, &run->generation);

    if (status == MDS_OK) {
        status = mds_build_apps(run, err);
    }

    if (status == MDS_OK) {
        status = mds_generation_commit(run->generation, run->before, err,
                                       &run->file_id);
    } else {
        mds_generation_abort(run->generation);
    }

    free(run->body);
    return status;
}

static mds_build_run_t
mds_build_of(mds_loader_t *loader, const mds_model_t *model, uint64_t serial,
             int64_t now_ms)
{
    return (mds_build_run_t){
        .compile
        = { mds_build_size, mds_build_delta, mds_build_sign, mds_build_emit },
        .loader = loader,
        .model = model,
        .serial = serial,
        .now_ms = now_ms,
        .compiled = model == NULL,
    };
}

mds_status_t
mds_update_build(mds_update_t *u, mds_error_t *err)
{
    mds_loader_t   *loader = u->loader;
    mds_build_run_t run = mds_build_of(loader, u->model, u->serial, u->now_ms);
    mds_status_t    status;

    run.signer = u->signer;
    status
        = mds_catalog_open(loader->depot, mds_current_serial(loader->current),
                           true, err, &run.before);

    if (status == MDS_OK) {
        status = mds_build_run(&run, err);
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
    mds_build_run_t run = mds_build_of(loader, NULL, serial, mds_time_now_ms());
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

    status = mds_build_run(&run, err);

    /* Nobody can go back to those before it. */
    return status == MDS_OK
               ? mds_generation_prune(loader->depot, serial, 1, err)
               : status;
}
