/* publish: one package into the depot. */

#include "audience.h"
#include "change.h"

#include "mds_version.h"

static bool
same_member(const mds_json_t *a, const mds_json_t *b, const char *key)
{
    return mds_str_eq(mds_json_string(mds_json_get(a, key)),
                      mds_json_string(mds_json_get(b, key)));
}

/* "platform" and "channel": absent, a name, or a list of names. */
static bool
same_scope(const mds_json_t *a, const mds_json_t *b, const char *key)
{
    const mds_json_t *x = mds_json_get(a, key);
    const mds_json_t *y = mds_json_get(b, key);

    return x == NULL || y == NULL ? x == y : mds_json_equal(x, y);
}

static bool
same_version(const mds_json_t *a, const mds_json_t *b)
{
    mds_version_t va, vb;

    return mds_version_parse(mds_json_string(mds_json_get(a, "version")), &va)
           && mds_version_parse(mds_json_string(mds_json_get(b, "version")),
                                &vb)
           && mds_version_cmp(&va, &vb) == 0;
}

/* The build that would hide the package from every device; NULL: none. One
 * with rules, a range, or that is embedded, does not. */
static mds_json_t *
find_twin(const mds_json_t *packages, const mds_json_t *package)
{
    for (size_t i = 0; i < mds_json_size(packages); i++) {
        mds_json_t *twin = mds_json_at(packages, i);

        if (same_member(twin, package, "kind")
            && same_member(twin, package, "name")
            && same_scope(twin, package, "platform")
            && same_scope(twin, package, "channel")
            && same_version(twin, package)
            && mds_json_get(twin, "rules") == NULL
            && mds_json_get(twin, "app_version") == NULL
            && mds_json_get(twin, "delivery") == NULL)
        {
            return twin;
        }
    }

    return NULL;
}

/* The same file again is no change, but for the options given with it. */
static mds_status_t
publish_again(mds_json_t *twin, const mds_json_t *package, mds_error_t *err)
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
            status = mdsctl_memory(mds_json_set(twin, options[i],
                                                mds_json_copy(value)),
                                   err);
        }
    }

    return status;
}

static mds_status_t
edit_publish(mds_loader_t *loader, void *data, mds_json_t *state,
             mds_error_t *err)
{
    mds_json_t *packages = mdsctl_document_array(state, "packages");
    mds_json_t *twin = find_twin(packages, data);

    (void) loader;

    return twin != NULL
               ? publish_again(twin, data, err)
               : mdsctl_memory(mds_json_append(packages, mds_json_copy(data)),
                               err);
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

    return mds_json_set(package, key, value) == MDS_OK ? MDSCTL_DONE
                                                       : MDSCTL_USAGE;
}

static int
make_package(const publish_t *publish, const char *file, mds_json_t *package)
{
    return set_word(package, "kind", publish->kind) == MDS_OK
                   && set_word(package, "name", publish->name) == MDS_OK
                   && set_word(package, "platform", publish->platform) == MDS_OK
                   && set_word(package, "channel", publish->channel) == MDS_OK
                   && set_word(package, "version", publish->version) == MDS_OK
                   && set_word(package, "file", file) == MDS_OK
                   && set_json(package, "deltas", "--deltas", publish->deltas)
                          == MDSCTL_DONE
                   && set_json(package, "meta", "--meta", publish->meta)
                          == MDSCTL_DONE
               ? MDSCTL_DONE
               : MDSCTL_USAGE;
}

int
mdsctl_publish(mdsctl_t *ctl, int argc, char **argv)
{
    publish_t       publish = { 0 };
    mdsctl_option_t options[] = {
        { .name = "app", .value = &publish.app },
        { .name = "kind", .value = &publish.kind },
        { .name = "name", .value = &publish.name },
        { .name = "platform", .value = &publish.platform },
        { .name = "channel", .value = &publish.channel },
        { .name = "version", .value = &publish.version },
        { .name = "deltas", .value = &publish.deltas },
        { .name = "meta", .value = &publish.meta },
        { 0 },
    };
    mds_change_t change = { .edit = edit_publish };
    mds_json_t  *package;
    int          code = MDSCTL_USAGE;

    if (mdsctl_parse(ctl, options, 1, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (publish.app == NULL || publish.kind == NULL || publish.version == NULL)
    {
        return mdsctl_usage("--%s is missing", publish.app == NULL ? "app"
                                               : publish.kind == NULL
                                                   ? "kind"
                                                   : "version");
    }

    package = mds_json_object_new();

    if (make_package(&publish, argv[1], package) == MDSCTL_DONE) {
        change.app = mds_str_of(publish.app);
        change.data = package;
        code = mdsctl_change(ctl, &change);
    }

    mds_json_release(package);
    return code;
}
