/*
 * Checks references between the parts of a document: releases need packages,
 * lists and ids of their own; kinds have names or none.
 */

#include "document/mds_model_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mds_kind.h"
#include "document/mds_model_suggest.h"

typedef struct {
    mds_model_t          *model;
    mds_reader_t         *r;
    const mds_package_t **packages; /* by kind, name, version */
} mds_model_check_t;

static int
mds_list_cmp(const void *a, const void *b)
{
    return mds_str_cmp(((const mds_list_t *) a)->name,
                       ((const mds_list_t *) b)->name);
}

static int
mds_build_cmp(const mds_package_t *package, mds_str_t kind, mds_str_t name,
              const mds_version_t *version)
{
    int order = mds_resource_cmp(package->kind, package->name, kind, name);

    return order != 0 ? order : mds_version_cmp(&package->key, version);
}

static int
mds_package_cmp(const void *a, const void *b)
{
    const mds_package_t *pa = *(const mds_package_t *const *) a;
    const mds_package_t *pb = *(const mds_package_t *const *) b;
    int order = mds_build_cmp(pa, pb->kind, pb->name, &pb->key);

    return order != 0 ? order
                      : (pa->index > pb->index) - (pa->index < pb->index);
}

static int
mds_release_cmp_id(const void *a, const void *b)
{
    const mds_release_t *ra = *(const mds_release_t *const *) a;
    const mds_release_t *rb = *(const mds_release_t *const *) b;
    int                  order = mds_str_cmp(ra->id, rb->id);

    return order != 0 ? order
                      : (ra->index > rb->index) - (ra->index < rb->index);
}

/* Returns the index of the first package that is not before the version. */
static size_t
mds_packages_seek(const mds_model_check_t *check, mds_str_t kind,
                  mds_str_t name, const mds_version_t *version)
{
    size_t low = 0;
    size_t high = check->model->package_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mds_build_cmp(check->packages[middle], kind, name, version) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return low;
}

/* Returns whether a package of the version is for the platforms and channels.
 */
static bool
mds_packages_have(const mds_model_check_t *check, mds_str_t kind,
                  mds_str_t name, const mds_version_t *version,
                  const mds_strs_t *platforms, const mds_strs_t *channels)
{
    size_t i = mds_packages_seek(check, kind, name, version);

    for (; i < check->model->package_count; i++) {
        const mds_package_t *package = check->packages[i];

        if (mds_build_cmp(package, kind, name, version) != 0) {
            break;
        }

        if (mds_scopes_meet(&package->platforms, platforms)
            && mds_scopes_meet(&package->channels, channels))
        {
            return true;
        }
    }

    return false;
}

/* Fails for a member of the object that the reader is at. */
static void
mds_check_fail(mds_reader_t *r, const char *key, const char *format, ...)
{
    char    words[MDS_ERROR_BYTES / 2];
    size_t  mark = mds_reader_push(r, mds_str_of(key));
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);

    mds_reader_fail(r, "%s", words);
    mds_reader_pop(r, mark);
}

static void
mds_check_name(mds_reader_t *r, mds_str_t kind, mds_str_t name)
{
    if (mds_kind_has(kind, MDS_KIND_NAMELESS) && name.len > 0) {
        mds_check_fail(r, "name",
                       "found \"%.*s\"; want it left out: %.*s has no"
                       " names",
                       MDS_STR(name), MDS_STR(kind));

    } else if (mds_kind_has(kind, MDS_KIND_NAMED) && name.len == 0) {
        mds_reader_fail(r, "\"name\" is missing; want the name of the %.*s",
                        MDS_STR(mds_kind_has(kind, MDS_KIND_IS_CONFIG)
                                    ? mds_str("key")
                                    : kind));
    }
}

static void
mds_check_specs(const mds_model_check_t *check, const mds_package_t *package)
{
    for (size_t i = 0; i < package->spec_count; i++) {
        mds_version_t from;
        size_t        mark = mds_reader_push(check->r, mds_str("deltas"));

        (void) mds_reader_push_index(check->r, i);

        if (mds_version_parse(package->specs[i].from, &from)
            && !mds_packages_have(check, package->kind, package->name, &from,
                                  &package->platforms, &package->channels))
        {
            size_t at = mds_reader_push(check->r, mds_str("from"));

            mds_model_suggest_from(check->model, package,
                                   package->specs[i].from, check->r);
            mds_reader_pop(check->r, at);
        }

        mds_reader_pop(check->r, mark);
    }
}

static void
mds_check_package(const mds_model_check_t *check, const mds_package_t *package)
{
    mds_check_name(check->r, package->kind, package->name);

    if (mds_kind_has(package->kind, MDS_KIND_IS_CONFIG)) {
        mds_check_fail(check->r, "kind",
                       "found \"config\"; want another kind: a config's"
                       " value is in a release");
    }

    mds_check_specs(check, package);
}

static void
mds_check_lists(const mds_model_check_t *check, const mds_strs_t *names,
                const char *key)
{
    size_t mark = mds_reader_push(check->r, mds_str("audience"));

    (void) mds_reader_push(check->r, mds_str_of(key));

    for (size_t i = 0; i < names->count; i++) {
        size_t item = mds_reader_push_index(check->r, i);

        if (mds_model_list(check->model, names->items[i]) == NULL) {
            mds_model_suggest_list(check->model, names->items[i], check->r);
        }

        mds_reader_pop(check->r, item);
    }

    mds_reader_pop(check->r, mark);
}

static void
mds_check_config(mds_reader_t *r, const mds_release_t *release)
{
    if (release->value == NULL) {
        mds_reader_fail(r,
                        "\"value\" is missing; want the value of the key"
                        " \"%.*s\"",
                        MDS_STR(release->name));

    } else if (release->version.len > 0) {
        mds_check_fail(r, "version",
                       "found \"%.*s\"; want it left out: a config release"
                       " has a \"value\" alone",
                       MDS_STR(release->version));

    } else if ((release->audience.flags & MDS_AUDIENCE_WINDOW) != 0) {
        mds_check_fail(r, "audience",
                       "found a window; want lists, percent, ramp or all: a"
                       " config release has no window");

    } else if (release->force_below.len > 0) {
        mds_check_fail(r, "force_below",
                       "found \"%.*s\"; want it left out: a config release"
                       " has no versions",
                       MDS_STR(release->force_below));

    } else if (release->state == MDS_RELEASE_ROLLED_BACK) {
        mds_check_fail(r, "state",
                       "found \"rolled_back\"; want \"ended\": a config's"
                       " value then no longer applies");

    } else if (release->halt.failure_ppm != 0) {
        mds_check_fail(r, "halt",
                       "found one; want it left out: devices report nothing"
                       " of a config release");
    }
}

static void
mds_check_package_release(const mds_model_check_t *check,
                          const mds_release_t     *release)
{
    if (release->value != NULL) {
        mds_check_fail(check->r, "value",
                       "found one; want it left out: only a config release"
                       " has a value");

    } else if (release->version.len == 0) {
        mds_reader_fail(check->r, "\"version\" is missing; want the version"
                                  " to release");

    } else if (!mds_packages_have(check, release->kind, release->name,
                                  &release->key, &release->platforms,
                                  &release->channels))
    {
        mds_model_suggest_package(check->model, release, check->r);

    } else if (release->state == MDS_RELEASE_ROLLED_BACK
               && mds_kind_has(release->kind, MDS_KIND_IS_APP))
    {
        mds_check_fail(check->r, "state",
                       "found \"rolled_back\"; want \"ended\", and a higher"
                       " version: an app does not go back");
    }
}

static void
mds_check_halt(mds_reader_t *r, const mds_release_t *release)
{
    size_t mark = mds_reader_push(r, mds_str("halt"));

    if (release->halt.rollback != 0
        && mds_kind_has(release->kind, MDS_KIND_IS_APP)) {
        mds_check_fail(r, "rollback",
                       "found true; want it left out: an app does not go"
                       " back");
    }

    mds_reader_pop(r, mark);
}

static void
mds_check_release(const mds_model_check_t *check, const mds_release_t *release)
{
    mds_check_name(check->r, release->kind, release->name);

    if (mds_kind_has(release->kind, MDS_KIND_IS_CONFIG)) {
        mds_check_config(check->r, release);
    } else {
        mds_check_package_release(check, release);
        mds_check_halt(check->r, release);
    }

    mds_check_lists(check, &release->audience.lists, "lists");
    mds_check_lists(check, &release->audience.except, "except");
}

/* Fails if two releases have one id; the error names the later one. */
static void
mds_check_ids(const mds_model_check_t *check)
{
    const mds_model_t    *model = check->model;
    const mds_release_t **sorted;

    sorted
        = mds_arena_calloc(model->arena, model->release_count, sizeof(*sorted));
    if (sorted == NULL) {
        mds_reader_fail(check->r, "out of memory");
        return;
    }

    for (size_t i = 0; i < model->release_count; i++) {
        sorted[i] = &model->releases[i];
    }

    qsort(sorted, model->release_count, sizeof(*sorted), mds_release_cmp_id);

    for (size_t i = 1; i < model->release_count; i++) {
        if (mds_str_eq(sorted[i - 1]->id, sorted[i]->id)) {
            size_t mark = mds_reader_push(check->r, mds_str("releases"));

            (void) mds_reader_push_index(check->r, sorted[i]->index);
            (void) mds_reader_push(check->r, mds_str("id"));
            mds_reader_fail(check->r,
                            "\"%.*s\" is the id of /releases/%zu already;"
                            " want one of its own",
                            MDS_STR(sorted[i]->id), sorted[i - 1]->index);
            mds_reader_pop(check->r, mark);
            return;
        }
    }
}

static void
mds_check_sort(mds_model_check_t *check)
{
    mds_model_t *model = check->model;

    if (model->list_count > 0) {
        qsort(model->lists, model->list_count, sizeof(mds_list_t),
              mds_list_cmp);
    }

    check->packages = mds_arena_calloc(model->arena, model->package_count,
                                       sizeof(*check->packages));
    if (check->packages == NULL) {
        mds_reader_fail(check->r, "out of memory");
        return;
    }

    for (size_t i = 0; i < model->package_count; i++) {
        model->packages[i].index = i;
        check->packages[i] = &model->packages[i];
    }

    for (size_t i = 0; i < model->release_count; i++) {
        model->releases[i].index = i;
    }

    if (model->package_count > 0) {
        qsort(check->packages, model->package_count, sizeof(*check->packages),
              mds_package_cmp);
    }
}

void
mds_model_check(mds_model_t *model, mds_reader_t *r)
{
    mds_model_check_t check = { .model = model, .r = r };
    size_t            mark, item;

    mds_check_sort(&check);

    mark = mds_reader_push(r, mds_str("packages"));

    for (size_t i = 0; i < model->package_count && r->status == MDS_OK; i++) {
        item = mds_reader_push_index(r, i);
        mds_check_package(&check, &model->packages[i]);
        mds_reader_pop(r, item);
    }

    mds_reader_pop(r, mark);
    mark = mds_reader_push(r, mds_str("releases"));

    for (size_t i = 0; i < model->release_count && r->status == MDS_OK; i++) {
        item = mds_reader_push_index(r, i);
        mds_check_release(&check, &model->releases[i]);
        mds_reader_pop(r, item);
    }

    mds_reader_pop(r, mark);

    if (r->status == MDS_OK) {
        mds_check_ids(&check);
    }
}
