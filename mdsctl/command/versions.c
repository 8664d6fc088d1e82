/* versions: shows the published versions, and how many devices run which. */

#include <inttypes.h>

#include "base/mds_intern.h"
#include "escape.h"
#include "loader/mds_app_state.h"
#include "new_app.h"
#include "registry/mds_registry.h"

/* Devices by platform and version. */
typedef struct {
    mds_intern_t *names;  /* "platform 00 version" */
    mds_json_t   *counts; /* an object for each, in the order of names */
} tally_t;

static mds_status_t
tally_device(void *data, const mds_device_t *device, mds_error_t *err)
{
    tally_t *tally = data;
    char     name[2 * MDS_VALUE_MAX + 2];
    int      len = snprintf(name, sizeof(name), "%.*s%c%.*s",
                            MDS_STR(device->platform), 0, MDS_STR(device->version));
    bool     fresh;
    uint32_t i
        = mds_intern(tally->names, (mds_str_t){ (size_t) len, name }, &fresh);
    mds_json_t *o;

    if (!fresh) {
        o = mds_json_at(tally->counts, i);
        return mds_json_done(
            mds_json_set_integer(o, "devices",
                                 mds_json_get_integer(o, "devices") + 1),
            err);
    }

    if (i == UINT32_MAX) {
        return mds_fail_memory(err);
    }

    return mds_json_done(
        mds_json_append(tally->counts,
                        mds_json_pack("{s:o, s:o, s:i}", "platform",
                                      mds_json_string_new(device->platform),
                                      "version",
                                      mds_json_string_new(device->version),
                                      "devices", 1)),
        err);
}

static mds_status_t
tally_app(mds_registry_t *registry, mds_str_t app, mds_error_t *err,
          mds_json_t **counts)
{
    tally_t      tally = { mds_intern_new(), mds_json_array_new() };
    mds_status_t status = tally.names == NULL || tally.counts == NULL
                              ? mds_fail_memory(err)
                              : MDS_OK;

    if (status == MDS_OK) {
        status = mds_registry_visit_devices(registry, app, tally_device, &tally,
                                            err);
    }

    mds_intern_free(tally.names);

    if (status != MDS_OK) {
        mds_json_release(tally.counts);
        return status;
    }

    *counts = tally.counts;
    return MDS_OK;
}

/* Returns the packages of a state, with only those keys that identify a
 * version. NULL: out of memory. */
static mds_json_t *
list_packages(const mds_json_t *state)
{
    static const char *const keys[]
        = { "kind", "name", "platform", "channel", "version", "delivery" };
    const mds_json_t *packages = mds_app_state_get(state, "packages");
    mds_json_t       *out = mds_json_array_new();
    mds_status_t      status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(packages); i++) {
        const mds_json_t *package = mds_json_at(packages, i);
        mds_json_t       *o = mds_json_object_new();

        for (size_t k = 0; status == MDS_OK && k < mds_nelems(keys); k++) {
            const mds_json_t *value = mds_json_get(package, keys[k]);

            if (value != NULL) {
                status = mds_json_set(o, keys[k], mds_json_copy(value));
            }
        }

        if (status == MDS_OK) {
            status = mds_json_append(out, o);
        } else {
            mds_json_release(o);
        }
    }

    if (status != MDS_OK) {
        mds_json_release(out);
        return NULL;
    }

    return out;
}

/* Prints the texts of an object, of which devices have chosen some. */
static void
print_words(const mds_json_t *object)
{
    mds_json_member_t *m;
    const char        *separator = "  ";
    char               text[MDSCTL_ESCAPED_VALUE_BYTES];

    for (m = mds_json_first(object); m != NULL; m = mds_json_next(object, m)) {
        const mds_json_t *value = mds_json_value(m);

        if (mds_json_is_string(value)) {
            printf("%s%s", separator,
                   mdsctl_escape(mds_json_string(value), text, sizeof(text)));
            separator = " ";
        }
    }
}

static int
print_versions(const mdsctl_t *ctl, mds_json_t *packages, mds_json_t *counts)
{
    if (ctl->json) {
        return mdsctl_print(
            mds_json_pack("{s:o, s:o}", "published", mds_json_retain(packages),
                          "installed", mds_json_retain(counts)));
    }

    printf("published:\n");

    for (size_t i = 0; i < mds_json_size(packages); i++) {
        print_words(mds_json_at(packages, i));
        printf("\n");
    }

    printf("installed:\n");

    for (size_t i = 0; i < mds_json_size(counts); i++) {
        print_words(mds_json_at(counts, i));
        printf(": %" PRId64 " devices\n",
               mds_json_get_integer(mds_json_at(counts, i), "devices"));
    }

    return MDSCTL_DONE;
}

static int
run_versions(mdsctl_t *ctl, int argc, char **argv)
{
    mds_registry_t *registry = NULL;
    mds_json_t     *state = NULL, *counts = NULL, *packages = NULL;
    mds_error_t     err;
    int             code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mdsctl_app_state(ctl->depot, argv[1], &err, NULL, &state) != MDS_OK
        || mds_registry_open(ctl->depot, &err, &registry) != MDS_OK
        || tally_app(registry, mds_str_of(argv[1]), &err, &counts) != MDS_OK)
    {
        code = mdsctl_fail(&err);
    } else {
        packages = list_packages(state);
        code = print_versions(ctl, packages, counts);
    }

    mds_json_release(packages);
    mds_json_release(counts);
    mds_json_release(state);
    mds_registry_close(registry);

    return code;
}

const mdsctl_command_t mdsctl_command_versions = {
    .name = "versions",
    .group = MDSCTL_SEE,
    .arguments = "APP",
    .summary = "show published and installed versions",
    .text = "Prints the published versions of all platforms, and how many "
            "devices run each "
            "version.",
    .examples = "mdsctl versions com.example.shop\n"
                "mdsctl --json versions com.example.shop\n",
    .synonyms = "packages",
    .run = run_versions,
};
