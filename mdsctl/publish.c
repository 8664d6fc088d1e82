/* publish: one package into the depot. */

#include "audience.h"
#include "change.h"

static mds_status_t
edit_publish(mds_loader_t *loader, void *data, mds_json_t *state,
             mds_error_t *err)
{
    (void) loader;

    return mdsctl_memory(mds_json_append(mdsctl_document_array(state,
                                                               "packages"),
                                         mds_json_copy(data)),
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
