/*
 * Lints a release: it is compiled alone, with answers that are never sent, and
 * decided for a device with each lower build.
 */

#include "loader/mds_lint.h"

#include "base/mds_time.h"
#include "compile/mds_compile.h"
#include "evaluate/mds_decide.h"

#define MDS_LINT_PLACES_MAX 8 /* that a warning names */

typedef struct {
    mds_compile_t        compile; /* first: the callbacks get its address */
    const mds_model_t   *model;
    const mds_release_t *release;
    mds_str_t            record; /* the resource, with this release alone */
    mds_json_t          *warnings;
    mds_error_t         *err;

    const mds_package_t *from; /* the build that the device has */
    mds_str_t            places[MDS_LINT_PLACES_MAX];
    size_t               place_count; /* may exceed MDS_LINT_PLACES_MAX */
} mds_lint_t;

/* --- the record of the release alone */

static mds_status_t
mds_lint_size(mds_compile_t *c, const mds_sha256_t *sha256, mds_error_t *err,
              uint64_t *size_bytes)
{
    (void) c;
    (void) sha256;
    (void) err;
    *size_bytes = 0;

    return MDS_OK;
}

static mds_status_t
mds_lint_delta(mds_compile_t *c, const mds_delta_pair_t *pair, mds_error_t *err,
               mds_delta_outcome_t *outcome)
{
    (void) c;
    (void) pair;
    (void) err;
    *outcome = (mds_delta_outcome_t){ .worth = true };

    return MDS_OK;
}

static mds_status_t
mds_lint_sign(mds_compile_t *c, mds_json_t *manifest, mds_error_t *err,
              mds_str_t *body, char *signature)
{
    (void) c;
    (void) manifest;
    (void) err;
    memset(signature, ' ', MDS_SIGNATURE_BYTES);
    *body = mds_str("{}");

    return MDS_OK;
}

static mds_status_t
mds_lint_emit(mds_compile_t *c, mds_str_t key, mds_str_t record,
              mds_error_t *err)
{
    mds_lint_t *w = (mds_lint_t *) c;

    (void) key;
    w->record = mds_arena_str(w->model->arena, record);

    return w->record.data == NULL ? mds_fail_memory(err) : MDS_OK;
}

/* Compiles the release for everybody, so that only versions decide. */
static mds_status_t
mds_lint_compile(mds_lint_t *w)
{
    mds_release_t release = *w->release;
    mds_model_t   model = *w->model;

    release.audience = (mds_audience_t){ .flags = MDS_AUDIENCE_ALL };
    release.rules = (mds_rules_t){ .count = 0 };
    release.start_ms = INT64_MIN;
    release.end_ms = INT64_MAX;
    release.halt = (mds_halt_t){ 0 };

    model.releases = &release;
    model.release_count = 1;
    model.setting_count = 0;
    model.message_count = 0;
    w->record = mds_null_str;

    return mds_compile(&w->compile, &model, w->err);
}

/* --- a device that has a build */

/* Returns a value for which the rule holds, or one that is empty or a guess. */
static mds_str_t
mds_lint_value(const mds_lint_t *w, const mds_rule_t *rule)
{
    mds_str_t value;

    if (rule->absent) {
        return mds_null_str;
    }

    switch (rule->op) {
    case MDS_OP_IN:
        value = rule->values.items[0];
        value.len -= value.data[value.len - 1] == '*';
        return value;

    case MDS_OP_RANGE:
        return rule->min.len > 0   ? rule->min
               : rule->max.len > 0 ? rule->max
                                   : mds_str("0");

    case MDS_OP_NOT_RANGE:
        value = rule->max.len > 0 ? rule->max : rule->below;

        if (rule->number) {
            return rule->min.len > 0 ? mds_str("-999999999")
                                     : mds_str("999999999");
        }

        return rule->min.len > 0 ? mds_str("0")
                                 : mds_arena_printf(w->model->arena, "%.*s.1",
                                                    MDS_STR(value));

    default:
        return mds_str("-");
    }
}

/* Sets an attribute that is not set yet. */
static void
mds_lint_set(mds_request_t *request, mds_str_t name, mds_str_t value)
{
    mds_status_t status = MDS_OK;

    if (mds_request_get(request, name).len == 0) {
        status = mds_request_set_trusted(request, name, value, NULL);
    }

    (void) status;
}

static void
mds_lint_set_rules(const mds_lint_t *w, const mds_rules_t *rules,
                   mds_request_t *request)
{
    for (size_t i = 0; i < rules->count; i++) {
        mds_lint_set(request, rules->items[i].attribute,
                     mds_lint_value(w, &rules->items[i]));
    }
}

/* Decides whether a device with the build w->from that may get build `to` would
 * get nothing at all. */
static mds_status_t
mds_lint_decide(mds_lint_t *w, const mds_package_t *to, mds_str_t platform,
                mds_str_t channel, bool *nothing)
{
    mds_snapshot_t snapshot = { 0 }; /* the record needs no lists */
    mds_request_t  request = { 0 };
    mds_decision_t decision;
    mds_status_t   status;

    mds_lint_set(&request, mds_str("app"), w->model->app);
    mds_lint_set(&request, mds_str("kind"), w->release->kind);
    mds_lint_set(&request, mds_str("name"), w->release->name);
    mds_lint_set(&request, mds_str("version"), w->from->version);
    mds_lint_set(&request, mds_str("platform"), platform);
    mds_lint_set(&request, mds_str("channel"), channel);
    mds_lint_set_rules(w, &w->from->rules, &request);
    mds_lint_set_rules(w, &to->rules, &request);

    status = mds_decide_record(&snapshot, (const mds_record_t *) w->record.data,
                               &request, mds_time_now_ms(), NULL, w->err,
                               &decision);

    if (status == MDS_OK) {
        *nothing = decision.reason == MDS_REASON_NO_DELTA;
    }

    return status;
}

/* --- all devices */

/* Returns whether the scope has the value; an empty scope has all. */
static bool
mds_lint_scope_has(const mds_strs_t *scope, mds_str_t value)
{
    return scope->count == 0 || mds_strs_contain(scope, value);
}

static bool
mds_lint_is_of_resource(const mds_lint_t *w, const mds_package_t *package)
{
    return mds_resource_cmp(package->kind, package->name, w->release->kind,
                            w->release->name)
           == 0;
}

/* Adds a platform and channel to the warning. */
static mds_status_t
mds_lint_add_place(mds_lint_t *w, mds_str_t platform, mds_str_t channel)
{
    mds_str_t place
        = mds_arena_printf(w->model->arena, "%.*s%s%.*s", MDS_STR(platform),
                           channel.len > 0 ? " of channel " : "",
                           MDS_STR(channel));

    /* Several builds of a version may be for the same place. */
    for (size_t i = 0; i < w->place_count && i < MDS_LINT_PLACES_MAX; i++) {
        if (mds_str_eq(w->places[i], place)) {
            return MDS_OK;
        }
    }

    if (w->place_count < MDS_LINT_PLACES_MAX) {
        w->places[w->place_count] = place;
    }

    w->place_count++;

    return place.data == NULL ? mds_fail_memory(w->err) : MDS_OK;
}

/* Checks one platform and channel, for each build of the version. */
static mds_status_t
mds_lint_place(mds_lint_t *w, mds_str_t platform, mds_str_t channel)
{
    const mds_model_t *model = w->model;
    bool               nothing = false;
    mds_status_t       status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && !nothing && i < model->package_count;
         i++)
    {
        const mds_package_t *to = &model->packages[i];

        if (mds_lint_is_of_resource(w, to)
            && mds_version_cmp(&to->key, &w->release->key) == 0)
        {
            status = mds_lint_decide(w, to, platform, channel, &nothing);
        }
    }

    return status == MDS_OK && nothing
               ? mds_lint_add_place(w, platform, channel)
               : status;
}

/* Returns the names that a device with the build may have: those of the build,
 * or else of the release, or else an empty one. */
static mds_strs_t
mds_lint_names(const mds_strs_t *build, const mds_strs_t *release,
               mds_str_t *none)
{
    return build->count > 0     ? *build
           : release->count > 0 ? *release
                                : (mds_strs_t){ none, 1 };
}

static mds_status_t
mds_lint_build(mds_lint_t *w)
{
    const mds_release_t *release = w->release;
    mds_str_t            none = mds_null_str;
    mds_strs_t           platforms, channels;
    mds_status_t         status = MDS_OK;

    platforms = mds_lint_names(&w->from->platforms, &release->platforms, &none);
    channels = mds_lint_names(&w->from->channels, &release->channels, &none);

    for (size_t i = 0; status == MDS_OK && i < platforms.count; i++) {
        for (size_t j = 0; status == MDS_OK && j < channels.count; j++) {
            if (mds_lint_scope_has(&release->platforms, platforms.items[i])
                && mds_lint_scope_has(&release->channels, channels.items[j]))
            {
                status
                    = mds_lint_place(w, platforms.items[i], channels.items[j]);
            }
        }
    }

    return status;
}

/* Returns the places as " on android, ios". */
static mds_str_t
mds_lint_join_places(const mds_lint_t *w)
{
    mds_str_t text = mds_null_str;

    for (size_t i = 0; i < w->place_count && i < MDS_LINT_PLACES_MAX; i++) {
        if (w->places[i].len > 0) {
            text = mds_arena_printf(w->model->arena, "%.*s%s%.*s",
                                    MDS_STR(text), i > 0 ? ", " : " on ",
                                    MDS_STR(w->places[i]));
        }
    }

    return text;
}

static mds_status_t
mds_lint_warn(mds_lint_t *w)
{
    const mds_release_t *release = w->release;
    mds_str_t            places = mds_lint_join_places(w);
    mds_str_t            text;

    text = mds_arena_printf(
        w->model->arena,
        "release \"%.*s\": version %.*s%.*s%s would get nothing: there is no"
        " delta from it to %.*s, and \"missing\" is \"none\"",
        MDS_STR(release->id), MDS_STR(w->from->version), MDS_STR(places),
        w->place_count > MDS_LINT_PLACES_MAX ? ", ..." : "",
        MDS_STR(release->version));

    return text.data == NULL
                   || mds_json_append(w->warnings, mds_json_string_new(text))
                          != MDS_OK
               ? mds_fail_memory(w->err)
               : MDS_OK;
}

/* Warns once for all builds of a version, which are neighbours in packages. */
static mds_status_t
mds_lint_version(mds_lint_t *w, const mds_package_t **packages, size_t count)
{
    mds_status_t status = MDS_OK;

    w->place_count = 0;

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        w->from = packages[i];
        status = mds_lint_build(w);
    }

    return status == MDS_OK && w->place_count > 0 ? mds_lint_warn(w) : status;
}

/* Checks the versions below the release's, higher ones first. */
static mds_status_t
mds_lint_versions(mds_lint_t *w, const mds_package_t **packages, size_t count)
{
    mds_status_t status = MDS_OK;
    size_t       first = 0, next;

    for (; status == MDS_OK && first < count; first = next) {
        for (next = first + 1;
             next < count
             && mds_version_cmp(&packages[next]->key, &packages[first]->key)
                    == 0;
             next++)
        {
        }

        if (mds_version_cmp(&packages[first]->key, &w->release->key) < 0) {
            status = mds_lint_version(w, packages + first, next - first);
        }
    }

    return status;
}

static mds_status_t
mds_lint_release(mds_lint_t *w, const mds_builds_t *builds)
{
    size_t       first = 0, count = 0;
    mds_status_t status = mds_lint_compile(w);

    while (first < builds->count
           && !mds_lint_is_of_resource(w, builds->items[first]))
    {
        first++;
    }

    while (first + count < builds->count
           && mds_lint_is_of_resource(w, builds->items[first + count]))
    {
        count++;
    }

    return status == MDS_OK && w->record.len > 0
               ? mds_lint_versions(w, builds->items + first, count)
               : status;
}

mds_status_t
mds_lint(const mds_model_t *model, mds_error_t *err, mds_json_t *warnings)
{
    mds_lint_t w = {
        .compile
        = { mds_lint_size, mds_lint_delta, mds_lint_sign, mds_lint_emit },
        .model = model,
        .warnings = warnings,
        .err = err,
    };
    mds_builds_t builds;
    mds_status_t status = mds_builds_sort(model, err, &builds);

    for (size_t i = 0; status == MDS_OK && i < model->release_count; i++) {
        w.release = &model->releases[i];

        if (w.release->state == MDS_RELEASE_RUNNING
            && w.release->missing == MDS_MISSING_NONE
            && w.release->version.len > 0)
        {
            status = mds_lint_release(&w, &builds);
        }
    }

    return status;
}
