/*
 * Compiles a model, resource by resource: packages become builds, releases get
 * their offers, and each record is emitted in the order of keys.
 */

#include "base/mds_kind.h"
#include "compile/mds_compile_internal.h"

#include <stdlib.h>

/* Compares by resource, then in the order of choice: higher priority, higher
 * version, later in the document. */
static int
mds_choice_cmp(const void *a, const void *b)
{
    const mds_release_t *ra = *(const mds_release_t *const *) a;
    const mds_release_t *rb = *(const mds_release_t *const *) b;
    int order = mds_resource_cmp(ra->kind, ra->name, rb->kind, rb->name);

    if (order == 0) {
        order = (ra->priority < rb->priority) - (ra->priority > rb->priority);
    }

    if (order == 0) {
        order = mds_version_cmp(&rb->key, &ra->key);
    }

    return order != 0 ? order
                      : (ra->index < rb->index) - (ra->index > rb->index);
}

static void
mds_compile_build(mds_compile_ctx_t *x, const mds_package_t *package)
{
    mds_build_t build = { .embedded = package->embedded };

    build.version = mds_record_builder_text(x->builder, package->version);
    build.version_key = mds_record_builder_version(x->builder, &package->key);
    build.platforms = mds_record_builder_texts(x->builder, &package->platforms);
    build.channels = mds_record_builder_texts(x->builder, &package->channels);
    build.rules = mds_compile_rules(x, &package->rules);
    memcpy(build.sha256, package->sha256.bytes, sizeof(build.sha256));

    mds_record_builder_add(x->builder, MDS_TABLE_BUILDS, &build);
}

mds_range_t
mds_compile_builds_of(const mds_compile_ctx_t *x, const mds_version_t *version)
{
    mds_range_t range = { 0 };

    for (uint32_t i = 0; i < x->builds.count; i++) {
        if (mds_version_cmp(&x->builds.items[i]->key, version) == 0) {
            range.first = range.count == 0 ? i : range.first;
            range.count++;
        }
    }

    return range;
}

static mds_status_t
mds_compile_release(mds_compile_ctx_t *x, const mds_release_t *release,
                    mds_release_record_t *record, mds_error_t *err)
{
    mds_range_t  offers, rollbacks = { 0 };
    mds_status_t status;

    x->release = release;
    record->builds = mds_compile_builds_of(x, &release->key);

    if ((status = mds_compile_offers(x, &record->builds, err, &offers))
            != MDS_OK
        || (status = mds_compile_rollbacks(x, err, &rollbacks)) != MDS_OK
        || (status = mds_compile_extra(x, release, record, err)) != MDS_OK)
    {
        return status;
    }

    record->offers = offers;
    record->rollbacks = rollbacks;
    mds_record_builder_add(x->builder, MDS_TABLE_RELEASES, record);

    return MDS_OK;
}

/* Writes all releases before their manifests, so that an evaluation reads few
 * pages. */
static mds_status_t
mds_compile_releases(mds_compile_ctx_t *x, mds_error_t *err)
{
    mds_release_record_t *records
        = calloc(x->release_count + 1, sizeof(*records));
    mds_status_t status = MDS_OK;

    if (records == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < x->release_count; i++) {
        mds_compile_release_head(x, x->releases[i], &records[i]);
        mds_compile_halt(x, x->releases[i], (uint32_t) i, &records[i]);
    }

    for (size_t i = 0; status == MDS_OK && i < x->release_count; i++) {
        status = mds_compile_release(x, x->releases[i], &records[i], err);
    }

    free(records);
    return status;
}

static void
mds_compile_header(mds_compile_ctx_t *x, mds_str_t key)
{
    mds_record_t *header = mds_record_builder_header(x->builder);

    header->poll_after_s = x->model->poll_after_s;
    header->poll_jitter_s = x->model->poll_jitter_s;
    header->key = mds_record_builder_bytes(x->builder, key);
    header->full_channels
        = mds_record_builder_texts(x->builder, &x->model->full_channels);
}

static mds_status_t
mds_compile_builds(mds_compile_ctx_t *x, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < x->builds.count; i++) {
        mds_compile_build(x, x->builds.items[i]);
        status = x->c->package_size(x->c, &x->builds.items[i]->sha256, err,
                                    &x->sizes[i]);
    }

    return status;
}

static mds_status_t
mds_compile_record(mds_compile_ctx_t *x, mds_str_t kind, mds_str_t key,
                   mds_error_t *err)
{
    mds_status_t status;
    mds_str_t    record;
    mds_error_t  why;

    mds_compile_header(x, key);

    if ((status = mds_compile_builds(x, err)) != MDS_OK
        || (status = x->config ? mds_compile_config(x, err)
                               : mds_compile_releases(x, err))
               != MDS_OK)
    {
        return status;
    }

    mds_compile_fill_salts(x);

    if (mds_kind_has(kind, MDS_KIND_IS_APP)
        && (status = mds_compile_messages(x, err)) != MDS_OK)
    {
        return status;
    }

    /* Keys and sorted values come from the arena without a check of each. */
    if (mds_arena_failed(x->model->arena) || mds_buffer_failed(&x->key)) {
        return mds_fail_memory(err);
    }

    status = mds_record_builder_finish(x->builder, &why, &record);

    return status == MDS_OK
               ? x->c->emit(x->c, key, record, err)
               : mds_fail(err, status, "%.*s of app \"%.*s\": %s",
                          MDS_STR(kind), MDS_STR(x->model->app), why.text);
}

static mds_status_t
mds_compile_resource(mds_compile_ctx_t *x, mds_str_t kind, mds_str_t name,
                     mds_error_t *err)
{
    mds_str_t    key = mds_arena_printf(x->model->arena, "%.*s%c%.*s%c%.*s",
                                        MDS_STR(x->model->app), 0, MDS_STR(kind),
                                        0, MDS_STR(name));
    mds_status_t status;

    x->sizes = calloc(x->builds.count + 1, sizeof(*x->sizes));
    x->builder = mds_record_builder_new();

    if (key.data == NULL || x->sizes == NULL || x->builder == NULL) {
        status = mds_fail_memory(err);
    } else {
        status = mds_compile_record(x, kind, key, err);
    }

    free(x->sizes);
    mds_buffer_free(&x->key);
    mds_record_builder_free(x->builder);

    return status;
}

/* Sorts all packages and all releases of the model by resource. */
static mds_status_t
mds_compile_sort(const mds_model_t *model, mds_error_t *err,
                 mds_builds_t *builds, const mds_release_t ***releases)
{
    const mds_release_t **r;

    r = mds_arena_calloc(model->arena, model->release_count + 1, sizeof(*r));
    if (r == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < model->release_count; i++) {
        r[i] = &model->releases[i];
    }

    qsort(r, model->release_count, sizeof(*r), mds_choice_cmp);
    *releases = r;

    return mds_builds_sort(model, err, builds);
}

static bool
mds_is_config(mds_str_t kind)
{
    return mds_kind_has(kind, MDS_KIND_IS_CONFIG);
}

/* A resource to be compiled. */
typedef struct {
    mds_str_t kind;
    mds_str_t name;
} mds_resource_id_t;

static int
mds_resource_id_cmp(const void *a, const void *b)
{
    const mds_resource_id_t *ra = a;
    const mds_resource_id_t *rb = b;

    return mds_resource_cmp(ra->kind, ra->name, rb->kind, rb->name);
}

/*
 * Lists the resources to compile, in ascending order: those with releases; the
 * app's configuration, as one resource, as long as clients may hold settings;
 * and the upgrades of an app with messages.
 */
static mds_status_t
mds_compile_list_resources(const mds_model_t    *model,
                           const mds_release_t **releases, mds_error_t *err,
                           mds_resource_id_t **resources, size_t *count)
{
    mds_resource_id_t *items
        = mds_arena_calloc(model->arena, model->release_count + 2,
                           sizeof(*items));
    size_t n = 0, kept = 0;

    if (items == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < model->release_count; i++) {
        if (!mds_is_config(releases[i]->kind)) {
            items[n++]
                = (mds_resource_id_t){ releases[i]->kind, releases[i]->name };
        }
    }

    if (model->setting_count > 0) {
        items[n++] = (mds_resource_id_t){ MDS_KIND_CONFIG, mds_str("") };
    }

    if (model->newest_message > 0) {
        items[n++] = (mds_resource_id_t){ MDS_KIND_APP, mds_str("") };
    }

    qsort(items, n, sizeof(*items), mds_resource_id_cmp);

    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || mds_resource_id_cmp(&items[kept - 1], &items[i]) != 0)
        {
            items[kept++] = items[i];
        }
    }

    *resources = items;
    *count = kept;

    return MDS_OK;
}

/* Compares the release's resource with another. */
static int
mds_release_cmp_resource(const mds_release_t     *release,
                         const mds_resource_id_t *resources)
{
    return mds_resource_cmp(release->kind,
                            mds_is_config(release->kind) ? mds_str("")
                                                         : release->name,
                            resources->kind, resources->name);
}

static int
mds_package_cmp_resource(const mds_package_t     *package,
                         const mds_resource_id_t *resources)
{
    return mds_resource_cmp(package->kind, package->name, resources->kind,
                            resources->name);
}

/* Walks resources, packages and releases side by side: all are sorted. */
mds_status_t
mds_compile(mds_compile_t *c, const mds_model_t *model, mds_error_t *err)
{
    mds_builds_t          all = { 0 };
    const mds_release_t **releases = NULL;
    mds_resource_id_t    *resources = NULL;
    size_t                p = 0, r = 0, count = 0;
    mds_status_t          status;

    status = mds_compile_sort(model, err, &all, &releases);

    if (status == MDS_OK) {
        status = mds_compile_list_resources(model, releases, err, &resources,
                                            &count);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        mds_compile_ctx_t x = { .c = c,
                                .model = model,
                                .config = mds_is_config(resources[i].kind),
                                .releases = releases + r };

        while (p < all.count
               && mds_package_cmp_resource(all.items[p], &resources[i]) < 0)
        {
            p++;
        }

        x.builds.items = all.items + p;

        while (p < all.count
               && mds_package_cmp_resource(all.items[p], &resources[i]) == 0)
        {
            x.builds.count++;
            p++;
        }

        while (r < model->release_count
               && mds_release_cmp_resource(releases[r], &resources[i]) == 0)
        {
            x.release_count++;
            r++;
        }

        status = mds_compile_resource(&x, resources[i].kind, resources[i].name,
                                      err);
    }

    return status;
}
