/*
 * Edits that remove an app, a release, a list or packages, once nothing needs
 * them.
 */

#include <stdio.h>

#include "base/mds_choices.h"
#include "base/mds_time.h"
#include "document/mds_document.h"
#include "loader/mds_edit_dependents.h"
#include "loader/mds_edit_internal.h"
#include "loader/mds_list_ids.h"
#include "loader/mds_message.h"

/* Makes a model of the state's document and messages; mds_model_free(). */
static mds_status_t
mds_remove_read_model(const mds_json_t *state, mds_error_t *err,
                      mds_model_t **model)
{
    mds_model_t *read;
    mds_status_t status = mds_document_check(mds_json_get(state, "document"),
                                             "the document", err, &read);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_message_fill_model(state, mds_time_now_ms(), read, err);

    if (status != MDS_OK) {
        mds_model_free(read);
        return status;
    }

    *model = read;
    return MDS_OK;
}

mds_status_t
mds_edit_remove_app(mds_loader_t *loader, void *data, mds_json_t *state,
                    mds_error_t *err)
{
    mds_dependents_t dependents = { 0 };
    mds_model_t     *model;
    mds_status_t     status = mds_remove_read_model(state, err, &model);

    (void) loader;
    (void) data;

    if (status != MDS_OK) {
        return status;
    }

    mds_dependents_of_app(model, mds_time_now_ms(), &dependents);
    status = mds_dependents_check(&dependents, "the app", err);
    mds_model_free(model);

    return status == MDS_OK ? mds_edit_clear_app(state, err) : status;
}

static const mds_release_t *
mds_remove_find_release(const mds_model_t *model, const char *id)
{
    for (size_t i = 0; i < model->release_count; i++) {
        if (mds_str_eq(model->releases[i].id, mds_str_of(id))) {
            return &model->releases[i];
        }
    }

    return NULL;
}

static mds_status_t
mds_remove_check_release(const mds_model_t *model, const mds_release_t *release,
                         mds_error_t *err)
{
    mds_dependents_t dependents = { 0 };
    char             what[MDS_RELEASE_ID_MAX + 16];

    if (!mds_release_is_over(release)) {
        return mds_fail(err, MDS_CONFLICT,
                        "release \"%.*s\" is %s: devices get it. First"
                        " `mdsctl end %.*s %.*s`",
                        MDS_STR(release->id), mds_release_state_name(release),
                        MDS_STR(model->app), MDS_STR(release->id));
    }

    snprintf(what, sizeof(what), "release \"%.*s\"", MDS_STR(release->id));
    mds_dependents_of_release(model, release, &dependents);

    return mds_dependents_check(&dependents, what, err);
}

mds_status_t
mds_edit_remove_release(mds_loader_t *loader, void *data, mds_json_t *state,
                        mds_error_t *err)
{
    const char          *id = data;
    const mds_release_t *release;
    mds_model_t         *model;
    mds_status_t         status;

    (void) loader;

    if (mds_edit_find_release(state, id, err) == NULL) {
        return MDS_NOT_FOUND;
    }

    status = mds_remove_read_model(state, err, &model);

    if (status != MDS_OK) {
        return status;
    }

    release = mds_remove_find_release(model, id);
    status = mds_remove_check_release(model, release, err);

    if (status == MDS_OK) {
        mds_json_remove(mds_edit_array(state, "releases"), release->index);
    }

    mds_model_free(model);
    return status;
}

mds_status_t
mds_edit_remove_list(mds_loader_t *loader, void *data, mds_json_t *state,
                     mds_error_t *err)
{
    const char      *name = data;
    mds_dependents_t dependents = { 0 };
    mds_model_t     *model;
    char             what[MDS_NAME_MAX + 16];
    mds_status_t     status = mds_list_check(state, name, err);

    (void) loader;

    if (status != MDS_OK
        || (status = mds_remove_read_model(state, err, &model)) != MDS_OK)
    {
        return status;
    }

    snprintf(what, sizeof(what), "list \"%s\"", name);
    mds_dependents_of_list(model, mds_str_of(name), &dependents);
    status = mds_dependents_check(&dependents, what, err);

    if (status == MDS_OK) {
        mds_json_delete(mds_edit_object(state, "lists"), name);
        mds_json_delete(mds_json_get(state, "external"), name);
    }

    mds_model_free(model);
    return status;
}

/* packages */

/* Returns whether a package of that scope is for the platform (or channel)
 * alone. NULL: any. */
static bool
mds_selection_scope_is(const mds_strs_t *scope, const char *word)
{
    return word == NULL
           || (scope->count == 1
               && mds_str_eq(scope->items[0], mds_str_of(word)));
}

static bool
mds_selection_has_resource(const mds_package_selection_t *s,
                           const mds_package_t           *package)
{
    return mds_resource_cmp(package->kind, package->name, mds_str_of(s->kind),
                            s->name == NULL ? mds_null_str
                                            : mds_str_of(s->name))
           == 0;
}

/* Returns whether the package is of the version. One version may have several
 * texts, but if a build is given, it has to be that of the package. */
static bool
mds_selection_has_version(const mds_package_selection_t *s,
                          const mds_version_t           *key,
                          const mds_package_t           *package)
{
    return mds_version_cmp(&package->key, key) == 0
           && (strchr(s->version, '+') == NULL
               || mds_str_eq(package->version, mds_str_of(s->version)));
}

static bool
mds_selection_has(const mds_package_selection_t *s, const mds_version_t *key,
                  const mds_package_t *package)
{
    return mds_selection_has_resource(s, package)
           && mds_selection_has_version(s, key, package)
           && mds_selection_scope_is(&package->platforms, s->platform)
           && mds_selection_scope_is(&package->channels, s->channel);
}

static size_t
mds_package_add_scope(char *words, size_t size, const char *what,
                      const mds_strs_t *scope)
{
    size_t len = 0;

    for (size_t i = 0; i < scope->count && len < size; i++) {
        len += (size_t) snprintf(words + len, size - len, "%s%.*s",
                                 i > 0 ? " and " : what,
                                 MDS_STR(scope->items[i]));
    }

    return len < size ? len : size;
}

/* Adds "1.0 for ios of channel mi". */
static void
mds_package_add_choice(mds_choices_t *choices, const mds_package_t *package)
{
    char   words[MDS_CHOICE_MAX];
    size_t size = sizeof(words), len;

    len = (size_t) snprintf(words, size, "%.*s", MDS_STR(package->version));
    len = len < size ? len : size;
    len += mds_package_add_scope(words + len, size - len, " for ",
                                 &package->platforms);
    (void) mds_package_add_scope(words + len, size - len, " of channel ",
                                 &package->channels);
    mds_choices_add(choices, mds_str_of(words));
}

static const char *
mds_or_empty(const char *word)
{
    return word == NULL ? "" : word;
}

static mds_status_t
mds_selection_fail_empty(const mds_package_selection_t *s,
                         const mds_model_t *model, mds_error_t *err)
{
    mds_choices_t choices;
    char          text[MDS_CHOICES_BYTES];

    mds_choices_begin(&choices, mds_str_of(s->version));

    for (size_t i = 0; i < model->package_count; i++) {
        if (mds_selection_has_resource(s, &model->packages[i])) {
            mds_package_add_choice(&choices, &model->packages[i]);
        }
    }

    mds_choices_words(&choices, "packages of it", text);

    return mds_fail(err, MDS_NOT_FOUND,
                    "there is no package %s%s%s %s%s%s%s%s%s%s", s->kind,
                    s->name != NULL ? " " : "", mds_or_empty(s->name),
                    s->version, s->platform != NULL ? " for " : "",
                    mds_or_empty(s->platform),
                    s->channel != NULL ? " of channel " : "",
                    mds_or_empty(s->channel), text[0] != '\0' ? "; " : "",
                    text);
}

static mds_status_t
mds_remove_check_package(const mds_model_t *model, const mds_package_t *package,
                         mds_error_t *err)
{
    mds_dependents_t dependents = { 0 };
    char             what[400];

    snprintf(what, sizeof(what), "package %.*s%s%.*s %.*s",
             MDS_STR(package->kind), package->name.len > 0 ? " " : "",
             MDS_STR(package->name), MDS_STR(package->version));
    mds_dependents_of_package(model, package, mds_time_now_ms(), &dependents);

    return mds_dependents_check(&dependents, what, err);
}

/* Removes from the last one on, so that the indexes of those before it stay. */
static mds_status_t
mds_remove_selected(const mds_package_selection_t *s, const mds_model_t *model,
                    mds_json_t *packages, mds_error_t *err)
{
    size_t        found = 0;
    mds_version_t key;
    mds_status_t  status = MDS_OK;

    if (!mds_version_parse(mds_str_of(s->version), &key)) {
        return mds_fail(err, MDS_INVALID, "/version: \"%s\" is not a version",
                        s->version);
    }

    for (size_t i = model->package_count; status == MDS_OK && i > 0; i--) {
        const mds_package_t *package = &model->packages[i - 1];

        if (mds_selection_has(s, &key, package)) {
            status = mds_remove_check_package(model, package, err);
            mds_json_remove(packages, package->index);
            found++;
        }
    }

    return status == MDS_OK && found == 0
               ? mds_selection_fail_empty(s, model, err)
               : status;
}

mds_status_t
mds_edit_remove_packages(mds_loader_t *loader, void *data, mds_json_t *state,
                         mds_error_t *err)
{
    mds_model_t *model;
    mds_status_t status = mds_remove_read_model(state, err, &model);

    (void) loader;

    if (status == MDS_OK) {
        status = mds_remove_selected(data, model,
                                     mds_edit_array(state, "packages"), err);
        mds_model_free(model);
    }

    return status;
}
