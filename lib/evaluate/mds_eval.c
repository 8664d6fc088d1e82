/*
 * One evaluation: its context, and the tests that a release has to pass. With a
 * trace all tests are run, else those up to the first failure.
 */

#include "evaluate/mds_eval.h"

#include "base/mds_time.h"

/* Sets the value. A scope without texts allows every value. */
static void
mds_scope_init(mds_scope_t *scope, mds_str_t value)
{
    *scope = (mds_scope_t){ .value = value, .has = true };
}

void
mds_eval_init(mds_eval_t *eval, const mds_snapshot_t *snapshot,
              const mds_record_t *record, const mds_request_t *request,
              int64_t now_ms, mds_trace_t *trace, mds_error_t *err)
{
    uint32_t rules = record->tables[MDS_TABLE_RULES].count;

    eval->snapshot = snapshot;
    eval->record = record;
    eval->request = request;
    eval->now_ms = now_ms;
    eval->trace = trace;
    eval->err = err;
    eval->status = MDS_OK;
    eval->may_admit = request->may_admit;
    eval->pending = false;
    eval->halted = NULL;
    mds_scope_init(&eval->platform,
                   mds_request_attr(request, MDS_ATTR_PLATFORM));
    mds_scope_init(&eval->channel, mds_request_attr(request, MDS_ATTR_CHANNEL));
    mds_refused_init(&eval->refused,
                     mds_request_attr(request, MDS_ATTR_REFUSE));
    eval->ids[MDS_BY_DEVICE] = mds_request_attr(request, MDS_ATTR_DEVICE);
    eval->ids[MDS_BY_USER] = mds_request_attr(request, MDS_ATTR_USER);
    eval->hashed[MDS_BY_DEVICE] = false;
    eval->hashed[MDS_BY_USER] = false;
    eval->build_cache_key = (mds_range_t){ 0 };
    eval->build_cache = MDS_RECORD_NONE;
    eval->bucket_count[MDS_BY_DEVICE] = 0;
    eval->bucket_count[MDS_BY_USER] = 0;
    eval->attr_known = 0;
    eval->attr_parsed = 0;
    eval->installed_dropped = false;

    if (!mds_version_parse(mds_request_attr(request, MDS_ATTR_VERSION),
                           &eval->installed))
    {
        eval->installed.len = 0;
    }

    memset(eval->list_matches, MDS_MATCH_UNKNOWN, sizeof(eval->list_matches));
    memset(eval->rule_matches, MDS_MATCH_UNKNOWN,
           rules < MDS_RULE_MATCHES_MAX ? rules : MDS_RULE_MATCHES_MAX);

    if (request->any_app_version) {
        mds_eval_allow_app_versions(eval);
    }
}

bool
mds_eval_texts_name(const mds_eval_t *eval, mds_range_t texts, mds_str_t value)
{
    for (uint32_t i = 0; i < texts.count; i++) {
        if (mds_str_eq(mds_record_text(eval->record, texts.first + i), value)) {
            return true;
        }
    }

    return false;
}

int
mds_eval_version_cmp(const mds_eval_t *eval, mds_span_t key)
{
    return mds_str_cmp(mds_record_bytes(eval->record, key),
                       mds_version_key(&eval->installed));
}

static uint32_t
mds_eval_build_among(mds_eval_t *eval, mds_range_t builds, bool embedded,
                     bool own_channel)
{
    for (uint32_t i = builds.first; i < builds.first + builds.count; i++) {
        const mds_build_t *build
            = mds_record_item(eval->record, MDS_TABLE_BUILDS, i);

        if ((build->channels.count > 0) == own_channel
            && (embedded || !build->embedded)
            && mds_eval_scope(eval, &build->platforms, &build->channels)
            && mds_eval_rules(eval, build->rules, false))
        {
            return i;
        }
    }

    return MDS_RECORD_NONE;
}

static uint32_t
mds_eval_build_any(mds_eval_t *eval, mds_range_t builds, bool embedded)
{
    uint32_t build = mds_eval_build_among(eval, builds, embedded, true);

    return build != MDS_RECORD_NONE
               ? build
               : mds_eval_build_among(eval, builds, embedded, false);
}

/* Caches the last result: releases of one version, which are neighbours, have
 * the same builds. */
uint32_t
mds_eval_build(mds_eval_t *eval, mds_range_t builds, bool embedded)
{
    if (embedded) {
        return mds_eval_build_any(eval, builds, true);
    }

    if (!mds_range_eq(&eval->build_cache_key, &builds)) {
        eval->build_cache = mds_eval_build_any(eval, builds, false);
        eval->build_cache_key = builds;
    }

    return eval->build_cache;
}

/* The tests that a release has to pass */

static bool
mds_test_state(mds_eval_t *eval, const mds_release_record_t *release,
               mds_eval_mode_t mode)
{
    return mds_eval_trace(eval, "state", mds_null_str,
                          mds_str_of(mds_release_state_names[release->state]),
                          mds_eval_state_fits(release, mode),
                          mode == MDS_EVAL_ROLLBACK_TARGET ? "running or ended"
                                                           : "running");
}

static MDS_COLD bool
mds_trace_time(mds_eval_t *eval, const mds_release_record_t *release,
               bool holds)
{
    char now[MDS_TIME_BYTES], start[MDS_TIME_BYTES], end[MDS_TIME_BYTES];

    return mds_eval_trace(eval, "time", mds_null_str,
                          mds_str_of(mds_time_format(eval->now_ms, now)), holds,
                          "from %s to %s",
                          release->start_ms == INT64_MIN
                              ? "ever"
                              : mds_time_format(release->start_ms, start),
                          release->end_ms == INT64_MAX
                              ? "ever"
                              : mds_time_format(release->end_ms, end));
}

static bool
mds_test_time(mds_eval_t *eval, const mds_release_record_t *release,
              mds_eval_mode_t mode)
{
    bool holds = mds_eval_time_fits(eval, release, mode);

    return eval->trace == NULL
                   || (release->start_ms == INT64_MIN
                       && release->end_ms == INT64_MAX)
               ? holds
               : mds_trace_time(eval, release, holds);
}

static MDS_COLD bool
mds_trace_scope(mds_eval_t *eval, const char *what, mds_range_t texts,
                mds_str_t value, bool holds)
{
    char shown[MDS_DETAIL_MAX];

    return mds_eval_trace(eval, what, mds_null_str, value, holds, "%s",
                          mds_eval_join_texts(eval, texts, "", shown,
                                              sizeof(shown)));
}

static inline bool
mds_test_scope(mds_eval_t *eval, const char *what, mds_scope_t *scope,
               mds_range_t texts)
{
    bool holds = mds_eval_scope_has(eval, scope, &texts);

    return eval->trace == NULL || texts.count == 0
               ? holds
               : mds_trace_scope(eval, what, texts, scope->value, holds);
}

static bool
mds_test_platform(mds_eval_t *eval, const mds_release_record_t *release,
                  mds_eval_mode_t mode)
{
    (void) mode;

    return mds_test_scope(eval, "platform", &eval->platform,
                          release->platforms);
}

static bool
mds_test_channel(mds_eval_t *eval, const mds_release_record_t *release,
                 mds_eval_mode_t mode)
{
    (void) mode;

    return mds_test_scope(eval, "channel", &eval->channel, release->channels);
}

bool
mds_eval_accepts_version(mds_eval_t *eval, mds_span_t version_key)
{
    mds_str_t key = mds_record_bytes(eval->record, version_key);

    return eval->refused.text.len == 0
           || mds_eval_trace(eval, "refuse", mds_null_str, eval->refused.text,
                             !mds_refused_has(&eval->refused, key),
                             "not this version");
}

static bool
mds_test_refuse(mds_eval_t *eval, const mds_release_record_t *release,
                mds_eval_mode_t mode)
{
    (void) mode;

    return mds_eval_accepts_version(eval, release->version_key);
}

static bool
mds_test_build(mds_eval_t *eval, const mds_release_record_t *release,
               mds_eval_mode_t mode)
{
    (void) mode;

    /* A setting has no builds. */
    if (release->setting.len > 0) {
        return true;
    }

    return mds_eval_trace(eval, "build", mds_null_str, mds_null_str,
                          mds_eval_build(eval, release->builds, false)
                              != MDS_RECORD_NONE,
                          "one for the device");
}

static bool
mds_test_except(mds_eval_t *eval, const mds_release_record_t *release,
                mds_eval_mode_t mode)
{
    (void) mode;

    /* A pattern that gives up on an id excludes it. */
    return !mds_eval_lists(eval, release->except, "except", true);
}

static bool
mds_test_rules(mds_eval_t *eval, const mds_release_record_t *release,
               mds_eval_mode_t mode)
{
    (void) mode;

    return mds_eval_rules(eval, release->rules, eval->trace != NULL);
}

/*
 * The tests of a release, but for its audience, in their order: those that
 * mds_eval_prefilter_rejects() runs as well, then those that look further. Each
 * reports its result to the trace.
 */
static const struct {
    const char *name;
    bool (*run)(mds_eval_t *eval, const mds_release_record_t *release,
                mds_eval_mode_t mode);
} mds_release_tests[]
    = { { "state", mds_test_state },       { "time", mds_test_time },
        { "platform", mds_test_platform }, { "channel", mds_test_channel },
        { "rule", mds_test_rules },        { "build", mds_test_build },
        { "refuse", mds_test_refuse },     { "except", mds_test_except } };

#define MDS_TESTS_PREFILTERED 4

/* Runs the tests from the first on; without a trace, up to one that fails. */
static bool
mds_eval_tests(mds_eval_t *eval, const mds_release_record_t *release,
               mds_eval_mode_t mode, size_t first)
{
    bool holds = true;

    for (size_t i = first; i < mds_nelems(mds_release_tests); i++) {
        holds = mds_release_tests[i].run(eval, release, mode) && holds;

        if (!holds && eval->trace == NULL) {
            break;
        }
    }

    return holds;
}

const char *
mds_eval_failed_test(mds_eval_t *eval, const mds_release_record_t *release)
{
    mds_reason_t reason;

    for (size_t i = 0; i < mds_nelems(mds_release_tests); i++) {
        if (!mds_release_tests[i].run(eval, release, MDS_EVAL_OFFER)) {
            return mds_release_tests[i].name;
        }
    }

    return mds_eval_audience(eval, release, &reason) ? NULL : "audience";
}

bool
mds_eval_condition(mds_eval_t *eval, const mds_release_record_t *release,
                   mds_eval_mode_t mode)
{
    return mds_eval_tests(eval, release, mode, 0);
}

/* Reports which devices the release forces; it does not depend on that. */
static MDS_COLD void
mds_eval_trace_extra(mds_eval_t *eval, const mds_release_record_t *release)
{
    const mds_release_extra_t *extra = mds_record_extra(eval->record, release);
    bool                       forced;

    if (extra == NULL || extra->force_below.len == 0) {
        return;
    }

    forced = eval->installed.len > 0
             && mds_eval_version_cmp(eval, extra->force_below_key) > 0;

    (void) mds_eval_trace(eval, "force_below", mds_null_str,
                          mds_request_attr(eval->request, MDS_ATTR_VERSION),
                          true, "below %.*s \"prompt\" is \"force\": %s",
                          MDS_STR(mds_record_bytes(eval->record,
                                                   extra->force_below)),
                          forced ? "it is" : "it is not");
}

bool
mds_eval_release_full(mds_eval_t *eval, const mds_release_record_t *release,
                      mds_eval_mode_t mode, mds_reason_t *reason)
{
    const char *what
        = mode == MDS_EVAL_ROLLBACK_TARGET ? "entitled" : "release";
    mds_trace_t *trace = eval->trace;
    bool         may_admit = eval->may_admit;
    bool         holds;

    /* A window admits only to what is offered now. */
    eval->may_admit = may_admit && mode == MDS_EVAL_OFFER;
    eval->trace = mode == MDS_EVAL_SILENT ? NULL : trace;

    mds_eval_trace_candidate(eval, MDS_TRACE_RELEASE, what, release->id,
                             release->version, false);
    holds = mds_eval_tests(eval, release, mode,
                           eval->trace == NULL ? MDS_TESTS_PREFILTERED : 0);

    /* The audience is last, since it may use up a place of a window. */
    if (holds || eval->trace != NULL) {
        holds = mds_eval_audience(eval, release, reason) && holds
                && eval->status == MDS_OK;
    }

    if (release->halt != MDS_RECORD_NONE) {
        holds = mds_eval_halt(eval, release, mode, holds);
    }

    if (eval->trace != NULL) {
        mds_eval_trace_extra(eval, release);
    }

    mds_eval_trace_candidate(eval, MDS_TRACE_RESULT, what, release->id,
                             release->version, holds);

    eval->trace = trace;
    eval->may_admit = may_admit;

    return holds;
}
