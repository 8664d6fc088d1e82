#include "mds_compile_part.h"

#include <stdlib.h>

/* Higher priority, then higher version, then the newer release. */
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
mds_compile_build(mds_compiling_t *x, const mds_package_t *package)
{
    mds_build_t build = { .embedded = package->embedded };

    build.version = mds_builder_text(x->builder, package->version);
    build.version_key = mds_builder_version(x->builder, &package->key);
    build.platforms = mds_builder_texts(x->builder, &package->platforms);
    build.channels = mds_builder_texts(x->builder, &package->channels);
    build.rules = mds_builder_rules(x->builder, &package->rules);
    memcpy(build.sha256, package->sha256.bytes, sizeof(build.sha256));

    mds_builder_add(x->builder, MDS_TABLE_BUILDS, &build);
}

/* The builds of a version lie side by side. */
static mds_range_t
mds_compile_builds_of(const mds_compiling_t *x, const mds_version_t *version)
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
mds_compile_release(mds_compiling_t *x, const mds_release_t *release,
                    mds_error_t *err)
{
    mds_release_record_t record = { 0 };
    mds_range_t          offers = { 0 }, rollbacks = { 0 };
    mds_range_t          builds = mds_compile_builds_of(x, &release->key);
    mds_status_t         status;

    x->release = release;
    mds_compile_release_head(x, release, &record);
    record.builds = builds;

    status = mds_compile_offers(x, &builds, err, &offers);

    if (status == MDS_OK) {
        status = mds_compile_rollbacks(x, err, &rollbacks);
    }

    record.offers = offers;
    record.rollbacks = rollbacks;
    mds_builder_add(x->builder, MDS_TABLE_RELEASES, &record);

    return status;
}

static void
mds_compile_header(mds_compiling_t *x, mds_str_t key)
{
    mds_record_t *header = mds_builder_header(x->builder);

    header->poll_after_s = x->model->poll_after_s;
    header->poll_jitter_s = x->model->poll_jitter_s;
    header->key = mds_builder_bytes(x->builder, key);
    header->full_channels
        = mds_builder_texts(x->builder, &x->model->full_channels);
}

static mds_status_t
mds_compile_record(mds_compiling_t *x, mds_str_t key, mds_error_t *err)
{
    mds_status_t status = MDS_OK;
    mds_str_t    record;

    mds_compile_header(x, key);

    for (size_t i = 0; status == MDS_OK && i < x->builds.count; i++) {
        mds_compile_build(x, x->builds.items[i]);
        status = x->c->package_size(x->c, &x->builds.items[i]->sha256, err,
                                    &x->sizes[i]);
    }

    if (x->config) {
        status = mds_compile_config(x, err);
    }

    for (size_t i = 0; status == MDS_OK && !x->config && i < x->release_count;
         i++) {
        status = mds_compile_release(x, x->releases[i], err);
    }

    if (status == MDS_OK) {
        status = mds_builder_finish(x->builder, err, &record);
    }

    return status == MDS_OK ? x->c->emit(x->c, key, record, err) : status;
}

static mds_status_t
mds_compile_resource(mds_compiling_t *x, mds_str_t kind, mds_str_t name,
                     mds_error_t *err)
{
    mds_arena_t *arena = x->model->arena;
    mds_str_t    key
        = mds_arena_printf(arena, "%.*s%c%.*s%c%.*s", MDS_STR(x->model->app), 0,
                           MDS_STR(kind), 0, MDS_STR(name));
    mds_status_t status;

    x->sizes = calloc(x->builds.count + 1, sizeof(*x->sizes));
    x->builder = mds_builder_new();

    if (key.data == NULL || x->sizes == NULL || x->builder == NULL) {
        status = mds_fail(err, MDS_NO_MEMORY, "no memory");
    } else {
        status = mds_compile_record(x, key, err);
    }

    free(x->sizes);
    mds_builder_free(x->builder);

    return status;
}

/* All packages and all releases of the model, by resource. */
static mds_status_t
mds_compile_sort(const mds_model_t *model, mds_error_t *err,
                 mds_builds_t *builds, const mds_release_t ***releases)
{
    const mds_package_t **p;
    const mds_release_t **r;

    p = mds_arena_calloc(model->arena, model->package_count + 1, sizeof(*p));
    r = mds_arena_calloc(model->arena, model->release_count + 1, sizeof(*r));

    if (p == NULL || r == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    for (size_t i = 0; i < model->package_count; i++) {
        p[i] = &model->packages[i];
    }

    for (size_t i = 0; i < model->release_count; i++) {
        r[i] = &model->releases[i];
    }

    qsort(p, model->package_count, sizeof(*p), mds_builds_cmp);
    qsort(r, model->release_count, sizeof(*r), mds_choice_cmp);

    *builds = (mds_builds_t){ p, model->package_count };
    *releases = r;

    return MDS_OK;
}

static bool
mds_is_config(mds_str_t kind)
{
    return mds_str_eq(kind, mds_str("config"));
}

/*
 * How many of the releases from i on belong to the resource of the i-th; all
 * of an app's configuration is one resource.
 */
static size_t
mds_compile_releases_of(const mds_release_t **releases, size_t i, size_t end,
                        mds_str_t kind, mds_str_t name)
{
    size_t first = i;

    while (i < end && mds_str_eq(releases[i]->kind, kind)
           && (mds_is_config(kind) || mds_str_eq(releases[i]->name, name)))
    {
        i++;
    }

    return i - first;
}

static size_t
mds_compile_packages_of(const mds_builds_t *all, size_t i, mds_str_t kind,
                        mds_str_t name)
{
    size_t first = i;

    while (i < all->count
           && mds_resource_cmp(all->items[i]->kind, all->items[i]->name, kind,
                               name)
                  == 0)
    {
        i++;
    }

    return i - first;
}

/*
 * The kind whose turn is next; *config: the app has settings, and their turn
 * is to come. They are known when the last release of one is gone, too: that
 * a key no longer applies is an answer.
 */
static mds_str_t
mds_compile_kind(const mds_release_t **releases, size_t r, size_t end,
                 bool *config)
{
    if (*config
        && (r == end || mds_str_cmp(releases[r]->kind, mds_str("config")) >= 0))
    {
        *config = false;
        return mds_str("config");
    }

    return releases[r]->kind;
}

/*
 * Packages and releases are walked side by side. A resource without releases
 * has nothing to answer; one without packages is configuration, which is not
 * answered by manifests.
 */
mds_status_t
mds_compile(mds_compile_t *c, const mds_model_t *model, mds_error_t *err)
{
    mds_builds_t          all = { 0 };
    const mds_release_t **releases = NULL;
    size_t                p = 0, r = 0, end = model->release_count;
    bool                  config = model->setting_count > 0;
    mds_status_t          status;

    status = mds_compile_sort(model, err, &all, &releases);

    while (status == MDS_OK && (r < end || config)) {
        mds_str_t kind = mds_compile_kind(releases, r, end, &config);
        mds_str_t name = mds_is_config(kind) ? mds_str("") : releases[r]->name;
        mds_compiling_t x
            = { .c = c, .model = model, .config = mds_is_config(kind) };

        while (p < all.count
               && mds_resource_cmp(all.items[p]->kind, all.items[p]->name, kind,
                                   name)
                      < 0)
        {
            p++;
        }

        x.builds.items = all.items + p;
        x.builds.count = mds_compile_packages_of(&all, p, kind, name);
        x.releases = releases + r;
        x.release_count = mds_compile_releases_of(releases, r, end, kind, name);

        if (x.builds.count > 0 || x.config) {
            status = mds_compile_resource(&x, kind, name, err);
        }

        r += x.release_count;
        p += x.builds.count;
    }

    return status;
}
