/*
 * A version is its bytes, and one text: neither is another after a change.
 */

#include <stdio.h>
#include <stdlib.h>

#include "base/mds_choices.h"
#include "base/mds_kind.h"
#include "compile/mds_delta_plan.h"
#include "document/mds_document.h"
#include "loader/mds_change_check_internal.h"

/* Both sides' packages by resource and version. */
typedef struct {
    const mds_change_check_t *check;
    mds_builds_t              before;
    mds_builds_t              after;
} mds_change_builds_t;

static bool
mds_same_version(const mds_package_t *a, const mds_package_t *b)
{
    return mds_resource_cmp(a->kind, a->name, b->kind, b->name) == 0
           && mds_version_cmp(&a->key, &b->key) == 0;
}

/* Whether a device can be meant by both: of one version, for a platform and
 * channel in common. */
static bool
mds_builds_meet(const mds_package_t *a, const mds_package_t *b)
{
    return mds_same_version(a, b)
           && mds_scopes_meet(&a->platforms, &b->platforms)
           && mds_scopes_meet(&a->channels, &b->channels);
}

/* Where the builds of the package's version begin, or would. */
static size_t
mds_builds_seek(const mds_builds_t *builds, const mds_package_t *package)
{
    mds_package_t        first = *package;
    const mds_package_t *key = &first;
    size_t               low = 0, high = builds->count;

    first.index = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mds_builds_cmp(&builds->items[middle], &key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return low;
}

typedef bool (*mds_build_test_t)(const mds_package_t *build,
                                 const mds_package_t *package);

/* The first build that meets the package and passes the test; NULL: none. */
static const mds_package_t *
mds_builds_find(const mds_builds_t *builds, const mds_package_t *package,
                mds_build_test_t test)
{
    for (size_t i = mds_builds_seek(builds, package);
         i < builds->count && mds_same_version(builds->items[i], package); i++)
    {
        if (mds_builds_meet(builds->items[i], package)
            && test(builds->items[i], package))
        {
            return builds->items[i];
        }
    }

    return NULL;
}

static bool
mds_build_text_same(const mds_package_t *a, const mds_package_t *b)
{
    return mds_str_eq(mds_version_build(a->version),
                      mds_version_build(b->version));
}

static bool
mds_build_text_other(const mds_package_t *a, const mds_package_t *b)
{
    return !mds_build_text_same(a, b);
}

static bool
mds_build_bytes_same(const mds_package_t *a, const mds_package_t *b)
{
    return mds_sha256_eq(&a->sha256, &b->sha256);
}

/* "1.0+5" and "1.0+6" are one version, which is there under one of them. */
static mds_status_t
mds_change_build_text(const mds_change_builds_t *b,
                      const mds_package_t *package, mds_error_t *err)
{
    const mds_package_t *other;

    if (mds_builds_find(&b->before, package, mds_build_text_same) != NULL) {
        return MDS_OK;
    }

    other = mds_builds_find(&b->before, package, mds_build_text_other);

    if (other == NULL) {
        other = mds_builds_find(&b->after, package, mds_build_text_other);
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

/*
 * Bytes that are new to a version may come beside those that it has, for
 * other devices; they may not take their place.
 */
static mds_status_t
mds_change_bytes(const mds_change_builds_t *b, const mds_package_t *package,
                 mds_error_t *err)
{
    char old[MDS_SHA256_HEX + 1], new[MDS_SHA256_HEX + 1];

    if (mds_builds_find(&b->before, package, mds_build_bytes_same) != NULL) {
        return MDS_OK;
    }

    for (size_t i = mds_builds_seek(&b->before, package);
         i < b->before.count && mds_same_version(b->before.items[i], package);
         i++)
    {
        const mds_package_t *was = b->before.items[i];

        if (mds_builds_meet(was, package)
            && mds_builds_find(&b->after, was, mds_build_bytes_same) == NULL)
        {
            return mds_change_fail(b->check, MDS_CONFLICT, "packages",
                                   package->index, "sha256", err,
                                   "found other bytes (%.12s…) for version"
                                   " %.*s, which is published already (%.12s…);"
                                   " what is published stays as it is: want a"
                                   " higher version",
                                   mds_sha256_hex(&package->sha256, new),
                                   MDS_STR(package->version),
                                   mds_sha256_hex(&was->sha256, old));
        }
    }

    return MDS_OK;
}

/* A difference from "1.0+6" where the package is 1.0+5. */
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
            || mds_builds_find(&b->after, &from, mds_build_text_same) != NULL)
        {
            continue;
        }

        other = mds_builds_find(&b->after, &from, mds_build_text_other);

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

/* A package that was not there as it is, by its text and bytes. */
static bool
mds_change_is_new(const mds_change_builds_t *b, const mds_package_t *package)
{
    for (size_t i = mds_builds_seek(&b->before, package);
         i < b->before.count && mds_same_version(b->before.items[i], package);
         i++)
    {
        const mds_package_t *was = b->before.items[i];

        if (mds_str_eq(was->version, package->version)
            && mds_build_bytes_same(was, package)
            && was->spec_count == package->spec_count
            && was->platforms.count == package->platforms.count
            && was->channels.count == package->channels.count)
        {
            return false;
        }
    }

    return true;
}

static mds_status_t
mds_change_commas(const mds_change_check_t *check, const mds_package_t *package,
                  bool is_new, mds_error_t *err)
{
    const mds_strs_t *scopes[] = { &package->platforms, &package->channels };
    const char       *keys[] = { "platform", "channel" };

    for (size_t i = 0; i < mds_nelems(scopes); i++) {
        mds_str_t    name = mds_change_comma(scopes[i]);
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

/* "upgrde" is a kind of one's own, and hardly meant as one. */
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
    bool         is_new = mds_change_is_new(b, package);
    mds_status_t status = MDS_OK;

    if (is_new && !b->check->reverts) {
        status = mds_change_build_text(b, package, err);

        if (status == MDS_OK) {
            status = mds_change_bytes(b, package, err);
        }

        if (status == MDS_OK) {
            status = mds_change_specs(b, package, err);
        }
    }

    if (status == MDS_OK && is_new) {
        status = mds_change_kind(b->check, package, err);
    }

    return status == MDS_OK && (is_new || b->check->applies)
               ? mds_change_commas(b->check, package, is_new, err)
               : status;
}

/* The packages that were there, as a document of their own. */
static mds_status_t
mds_change_before(const mds_change_check_t *check, mds_error_t *err,
                  mds_json_t **document, mds_model_t **model)
{
    const mds_json_t *before = mds_json_get(check->before, "document");
    const mds_json_t *packages = mds_json_get(before, "packages");
    mds_json_t       *alone = mds_json_object_new();

    *document = alone;

    if (mds_json_set(alone, "app", mds_json_copy(mds_json_get(before, "app")))
            != MDS_OK
        || (packages != NULL
            && mds_json_set(alone, "packages", mds_json_copy(packages))
                   != MDS_OK))
    {
        return mds_fail_memory(err);
    }

    return mds_document_check(alone, "the document that is there", err, model);
}

mds_status_t
mds_change_packages(const mds_change_check_t *check, mds_error_t *err)
{
    mds_change_builds_t b = { .check = check };
    mds_json_t         *document = NULL;
    mds_model_t        *model = NULL;
    mds_status_t status = mds_change_before(check, err, &document, &model);

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

    mds_model_free(model);
    mds_json_release(document);

    return status;
}
