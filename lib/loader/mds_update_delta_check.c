/*
 * Checks deltas that were made elsewhere: each is applied once, if there is a
 * tool for its format, before a device has to apply it.
 */

#include <stdio.h>

#include "base/mds_file.h"
#include "files/mds_delta_check.h"
#include "files/mds_store.h"
#include "loader/mds_update.h"

/* Returns whether the package names the delta. */
static bool
mds_delta_check_has_spec(const mds_json_t       *package,
                         const mds_delta_spec_t *spec)
{
    const mds_json_t *deltas = mds_json_get(package, "deltas");

    for (size_t i = 0; mds_json_at(deltas, i) != NULL; i++) {
        const mds_json_t *delta = mds_json_at(deltas, i);

        if (mds_package_has_sha256(delta, &spec->sha256)
            && mds_str_eq(mds_json_get_string(delta, "format"), spec->format))
        {
            return true;
        }
    }

    return false;
}

/* Returns whether the delta and both of its packages were there before the
 * change. */
static bool
mds_delta_check_is_known(const mds_json_t *before, const mds_delta_pair_t *pair)
{
    const mds_json_t *packages = mds_app_state_get(before, "packages");

    if (mds_app_state_find_package(before, &pair->from->sha256) == NULL) {
        return false;
    }

    for (size_t i = 0; i < mds_json_size(packages); i++) {
        const mds_json_t *package = mds_json_at(packages, i);

        if (mds_package_has_sha256(package, &pair->to->sha256)
            && mds_delta_check_has_spec(package, pair->spec))
        {
            return true;
        }
    }

    return false;
}

/* Names the delta by its place in the document; within an extent, whose places
 * nobody has seen, by its package. */
static void
mds_delta_check_place(const mds_update_t *u, const mds_delta_pair_t *pair,
                      char *place, size_t size)
{
    const mds_package_t *to = pair->to;

    if (u->extent.is_all) {
        snprintf(place, size, "/packages/%zu/deltas/%zu", to->index,
                 (size_t) (pair->spec - to->specs));
    } else {
        snprintf(place, size, "package %.*s%s%.*s %.*s", MDS_STR(to->kind),
                 to->name.len > 0 ? " " : "", MDS_STR(to->name),
                 MDS_STR(to->version));
    }
}

static mds_status_t
mds_delta_check_warn(mds_update_t *u, const mds_delta_pair_t *pair,
                     mds_error_t *err)
{
    char place[MDS_ERROR_BYTES];

    mds_delta_check_place(u, pair, place, sizeof(place));

    return mds_update_warn(u, err,
                           "%s: the delta (%.*s) from version %.*s was not"
                           " checked: no tool here can apply it",
                           place, MDS_STR(pair->spec->format),
                           MDS_STR(pair->from->version));
}

static mds_status_t
mds_delta_check_run(const mds_loader_t *loader, const mds_delta_pair_t *pair,
                    mds_error_t *err, bool *checked)
{
    const char       *depot = loader->depot;
    mds_path_t        old_path, delta_path;
    mds_delta_check_t check = { .format = pair->spec->format,
                                .old_path = old_path.text,
                                .delta_path = delta_path.text,
                                .made = pair->to->sha256 };
    mds_status_t      status;

    if ((status = mds_store_path(depot, &pair->from->sha256, err, &old_path))
            != MDS_OK
        || (status
            = mds_store_path(depot, &pair->spec->sha256, err, &delta_path))
               != MDS_OK
        || (status
            = mds_store_has(depot, &pair->to->sha256, err, &check.made_bytes))
               != MDS_OK)
    {
        return status;
    }

    return mds_delta_check(&check, err, checked);
}

mds_status_t
mds_update_check_delta(mds_update_t *u, const mds_delta_pair_t *pair,
                       mds_error_t *err)
{
    mds_progress_t *progress;
    char            place[MDS_ERROR_BYTES];
    bool            checked = false;
    mds_error_t     why;
    mds_status_t    status;

    if (mds_delta_check_is_known(u->before, pair)) {
        return MDS_OK;
    }

    progress = mds_loader_begin_progress(u->loader, "checking a delta");
    status = mds_delta_check_run(u->loader, pair, &why, &checked);
    mds_loader_end_progress(u->loader, progress);

    if (status != MDS_OK) {
        mds_delta_check_place(u, pair, place, sizeof(place));
        return mds_fail(err, status, "%s: %s: %s", u->change->what, place,
                        why.text);
    }

    return checked ? MDS_OK : mds_delta_check_warn(u, pair, err);
}
