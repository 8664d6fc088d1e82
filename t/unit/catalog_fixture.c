#include "catalog_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "compile/mds_compile_list.h"
#include "catalog/mds_validate.h"
#include "compile/mds_generation.h"
#include "document/mds_document.h"
#include "loader/mds_message.h"
#include "loader/mds_setting_ids.h"
#include "workdir.h"

fixture_delta_t (*fixture_delta)(const char *from, const char *to);
bool        fixture_bodies;
int64_t     fixture_now_ms = 1790000000000;
mds_json_t *fixture_state;
mds_state_t *fixture_live;

static uint64_t          serial;
static mds_generation_t *generation;
static mds_catalog_t    *catalog;
static mds_decision_t    decision;

/* The compiler's callbacks, and what they hold until the next call. */
typedef struct {
    mds_compile_t compile; /* first */
    char         *body;
} fixture_t;

static mds_status_t
fixture_size(mds_compile_t *c, const mds_sha256_t *sha256, mds_error_t *err,
           uint64_t *size_bytes)
{
    (void) c;
    (void) err;
    *size_bytes = strlen((const char *) sha256->bytes);
    return MDS_OK;
}

static fixture_delta_t
fixture_delta_by_name(const char *from, const char *to)
{
    (void) to;
    return strncmp(from, "lost", 4) == 0   ? FIXTURE_NONE
           : strncmp(from, "dull", 4) == 0 ? FIXTURE_UNWORTHY
                                           : FIXTURE_WORTH;
}

static mds_status_t
fixture_find_delta(mds_compile_t *c, const mds_delta_pair_t *pair, mds_error_t *err,
                 mds_delta_outcome_t *outcome)
{
    const char         *from = (const char *) pair->from->sha256.bytes;
    const char         *to = (const char *) pair->to->sha256.bytes;
    mds_delta_outcome_t found = { .file.size_bytes = 7 };
    char                name[2 * sizeof(mds_sha256_t)] = "";
    fixture_delta_t       fate = fixture_delta != NULL ? fixture_delta(from, to)
                                                   : fixture_delta_by_name(from, to);

    (void) c;
    (void) err;

    if (fate == FIXTURE_NONE) {
        return MDS_NOT_FOUND;
    }

    found.worth = fate == FIXTURE_WORTH;
    snprintf(name, sizeof(name), "%s>%s", from, to);
    memcpy(found.file.sha256.bytes, name, sizeof(found.file.sha256) - 1);
    *outcome = found;

    return MDS_OK;
}

static mds_str_t
member(const mds_json_t *json, const char *key)
{
    return mds_json_string(mds_json_get(json, key));
}

/* " full=NAME", from the digest. */
static void
fixture_print_file(FILE *out, const mds_json_t *manifest, const char *key)
{
    const mds_json_t *file = mds_json_get(manifest, key);
    mds_sha256_t      name;
    mds_str_t         path = member(file, "path");

    if (file == NULL) {
        return;
    }

    assert_true(mds_sha256_parse(member(file, "sha256"), &name));
    assert_true(mds_str_starts(path, mds_str("files/")));
    assert_memory_equal(path.data + 6, member(file, "sha256").data, 64);
    fprintf(out, " %s=%s", key, (const char *) name.bytes);

    if (mds_json_get(file, "from") != NULL) {
        fprintf(out, " from=%s", member(file, "from").data);
    }
}

static char *
fixture_line(const mds_json_t *manifest)
{
    char  *line = NULL;
    size_t len;
    FILE  *out = open_memstream(&line, &len);
    bool   none = mds_json_is_null(mds_json_get(manifest, "version"));

    assert_non_null(out);
    fprintf(out, "%s %s by %s", member(manifest, "action").data,
            none ? "none" : member(manifest, "version").data,
            member(manifest, "release").data);
    fixture_print_file(out, manifest, "full");
    fixture_print_file(out, manifest, "delta");

    if (mds_json_get(mds_json_get(manifest, "meta"), "prompt") != NULL) {
        fprintf(out, " prompt=%s",
                member(mds_json_get(manifest, "meta"), "prompt").data);
    }

    fclose(out);

    return line;
}

static mds_status_t
fixture_sign(mds_compile_t *c, mds_json_t *manifest, mds_error_t *err,
           mds_str_t *body, char *signature)
{
    fixture_t *shelf = (fixture_t *) c;
    size_t   len;

    free(shelf->body);
    shelf->body = NULL;
    memset(signature, 's', MDS_SIGNATURE_BYTES);

    if (!fixture_bodies) {
        shelf->body = fixture_line(manifest);
    } else if (mds_json_set_integer(manifest, "serial", (int64_t) serial)
                   != MDS_OK
               || mds_json_dump(manifest, MDS_JSON_COMPACT, err, &shelf->body,
                                &len)
                      != MDS_OK)
    {
        return MDS_NO_MEMORY;
    }

    *body = mds_str_of(shelf->body);
    return MDS_OK;
}

static mds_status_t
fixture_emit(mds_compile_t *c, mds_str_t key, mds_str_t record, mds_error_t *err)
{
    (void) c;
    (void) err;
    mds_generation_resource(generation, key, record);
    return MDS_OK;
}

const char *
fixture_close(void)
{
    static mds_path_t path;

    if (catalog != NULL) {
        mds_catalog_close(catalog);
        catalog = NULL;
    }

    assert_int_equal(mds_catalog_path(workdir("."), serial, NULL, &path),
                     MDS_OK);
    return path.text;
}

void
fixture_open(void)
{
    mds_error_t err;

    if (mds_catalog_open(workdir("."), serial, false, &err, &catalog) != MDS_OK)
    {
        fail_msg("%s", err.text);
    }
}

int
fixture_setup(void **state)
{
    return workdir_make(state) != 0 || !shell("mkdir catalog lists");
}

int
fixture_teardown(void **state)
{
    (void) fixture_close();
    return workdir_remove(state);
}

void
fixture_begin(void)
{
    mds_error_t err;

    (void) fixture_close();

    if (mds_generation_begin(workdir("."), ++serial, fixture_now_ms, NULL, &err,
                             &generation)
        != MDS_OK)
    {
        fail_msg("%s", err.text);
    }
}

static void
fixture_add_list(const mds_model_t *model, const mds_list_t *list)
{
    mds_buffer_t record = { 0 };
    mds_error_t  err;
    char         key[512];
    int len = snprintf(key, sizeof(key), "%.*s%c%.*s", MDS_STR(model->app), 0,
                       MDS_STR(list->name));

    if (mds_compile_list(list, &err, &record) != MDS_OK) {
        fail_msg("%s", err.text);
    }

    mds_generation_list(generation, (mds_str_t){ (size_t) len, key }, mds_buffer_str(&record));
    mds_buffer_free(&record);
}

/* Whom the messages are for: lists that are stored. */
static void
fixture_add_audiences(const mds_model_t *model)
{
    mds_buffer_t record = { 0 };
    mds_error_t  err;

    for (size_t i = 0; i < model->message_count; i++) {
        mds_list_t list = { .by = MDS_BY_USER,
                            .has_base = true,
                            .base = model->messages[i].users };

        if (mds_compile_list(&list, &err, &record) != MDS_OK) {
            fail_msg("%s", err.text);
        }

        mds_generation_list(generation,
                            mds_message_list_key(model, &model->messages[i]),
                            mds_buffer_str(&record));
    }

    mds_buffer_free(&record);
}

static void
fixture_add_model(mds_model_t *model)
{
    mds_app_record_t app
        = { MDS_APP_TAG, model->poll_after_s, model->poll_jitter_s,
            model->push_spread_s, 1 };
    fixture_t shelf
        = { { fixture_size, fixture_find_delta, fixture_sign, fixture_emit }, NULL };
    mds_error_t err;

    for (size_t i = 0; i < model->package_count; i++) {
        mds_package_t *package = &model->packages[i];

        if (package->file.len > 0) {
            assert_true(package->file.len < sizeof(package->sha256));
            memcpy(package->sha256.bytes, package->file.data,
                   package->file.len);
        }
    }

    mds_generation_app(generation, model->app, &app);
    fixture_add_audiences(model);

    for (size_t i = 0; i < model->list_count; i++) {
        fixture_add_list(model, &model->lists[i]);
    }

    if (mds_compile(&shelf.compile, model, &err) != MDS_OK) {
        fail_msg("%s", err.text);
    }

    free(shelf.body);
}

bool
fixture_add(const char *document, mds_error_t *err)
{
    mds_json_t  *json;
    mds_model_t *model;
    bool         good;

    if (mds_json_parse(mds_str_of(document), "document", err, &json) != MDS_OK)
    {
        return false;
    }

    good = mds_document_check(json, "document", err, &model) == MDS_OK;

    if (good && fixture_state != NULL) {
        assert_int_equal(mds_setting_ids_assign(fixture_state, model, err), MDS_OK);
        assert_int_equal(mds_message_fill_model(fixture_state, fixture_now_ms, model,
                                           err),
                         MDS_OK);
    }

    if (good) {
        fixture_add_model(model);
        mds_model_free(model);
    }

    mds_json_release(json);
    return good;
}

void
fixture_end(void)
{
    mds_error_t       err;
    mds_chain_files_t files;

    if (mds_generation_commit(generation, &err, &files) != MDS_OK
        || mds_catalog_open(workdir("."), serial, true, &err, &catalog)
               != MDS_OK)
    {
        fail_msg("%s", err.text);
    }
}

void
fixture_load(const char *document)
{
    mds_error_t err;

    fixture_begin();

    if (!fixture_add(document, &err)) {
        fail_msg("%s", err.text);
    }

    fixture_end();
}

bool
fixture_change(const char *document, mds_error_t *err)
{
    mds_catalog_t    *before = NULL;
    mds_json_t       *json = NULL;
    mds_chain_files_t files;
    bool              good;

    (void) fixture_close();

    if (mds_validate_generation(workdir("."), serial, NULL, INT64_MIN,
                                MDS_VALIDATE_NO_BUDGET, err, &before)
            != MDS_OK
        || mds_generation_begin(workdir("."), ++serial, fixture_now_ms, before,
                                err, &generation)
               != MDS_OK
        || mds_json_parse(mds_str_of(document), "document", err, &json)
               != MDS_OK)
    {
        fail_msg("%s", err->text);
    }

    mds_generation_replace_app(generation, mds_json_get_string(json, "app"));
    good = fixture_add(document, err);

    if (good) {
        good = mds_generation_commit(generation, err, &files) == MDS_OK;
    } else {
        mds_generation_abort(generation);
    }

    mds_json_release(json);
    mds_catalog_close(before);

    if (good) {
        fixture_open();
    }

    return good;
}

mds_snapshot_t
fixture_snapshot(void)
{
    return (mds_snapshot_t){ .catalog = catalog, .state = fixture_live };
}

void
fixture_request(const char *query, mds_request_t *request)
{
    static char buffer[4096];
    mds_error_t err;

    assert_true(strlen(query) < sizeof(buffer));
    mds_request_init(request);

    if (mds_request_parse(request, mds_str_of(query), buffer, &err) != MDS_OK
        || mds_request_validate(request, &err) != MDS_OK)
    {
        fail_msg("%s: %s", query, err.text);
    }
}

const char *
fixture_describe(mds_status_t status, const mds_error_t *err, const mds_decision_t *d)
{
    static char line[16384];

    if (status != MDS_OK) {
        snprintf(line, sizeof(line), "error: %s", err->text);

    } else if (d->action != MDS_ACTION_NONE) {
        assert_int_equal(d->signature.len, MDS_SIGNATURE_BYTES);
        assert_int_equal(d->signature.data[0], 's');
        snprintf(line, sizeof(line), "%.*s", MDS_STR(d->manifest));

    } else if (d->release.len > 0) {
        snprintf(line, sizeof(line), "%s %.*s by %.*s",
                 mds_reason_name(d->reason), MDS_STR(d->version),
                 MDS_STR(d->release));
    } else {
        snprintf(line, sizeof(line), "%s", mds_reason_name(d->reason));
    }

    return line;
}

const char *
fixture_decide(const char *query)
{
    mds_snapshot_t snapshot = fixture_snapshot();
    mds_request_t  request;
    mds_error_t    err;
    mds_status_t   status;

    fixture_request(query, &request);
    status
        = mds_decide(&snapshot, &request, fixture_now_ms, NULL, &err, &decision);

    return fixture_describe(status, &err, &decision);
}

const mds_decision_t *
fixture_decision(void)
{
    return &decision;
}
