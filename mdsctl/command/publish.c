/* publish: one package into the depot, and its files beside nginx. */

#include "command/publish.h"
#include "audience.h"
#include "change.h"
#include "input.h"
#include "new_app.h"

/* The same file again is no change, but for the options given with it. */
static mds_status_t
update_published(mds_json_t *twin, const mds_json_t *package, mds_error_t *err)
{
    static const char *const options[] = { "deltas", "meta" };
    const char  *file = mds_json_string(mds_json_get(package, "file")).data;
    mds_sha256_t published, digest;
    uint64_t     size_bytes;
    mds_json_t  *value;
    mds_status_t status
        = mds_sha256_file(file, NULL, err, &digest, &size_bytes);

    if (status == MDS_OK
        && !(mds_sha256_parse(mds_json_string(mds_json_get(twin, "sha256")),
                              &published)
             && mds_sha256_eq(&published, &digest)))
    {
        status = mds_fail(err, MDS_EXISTS,
                          "version %.*s is published already, as another file,"
                          " and what is published stays as it is; want a"
                          " higher version",
                          MDS_STR(mds_json_string(
                              mds_json_get(package, "version"))));
    }

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(options); i++) {
        value = mds_json_get(package, options[i]);

        if (value != NULL) {
            status = mds_json_done(mds_json_set(twin, options[i],
                                                mds_json_copy(value)),
                                   err);
        }
    }

    return status;
}

/* Before the change is made: a version that nginx announces is there. */
static mds_status_t
unpack(mdsctl_publishing_t *p, const mds_json_t *published, mds_error_t *err)
{
    mds_progress_t *progress;
    mds_status_t    status;

    if (p->unpack_dir == NULL) {
        return MDS_OK;
    }

    progress = mdsctl_progress_begin("unpacking");
    status = mdsctl_unpack(
        mds_json_string(mds_json_get(p->package, "file")).data, p->unpack_dir,
        mds_json_string(mds_json_get(published, "version")).data, &p->limits,
        progress, err, &p->unpacked);
    mdsctl_progress_end(progress);

    return status;
}

static mds_status_t
edit_publish(mds_loader_t *loader, void *data, mds_json_t *state,
             mds_error_t *err)
{
    mdsctl_publishing_t *p = data;
    mds_json_t          *packages = mdsctl_document_array(state, "packages");
    mds_json_t          *twin = mdsctl_package_twin(packages, p->package);
    mds_status_t         status;

    (void) loader;

    status = twin != NULL
                 ? update_published(twin, p->package, err)
                 : mds_json_done(mds_json_append(packages,
                                                 mds_json_copy(p->package)),
                                 err);

    return status == MDS_OK ? unpack(p, twin != NULL ? twin : p->package, err)
                            : status;
}

typedef struct {
    const char *app;
    const char *kind;
    const char *name;
    const char *platform;
    const char *channel;
    const char *version;
    const char *deltas;
    const char *meta;
} publish_t;

static mds_status_t
set_word(mds_json_t *package, const char *key, const char *value)
{
    return value == NULL ? MDS_OK
                         : mds_json_set_str(package, key, mds_str_of(value));
}

/* Options that are JSON. */
static int
set_json(mds_json_t *package, const char *key, const char *option,
         const char *text)
{
    mds_json_t *value = NULL;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    if (mdsctl_json_option(option, text, &value) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    return mdsctl_json_status(mds_json_set(package, key, value));
}

static int
make_package(const publish_t *publish, const char *file, mds_json_t *package)
{
    return mdsctl_json_status(set_word(package, "kind", publish->kind))
               ?: mdsctl_json_status(set_word(package, "name", publish->name))
               ?: mdsctl_json_status(set_word(package, "platform", publish->platform))
               ?: mdsctl_json_status(set_word(package, "channel", publish->channel))
               ?: mdsctl_json_status(set_word(package, "version", publish->version))
               ?: mdsctl_json_status(set_word(package, "file", file))
               ?: set_json(package, "deltas", "--deltas", publish->deltas)
               ?: set_json(package, "meta", "--meta", publish->meta);
}

static int
publish(mdsctl_t *ctl, const publish_t *publish, mdsctl_publishing_t *p,
        const char *file)
{
    mds_change_t change
        = { .edit = edit_publish, .app = mds_str_of(publish->app), .data = p };
    int code;

    p->package = mds_json_object_new();
    code = make_package(publish, file, p->package);

    if (code == MDSCTL_DONE) {
        code = mdsctl_change(ctl, &change);

        if (code != MDSCTL_DONE) {
            mdsctl_unpack_undo(&p->unpacked);
        }
    }

    mds_json_release(p->package);
    return code;
}

static int
run_publish(mdsctl_t *ctl, int argc, char **argv)
{
    publish_t           given = { 0 };
    mdsctl_publishing_t p = { .limits = MDSCTL_UNPACK_LIMITS };
    mdsctl_stored_t     stored = { .file = NULL };
    const char         *bytes = NULL, *entries = NULL;
    bool                store = false, new_app = false;
    mdsctl_input_t      input;
    mdsctl_option_t     options[] = {
            { .name = "app", .value = &given.app },
            { .name = "kind", .value = &given.kind },
            { .name = "name", .value = &given.name },
            { .name = "platform", .value = &given.platform },
            { .name = "channel", .value = &given.channel },
            { .name = "version", .value = &given.version },
            { .name = "deltas", .value = &given.deltas },
            { .name = "meta", .value = &given.meta },
            { .name = "unpack", .value = &p.unpack_dir },
            { .name = "unpack-bytes", .value = &bytes },
            { .name = "unpack-entries", .value = &entries },
            { .name = "store", .flag = &store },
            { .name = "new-app", .flag = &new_app },
            { 0 },
    };
    int code;

    if (mdsctl_parse(ctl, options, 1, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (given.app == NULL || given.kind == NULL || given.version == NULL) {
        return mdsctl_fail_usage("--%s is missing", given.app == NULL ? "app"
                                                    : given.kind == NULL
                                                        ? "kind"
                                                        : "version");
    }

    if (mdsctl_unpack_limits(bytes, entries, &p.limits) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    ctl->new_app = new_app ? MDS_NEW_APP_ALWAYS : MDS_NEW_APP_FIRST;
    code = mdsctl_app_ask(ctl, given.app);

    if (code != MDSCTL_DONE) {
        return code;
    }

    code = mdsctl_input_begin(argv[1], &input);

    if (code == MDSCTL_DONE && store) {
        code = mdsctl_store_begin(input.path, p.limits.bytes, &stored);
    }

    if (code == MDSCTL_DONE) {
        code = publish(ctl, &given, &p, store ? stored.file : input.path);
    }

    if (code == MDSCTL_DONE) {
        mdsctl_store_tell(input.path, &stored);
    }

    mdsctl_store_end(&stored);
    mdsctl_input_end(&input);
    return code;
}

const mdsctl_command_t mdsctl_command_publish = {
    .name = "publish",
    .usage = "FILE --app APP --kind KIND [--name NAME] [--platform PLATFORM]"
             " [--channel CHANNEL] --version VERSION [--deltas N] [--meta JSON]"
             " [--store] [--unpack DIR] [--unpack-bytes N] [--unpack-entries N]"
             " [--new-app]",
    .summary = "sign and store a package, and make its deltas",
    .run = run_publish,
};
