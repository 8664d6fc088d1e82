/*
 * Checks the packages of a change: a version that is published keeps its build
 * number and, by mds_change_bytes(), its bytes.
 */

#include <stdio.h>

#include "base/mds_choices.h"
#include "base/mds_kind.h"
#include "compile/mds_delta_plan.h"
#include "document/mds_document.h"
#include "loader/mds_change_check_internal.h"

/* The packages of both sides, by resource and version. */
typedef struct {
    const mds_change_check_t *check;
    mds_builds_t              before;
    mds_builds_t              after;
} mds_change_builds_t;

/* Returns whether two builds of a version are for one platform and channel, so
 * that a device may get either. */
static bool
mds_builds_meet(const mds_package_t *a, const mds_package_t *b)
{
    return mds_scopes_meet(&a->platforms, &b->platforms)
           && mds_scopes_meet(&a->channels, &b->channels);
}

typedef bool (*mds_build_test_t)(const mds_package_t *build,
                                 const mds_package_t *package);

/* Returns the first build that meets the package and passes the test, or NULL.
 */
static const mds_package_t *
mds_builds_find(const mds_builds_t *builds, const mds_package_t *package,
                mds_build_test_t test)
{
    mds_builds_t same = mds_change_builds_of(builds, package);

    for (size_t i = 0; i < same.count; i++) {
        if (mds_builds_meet(same.items[i], package)
            && test(same.items[i], package)) {
            return same.items[i];
        }
    }

    return NULL;
}

static bool
mds_has_same_text(const mds_package_t *a, const mds_package_t *b)
{
    return mds_str_eq(mds_version_build(a->version),
                      mds_version_build(b->version));
}

static bool
mds_has_other_text(const mds_package_t *a, const mds_package_t *b)
{
    return !mds_has_same_text(a, b);
}

/* Checks that a version keeps its text: "1.0+5" and "1.0+6" are one version,
 * which is published as one of them. */
static mds_status_t
mds_change_build_text(const mds_change_builds_t *b,
                      const mds_package_t *package, mds_error_t *err)
{
    const mds_package_t *other;

    if (mds_builds_find(&b->before, package, mds_has_same_text) != NULL) {
        return MDS_OK;
    }

    other = mds_builds_find(&b->before, package, mds_has_other_text);

    if (other == NULL) {
        other = mds_builds_find(&b->after, package, mds_has_other_text);
    }

    return other == NULL
               ? MDS_OK
               : mds_change_fail(b->check, MDS_CONFLICT, "packages",
                                 package->index, "version", err,
                                 "found %.*s, and the package that is there is"
                                 " %.*s: they differ in build metadata alone,"
                                 " which is ignored in comparison, and so are"
                                 " one version; want a higher version",
                                 MDS_STR(package->version),
                                 MDS_STR(other->version));
}

/* Refuses a delta from "1.0+6" if the package is 1.0+5. */
static mds_status_t
mds_change_specs(const mds_change_builds_t *b, const mds_package_t *package,
                 mds_error_t *err)
{
    for (size_t i = 0; i < package->spec_count; i++) {
        mds_package_t        from = *package;
        const mds_package_t *other;
        char                 key[64];

        from.version = package->specs[i].from;

        if (mds_version_build(from.version).len == 0
            || !mds_version_parse(from.version, &from.key)
            || mds_builds_find(&b->after, &from, mds_has_same_text) != NULL)
        {
            continue;
        }

        other = mds_builds_find(&b->after, &from, mds_has_other_text);

        if (other != NULL) {
            snprintf(key, sizeof(key), "deltas/%zu/from", i);
            return mds_change_fail(b->check, MDS_CONFLICT, "packages",
                                   package->index, key, err,
                                   "found %.*s, and the package is %.*s; want"
                                   " that",
                                   MDS_STR(from.version),
                                   MDS_STR(other->version));
        }
    }

    return MDS_OK;
}

/* Warns of a delta from the version itself, or from a higher one: no device is
 * told to install a version that is not above its own. */
static mds_status_t
mds_change_idle_specs(const mds_change_check_t *check,
                      const mds_package_t *package, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < package->spec_count; i++) {
        mds_version_t from;

        if (mds_version_parse(package->specs[i].from, &from)
            && mds_version_cmp(&from, &package->key) >= 0)
        {
            status = mds_change_warn(check, err,
                                     "package %.*s %.*s: a delta from %.*s is"
                                     " for no device, because that version is"
                                     " not a lower one",
                                     MDS_STR(package->kind),
                                     MDS_STR(package->version),
                                     MDS_STR(package->specs[i].from));
        }
    }

    return status;
}

/* Returns whether the package was not there as it is, by its text and bytes. */
static bool
mds_change_is_new(const mds_change_builds_t *b, const mds_package_t *package)
{
    mds_builds_t same = mds_change_builds_of(&b->before, package);

    for (size_t i = 0; i < same.count; i++) {
        const mds_package_t *was = same.items[i];

        if (mds_str_eq(was->version, package->version)
            && mds_sha256_eq(&was->sha256, &package->sha256)
            && was->spec_count == package->spec_count
            && was->platforms.count == package->platforms.count
            && was->channels.count == package->channels.count)
        {
            return false;
        }
    }

    return true;
}

/* Refuses a new name with a comma in it, which was probably meant as several,
 * and warns of one that exists. */
static mds_status_t
mds_change_commas(const mds_change_check_t *check, const mds_package_t *package,
                  bool is_new, mds_error_t *err)
{
    const mds_strs_t *scopes[] = { &package->platforms, &package->channels };
    const char       *keys[] = { "platform", "channel" };

    for (size_t i = 0; i < mds_nelems(scopes); i++) {
        mds_str_t    name = mds_change_find_comma(scopes[i]);
        mds_status_t status;

        if (name.len == 0) {
            continue;
        }

        if (is_new && !check->applies && !check->reverts) {
            return mds_change_fail(check, MDS_INVALID, "packages",
                                   package->index, keys[i], err,
                                   "found \"%.*s\", which is one name with a"
                                   " comma in it; want one %s",
                                   MDS_STR(name), keys[i]);
        }

        status
            = mds_change_warn(check, err,
                              "package %.*s %.*s: the %s \"%.*s\" is one"
                              " name with a comma in it; several are a list",
                              MDS_STR(package->kind), MDS_STR(package->version),
                              keys[i], MDS_STR(name));
        if (status != MDS_OK) {
            return status;
        }
    }

    return MDS_OK;
}

/* Warns of a kind that resembles a built-in one, such as "upgrde". */
static mds_status_t
mds_change_kind(const mds_change_check_t *check, const mds_package_t *package,
                mds_error_t *err)
{
    mds_choices_t choices;
    mds_str_t     nearest;

    mds_choices_begin(&choices, package->kind);

    for (const mds_kind_t *kind = mds_kinds; kind->name.len > 0; kind++) {
        mds_choices_add(&choices, kind->name);
    }

    nearest = mds_choices_nearest(&choices);

    return nearest.len == 0 || mds_str_eq(nearest, package->kind)
               ? MDS_OK
               : mds_change_warn(check, err,
                                 "package %.*s %.*s: the kind \"%.*s\" is one"
                                 " of your own; did you mean %.*s?",
                                 MDS_STR(package->kind),
                                 MDS_STR(package->version),
                                 MDS_STR(package->kind), MDS_STR(nearest));
}

static mds_status_t
mds_change_package(const mds_change_builds_t *b, const mds_package_t *package,
                   mds_error_t *err)
{
    const mds_change_check_t *check = b->check;
    bool                      is_new = mds_change_is_new(b, package);
    mds_status_t              status = MDS_OK;

    if (is_new && !check->reverts
        && ((status = mds_change_build_text(b, package, err)) != MDS_OK
            || (status = mds_change_specs(b, package, err)) != MDS_OK))
    {
        return status;
    }

    if (is_new) {
        status = mds_change_kind(check, package, err);
    }

    if (is_new && status == MDS_OK) {
        status = mds_change_idle_specs(check, package, err);
    }

    return status == MDS_OK && (is_new || check->applies)
               ? mds_change_commas(check, package, is_new, err)
               : status;
}

mds_status_t
mds_change_packages(const mds_change_check_t *check, mds_error_t *err)
{
    const mds_json_t   *before = mds_json_get(check->before, "document");
    mds_change_builds_t b = { .check = check };
    mds_model_t        *model = NULL;
    mds_status_t        status;

    /* The packages that were there, as a document of their own. */
    mds_json_t *document
        = mds_json_pack("{s:O, s:O*}", "app", mds_json_get(before, "app"),
                        "packages", mds_json_get(before, "packages"));

    if (document == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_document_check(document, "the document that is there", err,
                                &model);

    if (status == MDS_OK) {
        status = mds_builds_sort(model, err, &b.before);
    }

    if (status == MDS_OK) {
        status = mds_builds_sort(check->model, err, &b.after);
    }

    for (size_t i = 0; status == MDS_OK && i < check->model->package_count; i++)
    {
        status = mds_change_package(&b, &check->model->packages[i], err);
    }

    if (status == MDS_OK && !check->reverts) {
        status = mds_change_bytes(check, &b.before, &b.after, err);
    }

    mds_model_free(model);
    mds_json_release(document);

    return status;
}
