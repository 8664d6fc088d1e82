/* versions: shows the published versions, each when it is read, and how many
 * devices run which. */

#include <inttypes.h>

#include "base/mds_intern.h"
#include "database/fleet.h"
#include "escape.h"
#include "json_output.h"
#include "loader/mds_app_parts.h"
#include "mdsctl.h"
#include "new_app.h"
#include "registry/mds_registry.h"
#include "served.h"

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

/* Copies those keys of a package that identify a version. NULL: memory was
 * short. */
static mds_json_t *
identify_package(const mds_json_t *package)
{
    static const char *const keys[]
        = { "kind", "name", "platform", "channel", "version", "delivery" };
    mds_json_t  *o = mds_json_object_new();
    mds_status_t status = MDS_OK;

    for (size_t k = 0; status == MDS_OK && k < mds_nelems(keys); k++) {
        const mds_json_t *value = mds_json_get(package, keys[k]);

        if (value != NULL) {
            status = mds_json_set(o, keys[k], mds_json_copy(value));
        }
    }

    if (status != MDS_OK) {
        mds_json_release(o);
        return NULL;
    }

    return o;
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

typedef struct {
    bool                 json;
    mdsctl_json_output_t out;
} versions_t;

/* Prints a package, of which it takes only what identifies it. */
static mds_status_t
print_package(void *data, mds_json_t *package, uint64_t since, mds_error_t *err)
{
    versions_t *v = data;
    mds_json_t *o = identify_package(package);

    (void) since;

    if (o == NULL) {
        return mds_fail_memory(err);
    }

    if (v->json) {
        mdsctl_json_value(&v->out, NULL, o);
        return mds_json_done(v->out.status, err);
    }

    print_words(o);
    printf("\n");
    mds_json_release(o);

    return MDS_OK;
}

/* Prints the packages one by one: those of the journal's parts or, on an edge,
 * those of the catalog. */
static mds_status_t
print_published(versions_t *v, const mds_app_parts_t *parts,
                mds_catalog_t *catalog, mds_str_t app, mds_error_t *err)
{
    mds_status_t status;

    if (v->json) {
        mdsctl_json_begin(&v->out, NULL, '{');
        mdsctl_json_begin(&v->out, "published", '[');
    } else {
        printf("published:\n");
    }

    fflush(stdout);
    status = catalog != NULL
                 ? mdsctl_served_visit_packages(catalog, app, print_package, v,
                                                err)
                 : mds_app_parts_visit(parts, MDS_PART_PACKAGE, print_package,
                                       v, err);

    if (status == MDS_OK && v->json) {
        mdsctl_json_end(&v->out);
    }

    return status;
}

/* Takes the reference of counts. */
static mds_status_t
print_installed(versions_t *v, mds_json_t *counts, mds_error_t *err)
{
    if (v->json) {
        mdsctl_json_value(&v->out, "installed", counts);
        mdsctl_json_end(&v->out);
        return mds_json_done(v->out.status, err);
    }

    printf("installed:\n");

    for (size_t i = 0; i < mds_json_size(counts); i++) {
        print_words(mds_json_at(counts, i));
        printf(": %" PRId64 " device%s\n",
               mds_json_get_integer(mds_json_at(counts, i), "devices"),
               mds_json_get_integer(mds_json_at(counts, i), "devices") == 1
                   ? ""
                   : "s");
    }

    mds_json_release(counts);
    return MDS_OK;
}

/* Prints what the journal has of the app, in a transaction of its own. */
static mds_status_t
print_journaled(versions_t *v, mds_loader_t *loader, mds_str_t app,
                mds_error_t *err)
{
    mds_app_parts_t parts;
    mds_status_t    status = mds_loader_open_app(loader, app, err, &parts);

    if (status == MDS_OK) {
        status = print_published(v, &parts, NULL, app, err);
        mds_loader_close_app(loader, &parts);
    }

    return status;
}

/* Prints the app's packages, on an edge those of the catalog. */
static mds_status_t
print_app(versions_t *v, mds_loader_t *loader, mds_str_t app, mds_error_t *err)
{
    mds_catalog_t *catalog;
    mds_status_t   status = mdsctl_served_open(loader, err, &catalog);

    if (status != MDS_OK || catalog == NULL) {
        return status == MDS_OK ? print_journaled(v, loader, app, err) : status;
    }

    status = mdsctl_app_is_served(catalog, app, err);

    if (status == MDS_OK) {
        status = print_published(v, NULL, catalog, app, err);
    }

    mds_catalog_close(catalog);
    return status;
}

typedef struct {
    const char *database;
} options_t;

static const mdsctl_option_t options[] = {
    MDSCTL_FLEET_OPTION(options_t),
    { 0 },
};

/* Counts the devices of the fleet, or of this edge if no database is named. */
static mds_status_t
count_devices(const mdsctl_t *ctl, mdsctl_database_t *db, const char *app,
              mds_error_t *err, mds_json_t **counts)
{
    mds_registry_t *registry;
    mds_status_t    status;

    if (db != NULL) {
        return mdsctl_fleet_versions(db, app, err, counts);
    }

    status = mds_registry_open(ctl->depot, err, &registry);

    if (status == MDS_OK) {
        status = tally_app(registry, mds_str_of(app), err, counts);
        mds_registry_close(registry);
    }

    return status;
}

static int
run_versions(mdsctl_t *ctl, int argc, char **argv)
{
    options_t          o = { 0 };
    versions_t         v = { .json = false };
    mds_loader_t      *loader = NULL;
    mdsctl_database_t *db = NULL;
    mds_json_t        *counts;
    mds_error_t        err;
    int                code = MDSCTL_DONE;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    v.json = ctl->json;

    if (mdsctl_fleet_open(o.database, &err, &db) != MDS_OK
        || mds_loader_open(ctl->depot, NULL, &err, &loader) != MDS_OK
        || print_app(&v, loader, mds_str_of(argv[1]), &err) != MDS_OK
        || count_devices(ctl, db, argv[1], &err, &counts) != MDS_OK
        || print_installed(&v, counts, &err) != MDS_OK)
    {
        code = mdsctl_fail(&err);
    }

    mds_loader_close(loader);
    mdsctl_database_close(db);

    return code;
}

const mdsctl_command_t mdsctl_command_versions = {
    .name = "versions",
    .group = MDSCTL_SEE,
    .pages = true,
    .arguments = "APP",
    .summary = "show published and installed versions",
    .text = "Prints the published versions of all platforms, and how many "
            "devices run each "
            "version: on this edge, or in the fleet if a database is named.",
    .options = options,
    .examples = "mdsctl versions com.example.shop\n"
                "mdsctl --json versions com.example.shop\n",
    .synonyms = "packages",
    .run = run_versions,
};
