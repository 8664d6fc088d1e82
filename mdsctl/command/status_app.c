/* status_app: an app as `mdsctl status` shows it: by the journal's records, or,
 * at an edge, by the catalog. */

#include <inttypes.h>

#include "command/status.h"
#include "loader/mds_app_parts.h"
#include "mdsctl.h"
#include "served.h"

/* Prints what is in front of an app's releases. */
static void
print_app_text(const mds_app_parts_t *parts)
{
    static const char *const keys[] = { "packages", "lists", "releases" };

    mds_str_t keyid = mds_json_get_string(parts->head, "key");

    printf("%.*s: serial %" PRId64,
           MDS_STR(mds_json_get_string(mds_json_get(parts->head, "document"),
                                       "app")),
           mds_json_get_integer(parts->head, "serial"));

    for (size_t i = 0; i < mds_nelems(keys); i++) {
        uint64_t count = mds_app_parts_count(parts, keys[i]);

        /* One of them is without the "s". */
        printf(", %" PRIu64 " %.*s", count,
               (int) strlen(keys[i]) - (count == 1), keys[i]);
    }

    printf("%s%.*s\n", keyid.len > 0 ? ", key " : "", MDS_STR(keyid));
}

static mds_json_t *
count_of(const mds_app_parts_t *parts, const char *key)
{
    return mds_json_integer_new((int64_t) mds_app_parts_count(parts, key));
}

static void
print_app_json(mdsctl_json_output_t *out, const mds_app_parts_t *parts)
{
    const mds_json_t *head = parts->head;
    const mds_json_t *key = mds_json_get(head, "key");

    mdsctl_json_begin(out, NULL, '{');
    mdsctl_json_value(out, "app",
                      mds_json_string_new(
                          mds_json_get_string(mds_json_get(head, "document"),
                                              "app")));
    mdsctl_json_value(out, "serial",
                      mds_json_copy(mds_json_get(head, "serial")));
    mdsctl_json_value(out, "keyid",
                      key != NULL ? mds_json_copy(key) : mds_json_null_new());
    mdsctl_json_value(out, "packages", count_of(parts, "packages"));
    mdsctl_json_value(out, "lists", count_of(parts, "lists"));
    mdsctl_json_begin(out, "releases", '[');
}

mds_status_t
mdsctl_status_app(void *data, mds_str_t app, mds_error_t *err)
{
    mdsctl_status_t *status = data;
    mds_app_parts_t  parts;
    mds_status_t     code
        = mds_app_parts_open(&parts, status->last.journal, app, err);

    if (code != MDS_OK) {
        return code;
    }

    status->app = app;

    if (status->db != NULL) {
        code = mdsctl_fleet_read_app(status->db, app, err, &status->fleet);

        if (code != MDS_OK) {
            mds_app_parts_close(&parts);
            return code;
        }
    }

    if (status->json) {
        print_app_json(&status->out, &parts);
    } else {
        print_app_text(&parts);
    }

    code = mds_app_parts_visit(&parts, MDS_PART_RELEASE, mdsctl_status_release,
                               status, err);
    mds_app_parts_close(&parts);
    mdsctl_fleet_free_app(&status->fleet);

    if (code == MDS_OK && status->json) {
        mdsctl_json_end(&status->out);
        mdsctl_json_end(&status->out);
    }

    return code;
}

/* Counts what it visits. */
static mds_status_t
count_package(void *data, mds_json_t *package, uint64_t since, mds_error_t *err)
{
    (void) package;
    (void) since;
    (void) err;
    ++*(int64_t *) data;
    return MDS_OK;
}

/* Prints what is in front of an app's releases, of an edge's catalog. */
static mds_status_t
print_served_app(mdsctl_status_t *status, mds_str_t app, mds_error_t *err)
{
    mds_app_record_t record;
    int64_t          packages = 0;
    mds_status_t     code = mds_catalog_app(status->catalog, app, err, &record);

    if (code == MDS_OK) {
        code = mdsctl_served_visit_packages(status->catalog, app, count_package,
                                            &packages, err);
    }

    if (code != MDS_OK) {
        return code;
    }

    if (!status->json) {
        printf("%.*s: serial %" PRIu64 ", %" PRId64 " packages\n", MDS_STR(app),
               record.serial, packages);
        return MDS_OK;
    }

    mdsctl_json_begin(&status->out, NULL, '{');
    mdsctl_json_value(&status->out, "app", mds_json_string_new(app));
    mdsctl_json_value(&status->out, "serial",
                      mds_json_integer_new((int64_t) record.serial));
    mdsctl_json_value(&status->out, "packages", mds_json_integer_new(packages));
    mdsctl_json_begin(&status->out, "releases", '[');
    return MDS_OK;
}

mds_status_t
mdsctl_status_served_app(void *data, mds_str_t app, mds_error_t *err)
{
    mdsctl_status_t *status = data;
    mds_status_t     code = MDS_OK;

    status->app = app;

    if (status->db != NULL) {
        code = mdsctl_fleet_read_app(status->db, app, err, &status->fleet);
    }

    if (code != MDS_OK) {
        return code;
    }

    if ((code = print_served_app(status, app, err)) == MDS_OK) {
        code = mdsctl_served_visit_releases(status->catalog, app,
                                            mdsctl_status_release, status, err);
    }

    mdsctl_fleet_free_app(&status->fleet);

    if (code == MDS_OK && status->json) {
        mdsctl_json_end(&status->out);
        mdsctl_json_end(&status->out);
    }

    return code;
}
