#include "mds_compile.h"

#include <math.h>
#include <stdlib.h>

#include "mds_builder.h"

/* One resource under way. */
typedef struct {
    mds_compile_t        *c;
    const mds_model_t    *model;
    mds_builder_t        *builder;
    mds_builds_t          builds;   /* by index of the table BUILDS */
    const mds_release_t **releases; /* in order of choice */
    size_t                release_count;
    uint64_t             *sizes; /* of the builds */

    /* An offer under way, for the visit of its differences. */
    const mds_release_t *release;
    size_t               to;
} mds_compiling_t;

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

/* A percentage as a fraction of 2^64; all of it is UINT64_MAX. */
static uint64_t
mds_threshold(double percent)
{
    return percent >= 100 ? UINT64_MAX : (uint64_t) ldexp(percent / 100, 64);
}

/* What makes the buckets of two releases independent. */
static void
mds_salt(mds_str_t app, mds_str_t id, uint8_t salt[16])
{
    mds_sha256_state_t state;
    mds_sha256_t       digest;

    mds_sha256_begin(&state);
    mds_sha256_add(&state, app.data, app.len);
    mds_sha256_add(&state, "", 1);
    mds_sha256_add(&state, id.data, id.len);
    mds_sha256_end(&state, &digest);
    memcpy(salt, digest.bytes, 16);
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

/* Signs the manifest, which is released here, and keeps both. */
static mds_status_t
mds_compile_sign(mds_compiling_t *x, mds_json_t *manifest, mds_error_t *err,
                 mds_span_t *body_span, mds_span_t *signature_span)
{
    char         signature[MDS_SIGNATURE_BYTES + 1];
    mds_str_t    body;
    mds_status_t status;

    if (manifest == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    status = x->c->sign(x->c, manifest, err, &body, signature);
    mds_json_release(manifest);

    if (status == MDS_OK) {
        *body_span = mds_builder_bytes(x->builder, body);
        *signature_span
            = mds_builder_bytes(x->builder,
                                (mds_str_t){ MDS_SIGNATURE_BYTES, signature });
    }

    return status;
}

static uint32_t
mds_build_index(const mds_compiling_t *x, const mds_package_t *package)
{
    for (size_t i = 0; i < x->builds.count; i++) {
        if (x->builds.items[i] == package) {
            return (uint32_t) i;
        }
    }

    return MDS_RECORD_NONE;
}

/* One difference of the offer under way. */
static mds_status_t
mds_compile_delta(void *data, const mds_pair_t *pair, mds_error_t *err)
{
    mds_compiling_t    *x = data;
    mds_delta_record_t  record = { .from = mds_build_index(x, pair->from) };
    mds_delta_outcome_t outcome;
    mds_delta_fact_t    fact = { .from = pair->from };
    mds_status_t        status;

    status = x->c->delta(x->c, pair, err, &outcome);

    if (status == MDS_NOT_FOUND) {
        return MDS_OK;
    }

    if (status == MDS_OK && outcome.worth) {
        fact.file = outcome.file;
        fact.format = pair->wish != NULL && pair->wish->format.len > 0
                          ? pair->wish->format
                          : mds_str("dcz");

        status = mds_compile_sign(x,
                                  mds_manifest_install(x->model->app,
                                                       x->release, pair->to,
                                                       x->sizes[x->to], &fact),
                                  err, &record.manifest, &record.signature);
    }

    if (status == MDS_OK) {
        mds_builder_add(x->builder, MDS_TABLE_DELTAS, &record);
    }

    return status;
}

/* One build of the release's version, and the differences towards it. */
static mds_status_t
mds_compile_offer(mds_compiling_t *x, size_t i, mds_error_t *err)
{
    mds_offer_t  offer = { .build = (uint32_t) i };
    uint32_t     first = mds_builder_count(x->builder, MDS_TABLE_DELTAS);
    mds_status_t status;

    x->to = i;

    status = mds_compile_sign(x,
                              mds_manifest_install(x->model->app, x->release,
                                                   x->builds.items[i],
                                                   x->sizes[i], NULL),
                              err, &offer.manifest, &offer.signature);

    if (status == MDS_OK) {
        status = mds_plan_deltas(&x->builds, i, mds_compile_delta, x, err);
    }

    if (status == MDS_OK) {
        offer.deltas = mds_builder_range(x->builder, MDS_TABLE_DELTAS, first);
        mds_builder_add(x->builder, MDS_TABLE_OFFERS, &offer);
    }

    return status;
}

static mds_status_t
mds_compile_offers(mds_compiling_t *x, const mds_range_t *builds,
                   mds_error_t *err, mds_range_t *offers)
{
    const mds_release_t *release = x->release;
    uint32_t     first = mds_builder_count(x->builder, MDS_TABLE_OFFERS);
    mds_status_t status = MDS_OK;

    for (uint32_t i = builds->first;
         status == MDS_OK && i < builds->first + builds->count; i++)
    {
        const mds_package_t *build = x->builds.items[i];

        if (!build->embedded
            && mds_scopes_meet(&build->platforms, &release->platforms)
            && mds_scopes_meet(&build->channels, &release->channels))
        {
            status = mds_compile_offer(x, i, err);
        }
    }

    *offers = mds_builder_range(x->builder, MDS_TABLE_OFFERS, first);
    return status;
}

/* Whether a device may be entitled to the version: some release offers it. */
static bool
mds_version_released(const mds_compiling_t *x, const mds_version_t *version)
{
    for (size_t i = 0; i < x->release_count; i++) {
        if (x->releases[i]->state != MDS_STATE_ROLLED_BACK
            && mds_version_cmp(&x->releases[i]->key, version) == 0)
        {
            return true;
        }
    }

    return false;
}

static mds_status_t
mds_compile_rollback(mds_compiling_t *x, const mds_package_t *package,
                     uint32_t build, mds_error_t *err)
{
    mds_offer_t  offer = { .build = build };
    mds_status_t status;

    status = mds_compile_sign(
        x,
        mds_manifest_rollback(x->model->app, x->release, package,
                              package != NULL ? x->sizes[build] : 0),
        err, &offer.manifest, &offer.signature);

    if (status == MDS_OK) {
        mds_builder_add(x->builder, MDS_TABLE_OFFERS, &offer);
    }

    return status;
}

/* Back to none, or to any lower version that a device may be entitled to. */
static mds_status_t
mds_compile_rollbacks(mds_compiling_t *x, mds_error_t *err,
                      mds_range_t *rollbacks)
{
    uint32_t     first = mds_builder_count(x->builder, MDS_TABLE_OFFERS);
    mds_status_t status;

    if (x->release->state != MDS_STATE_ROLLED_BACK) {
        return MDS_OK;
    }

    status = mds_compile_rollback(x, NULL, MDS_RECORD_NONE, err);

    for (size_t i = 0; status == MDS_OK && i < x->builds.count; i++) {
        const mds_package_t *build = x->builds.items[i];

        if (!build->embedded
            && mds_version_cmp(&build->key, &x->release->key) < 0
            && mds_version_released(x, &build->key))
        {
            status = mds_compile_rollback(x, build, (uint32_t) i, err);
        }
    }

    *rollbacks = mds_builder_range(x->builder, MDS_TABLE_OFFERS, first);
    return status;
}

static mds_range_t
mds_compile_versions(mds_compiling_t *x, const mds_strs_t *versions)
{
    uint32_t first = mds_builder_count(x->builder, MDS_TABLE_TEXTS);

    for (size_t i = 0; i < versions->count; i++) {
        mds_version_t version;
        mds_span_t    span = { 0 };

        if (mds_version_parse(versions->items[i], &version)) {
            span = mds_builder_version(x->builder, &version);
        }

        mds_builder_add(x->builder, MDS_TABLE_TEXTS, &span);
    }

    return mds_builder_range(x->builder, MDS_TABLE_TEXTS, first);
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

static void
mds_compile_audience(mds_compiling_t *x, const mds_audience_t *audience,
                     mds_release_record_t *record)
{
    record->lists = mds_builder_lists(x->builder, x->model, &audience->lists);
    record->except = mds_builder_lists(x->builder, x->model, &audience->except);
    record->flags
        = (uint8_t) ((audience->all ? MDS_RELEASE_ALL : 0)
                     | (audience->has_percent ? MDS_RELEASE_PERCENT : 0)
                     | (audience->has_ramp ? MDS_RELEASE_RAMP : 0)
                     | (audience->has_window ? MDS_RELEASE_WINDOW : 0)
                     | (audience->lists.count > 0 ? MDS_RELEASE_LISTS : 0));
    record->by = (uint8_t) audience->by;
    record->percent = mds_threshold(audience->percent);
    record->ramp_from = mds_threshold(audience->ramp_from);
    record->ramp_to = mds_threshold(audience->ramp_to);
    record->ramp_start_ms = audience->ramp_start_ms;
    record->ramp_end_ms = audience->ramp_end_ms;
}

static void
mds_compile_window(mds_compiling_t *x, const mds_release_t *release,
                   mds_release_record_t *record)
{
    const mds_audience_t *audience = &release->audience;
    mds_str_t             key;

    if (!audience->has_window) {
        return;
    }

    key = mds_arena_printf(x->model->arena, "%.*s%c%.*s",
                           MDS_STR(x->model->app), 0, MDS_STR(release->id));
    record->window = mds_builder_bytes(x->builder, key);
    record->window_by = (uint8_t) audience->window_by;
    record->window_count = audience->window_count;
    record->window_until_ms = audience->window_until_ms;
}

static mds_span_t
mds_compile_stage(mds_compiling_t *x, mds_str_t stage)
{
    mds_version_t version;

    return mds_version_parse(stage, &version)
               ? mds_builder_version(x->builder, &version)
               : (mds_span_t){ 0 };
}

static mds_status_t
mds_compile_release(mds_compiling_t *x, const mds_release_t *release,
                    mds_error_t *err)
{
    mds_builder_t       *builder = x->builder;
    mds_release_record_t record = {
        .priority = release->priority,
        .state = (uint8_t) release->state,
        .missing = (uint8_t) release->missing,
        .start_ms = release->start_ms,
        .end_ms = release->end_ms,
    };
    mds_range_t  offers = { 0 }, rollbacks = { 0 };
    mds_range_t  builds = mds_compile_builds_of(x, &release->key);
    mds_status_t status;

    x->release = release;

    record.id = mds_builder_text(builder, release->id);
    record.version = mds_builder_text(builder, release->version);
    record.version_key = mds_builder_version(builder, &release->key);
    record.platforms = mds_builder_texts(builder, &release->platforms);
    record.channels = mds_builder_texts(builder, &release->channels);
    record.rules = mds_builder_rules(builder, &release->rules);
    record.force_full = mds_compile_versions(x, &release->force_full);
    record.stage = mds_compile_stage(x, release->stage);
    record.builds = builds;
    mds_salt(x->model->app, release->id, record.salt);
    mds_compile_audience(x, &release->audience, &record);
    mds_compile_window(x, release, &record);

    status = mds_compile_offers(x, &builds, err, &offers);

    if (status == MDS_OK) {
        status = mds_compile_rollbacks(x, err, &rollbacks);
    }

    record.offers = offers;
    record.rollbacks = rollbacks;
    mds_builder_add(builder, MDS_TABLE_RELEASES, &record);

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

    for (size_t i = 0; status == MDS_OK && i < x->release_count; i++) {
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

/* How many of the releases from i on belong to the resource of the i-th. */
static size_t
mds_compile_releases_of(const mds_release_t **releases, size_t i, size_t end,
                        mds_str_t kind, mds_str_t name)
{
    size_t first = i;

    while (i < end
           && mds_resource_cmp(releases[i]->kind, releases[i]->name, kind, name)
                  == 0)
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
    mds_status_t          status;

    status = mds_compile_sort(model, err, &all, &releases);

    while (status == MDS_OK && r < end) {
        mds_str_t       kind = releases[r]->kind;
        mds_str_t       name = releases[r]->name;
        mds_compiling_t x = { .c = c, .model = model };

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

        if (x.builds.count > 0) {
            status = mds_compile_resource(&x, kind, name, err);
        }

        r += x.release_count;
        p += x.builds.count;
    }

    return status;
}
