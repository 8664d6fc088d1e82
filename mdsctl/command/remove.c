/* remove: an app, a release, a list or a package that nothing needs. */

#include "base/mds_time.h"
#include "change.h"
#include "command/dependents.h"
#include "document/mds_document.h"
#include "loader/mds_message.h"

/* Which packages are meant: NULL is whatever it is. */
typedef struct {
    const char *kind;
    const char *name;
    const char *platform;
    const char *channel;
    const char *version;
} selection_t;

typedef struct {
    const char        *id; /* of the release, or the list */
    const selection_t *packages;
} removal_t;

/* The state's document and messages as a model, to be freed. */
static mds_status_t
read_model(const mds_json_t *state, mds_error_t *err, mds_model_t **model)
{
    mds_model_t *read = NULL;
    mds_status_t status = mds_document_check(mds_json_get(state, "document"),
                                             "the document", err, &read);

    if (status == MDS_OK) {
        status = mds_message_fill_model(state, mds_time_now_ms(), read, err);
    }

    if (status != MDS_OK) {
        mds_model_free(read);
        return status;
    }

    *model = read;
    return MDS_OK;
}

/* app */

static mds_status_t
edit_remove_app(mds_loader_t *loader, void *data, mds_json_t *state,
                mds_error_t *err)
{
    mdsctl_dependents_t dependents = { 0 };
    mds_model_t        *model = NULL;
    mds_status_t        status = read_model(state, err, &model);

    (void) data;

    if (status == MDS_OK) {
        mdsctl_dependents_of_app(model, mds_time_now_ms(), &dependents);
        status = mdsctl_dependents_check(&dependents, "the app", err);
    }

    if (status == MDS_OK) {
        status = mds_edit_remove(loader, NULL, state, err);
    }

    mds_model_free(model);
    return status;
}

/* release */

static mds_status_t
check_release(const mds_model_t *model, const mds_release_t *release,
              mds_error_t *err)
{
    mdsctl_dependents_t dependents = { 0 };
    char                what[300];

    if (!mdsctl_release_is_over(release)) {
        return mds_fail(err, MDS_CONFLICT,
                        "release \"%.*s\" is %s: devices get it. First"
                        " `mdsctl end %.*s %.*s`",
                        MDS_STR(release->id),
                        mdsctl_release_state_name(release), MDS_STR(model->app),
                        MDS_STR(release->id));
    }

    snprintf(what, sizeof(what), "release \"%.*s\"", MDS_STR(release->id));
    mdsctl_dependents_of_release(model, release, &dependents);

    return mdsctl_dependents_check(&dependents, what, err);
}

static mds_status_t
edit_remove_release(mds_loader_t *loader, void *data, mds_json_t *state,
                    mds_error_t *err)
{
    const removal_t *removal = data;
    mds_json_t      *releases = mdsctl_document_array(state, "releases");
    mds_model_t     *model = NULL;
    mds_status_t     status;

    if (mdsctl_release_of(loader, state, removal->id, err) == NULL) {
        return MDS_NOT_FOUND;
    }

    status = read_model(state, err, &model);

    for (size_t i = 0; status == MDS_OK && i < model->release_count; i++) {
        if (mds_str_eq(model->releases[i].id, mds_str_of(removal->id))) {
            status = check_release(model, &model->releases[i], err);

            if (status == MDS_OK) {
                mds_json_remove(releases, model->releases[i].index);
            }
            break;
        }
    }

    mds_model_free(model);
    return status;
}

/* list */

static mds_status_t
no_list(const mds_json_t *lists, const char *name, mds_error_t *err)
{
    char               names[512] = "none";
    size_t             len = 0;
    mds_json_member_t *m;

    for (m = mds_json_first(lists); m != NULL && len < sizeof(names);
         m = mds_json_next(lists, m))
    {
        len += (size_t) snprintf(names + len, sizeof(names) - len, "%s%.*s",
                                 len > 0 ? ", " : "", MDS_STR(mds_json_key(m)));
    }

    return mds_fail(err, MDS_NOT_FOUND,
                    "there is no list \"%s\"; lists that are there: %s", name,
                    names);
}

static mds_status_t
edit_remove_list(mds_loader_t *loader, void *data, mds_json_t *state,
                 mds_error_t *err)
{
    const removal_t    *removal = data;
    mdsctl_dependents_t dependents = { 0 };
    mds_json_t         *document = mds_json_get(state, "document");
    mds_json_t         *lists = mds_json_get(document, "lists");
    mds_model_t        *model = NULL;
    char                what[300];
    mds_status_t        status;

    (void) loader;

    if (mds_json_get(lists, removal->id) == NULL) {
        return no_list(lists, removal->id, err);
    }

    status = read_model(state, err, &model);

    if (status == MDS_OK) {
        snprintf(what, sizeof(what), "list \"%s\"", removal->id);
        mdsctl_dependents_of_list(model, mds_str_of(removal->id), &dependents);
        status = mdsctl_dependents_check(&dependents, what, err);
    }

    if (status == MDS_OK) {
        mds_json_delete(lists, removal->id);
        mds_json_delete(mds_json_get(state, "external"), removal->id);
    }

    mds_model_free(model);
    return status;
}

/* package */

/* A platform (or channel) selects what is for that one alone. */
static bool
scope_is(const mds_strs_t *scope, const char *word)
{
    return word == NULL
           || (scope->count == 1
               && mds_str_eq(scope->items[0], mds_str_of(word)));
}

static bool
of_resource(const selection_t *s, const mds_package_t *package)
{
    return mds_resource_cmp(package->kind, package->name, mds_str_of(s->kind),
                            s->name == NULL ? mds_null_str
                                            : mds_str_of(s->name))
           == 0;
}

/* One version may have several names, but a build that is named has to be the
 * one that is there. */
static bool
version_is(const mds_package_t *package, const mds_version_t *key,
           const char *version)
{
    return mds_version_cmp(&package->key, key) == 0
           && (strchr(version, '+') == NULL
               || mds_str_eq(package->version, mds_str_of(version)));
}

static bool
selects(const selection_t *s, const mds_version_t *key,
        const mds_package_t *package)
{
    return of_resource(s, package) && version_is(package, key, s->version)
           && scope_is(&package->platforms, s->platform)
           && scope_is(&package->channels, s->channel);
}

static size_t
add_scope(char *words, size_t size, const char *what, const mds_strs_t *scope)
{
    size_t len = 0;

    for (size_t i = 0; i < scope->count && len < size; i++) {
        len += (size_t) snprintf(words + len, size - len, "%s%.*s",
                                 i > 0 ? "," : what, MDS_STR(scope->items[i]));
    }

    return len;
}

static mds_status_t
no_package(const selection_t *s, const mds_model_t *model, mds_error_t *err)
{
    char   there[512] = "none";
    size_t len = 0;

    for (size_t i = 0; i < model->package_count && len < sizeof(there); i++) {
        const mds_package_t *p = &model->packages[i];

        if (!of_resource(s, p)) {
            continue;
        }

        len += (size_t) snprintf(there + len, sizeof(there) - len, "%s%.*s",
                                 len > 0 ? "; " : "", MDS_STR(p->version));

        if (len < sizeof(there)) {
            len += add_scope(there + len, sizeof(there) - len, " for ",
                             &p->platforms);
        }

        if (len < sizeof(there)) {
            len += add_scope(there + len, sizeof(there) - len, " of channel ",
                             &p->channels);
        }
    }

    return mds_fail(err, MDS_NOT_FOUND,
                    "there is no such package: --kind %s%s%s --version"
                    " %s%s%s%s%s; packages of it that are there: %s",
                    s->kind, s->name != NULL ? " --name " : "",
                    s->name != NULL ? s->name : "", s->version,
                    s->platform != NULL ? " --platform " : "",
                    s->platform != NULL ? s->platform : "",
                    s->channel != NULL ? " --channel " : "",
                    s->channel != NULL ? s->channel : "", there);
}

static mds_status_t
check_package(const mds_model_t *model, const mds_package_t *package,
              mds_error_t *err)
{
    mdsctl_dependents_t dependents = { 0 };
    char                what[400];

    snprintf(what, sizeof(what), "package %.*s%s%.*s %.*s",
             MDS_STR(package->kind), package->name.len > 0 ? " " : "",
             MDS_STR(package->name), MDS_STR(package->version));
    mdsctl_dependents_of_package(model, package, mds_time_now_ms(),
                                 &dependents);

    return mdsctl_dependents_check(&dependents, what, err);
}

/* From the last one on, so that those before it stay where they are. */
static mds_status_t
remove_packages(const selection_t *s, const mds_model_t *model,
                mds_json_t *packages, mds_error_t *err)
{
    size_t        found = 0;
    mds_version_t key;
    mds_status_t  status = MDS_OK;

    if (!mds_version_parse(mds_str_of(s->version), &key)) {
        return mds_fail(err, MDS_INVALID, "--version %s is not a version",
                        s->version);
    }

    for (size_t i = model->package_count; status == MDS_OK && i > 0; i--) {
        const mds_package_t *package = &model->packages[i - 1];

        if (selects(s, &key, package)) {
            status = check_package(model, package, err);
            mds_json_remove(packages, package->index);
            found++;
        }
    }

    return status == MDS_OK && found == 0 ? no_package(s, model, err) : status;
}

static mds_status_t
edit_remove_package(mds_loader_t *loader, void *data, mds_json_t *state,
                    mds_error_t *err)
{
    const removal_t *removal = data;
    mds_model_t     *model = NULL;
    mds_status_t     status = read_model(state, err, &model);

    (void) loader;

    if (status == MDS_OK) {
        status = remove_packages(removal->packages, model,
                                 mdsctl_document_array(state, "packages"), err);
    }

    mds_model_free(model);
    return status;
}

/* commands */

static int
remove_named(mdsctl_t *ctl, mds_edit_t edit, int argc, char **argv)
{
    removal_t    removal = { 0 };
    mds_change_t change = { .edit = edit, .data = &removal };

    if (mdsctl_parse(ctl, NULL, 2, 2, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    removal.id = argv[2];
    change.app = mds_str_of(argv[1]);

    return mdsctl_change(ctl, &change);
}

static int
remove_release(mdsctl_t *ctl, int argc, char **argv)
{
    return remove_named(ctl, edit_remove_release, argc, argv);
}

static int
remove_list(mdsctl_t *ctl, int argc, char **argv)
{
    return remove_named(ctl, edit_remove_list, argc, argv);
}

static int
remove_app(mdsctl_t *ctl, int argc, char **argv)
{
    mds_change_t change = { .edit = edit_remove_app };

    if (mdsctl_parse(ctl, NULL, 1, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    change.app = mds_str_of(argv[1]);

    return mdsctl_change(ctl, &change);
}

static int
remove_package(mdsctl_t *ctl, int argc, char **argv)
{
    selection_t     packages = { 0 };
    removal_t       removal = { .packages = &packages };
    mdsctl_option_t options[]
        = { { .name = "kind", .value = &packages.kind },
            { .name = "name", .value = &packages.name },
            { .name = "platform", .value = &packages.platform },
            { .name = "channel", .value = &packages.channel },
            { .name = "version", .value = &packages.version },
            { 0 } };
    mds_change_t change = { .edit = edit_remove_package, .data = &removal };

    if (mdsctl_parse(ctl, options, 1, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (packages.kind == NULL || packages.version == NULL) {
        return mdsctl_fail_usage("--%s is missing",
                                 packages.kind == NULL ? "kind" : "version");
    }

    change.app = mds_str_of(argv[1]);

    return mdsctl_change(ctl, &change);
}

static const mdsctl_command_t command_app = {
    .name = "app",
    .usage = "APP",
    .summary = "remove an app that offers nothing to anybody",
    .run = remove_app,
};

static const mdsctl_command_t command_release = {
    .name = "release",
    .usage = "APP ID",
    .summary = "remove a release that is ended or rolled back",
    .run = remove_release,
};

static const mdsctl_command_t command_list = {
    .name = "list",
    .usage = "APP LIST",
    .summary = "remove a list that no release names",
    .run = remove_list,
};

static const mdsctl_command_t command_package = {
    .name = "package",
    .usage = "APP --kind KIND [--name NAME] [--platform PLATFORM]"
             " [--channel CHANNEL] --version VERSION",
    .summary = "remove the packages of a version that nothing needs",
    .run = remove_package,
};

static const mdsctl_command_t *const commands[]
    = { &command_app, &command_release, &command_list, &command_package, NULL };

const mdsctl_command_t mdsctl_command_remove = {
    .name = "remove",
    .usage = "app|release|list|package ...",
    .summary = "remove what nothing needs any more",
    .commands = commands,
};
