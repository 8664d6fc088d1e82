/*
 * mds_eval: the context of one evaluation, and the tests of releases and builds
 * in it. mds_decide(), mds_settings_evaluate() and mds_user_messages() make one
 * for each request; only files of this folder use it.
 */

#ifndef MDS_EVAL_H
#define MDS_EVAL_H

#include "base/mds_version.h"
#include "catalog/mds_record.h"
#include "evaluate/mds_reason.h"
#include "evaluate/mds_refused.h"
#include "evaluate/mds_snapshot.h"
#include "evaluate/mds_trace.h"
#include "request/mds_request.h"

/* Results of rules and lists beyond these numbers are not cached. */
#define MDS_RULE_MATCHES_MAX 256
#define MDS_LIST_MATCHES_MAX 64

/* The most buckets that are computed in one call. */
#define MDS_BUCKETS_MAX 64

#define MDS_DETAIL_MAX 512 /* bytes of a trace event's detail */

typedef enum { MDS_MATCH_UNKNOWN, MDS_MATCH_YES, MDS_MATCH_NO } mds_match_t;

/* The device's platform or channel, with the result for the texts that were
 * compared last: most releases name the same ones. */
typedef struct {
    mds_str_t   value;
    mds_range_t texts;
    bool        has;
} mds_scope_t;

typedef struct {
    const mds_snapshot_t *snapshot;
    const mds_record_t   *record;
    const mds_request_t  *request;
    int64_t               now_ms;
    mds_trace_t          *trace; /* may be NULL */
    mds_error_t          *err;
    mds_status_t          status;    /* the first failure sticks */
    bool                  may_admit; /* a window may admit the device */
    bool                  pending;   /* the release holds if a window admits */

    /* The first release that would be offered, but is halted; or NULL. */
    const mds_release_record_t *halted;

    mds_scope_t   platform;
    mds_scope_t   channel;
    mds_str_t     ids[2];    /* by mds_by_t */
    uint64_t      hashes[2]; /* mds_id_hash() of ids, where hashed is set */
    bool          hashed[2];
    mds_version_t installed;         /* len 0: nothing is installed */
    bool          installed_dropped; /* the request's version is ignored */

    /* The buckets computed last, by mds_by_t: those of bucket_count salts from
     * bucket_first on, which is a multiple of MDS_SIPHASH_LANES. */
    uint32_t bucket_count[2];
    uint32_t bucket_first[2];
    uint64_t buckets[2][MDS_BUCKETS_MAX];

    /* The builds that were searched last, and the one for the device. */
    mds_range_t build_cache_key;
    uint32_t    build_cache;

    /* By attribute, of which mds_record_check() accepts at most these. */
    uint64_t      attr_known;  /* a bit for each one in values */
    uint64_t      attr_parsed; /* a bit for each one in versions */
    mds_str_t     values[MDS_RULE_ATTRIBUTES_MAX];
    mds_version_t versions[MDS_RULE_ATTRIBUTES_MAX]; /* len 0: not a version */

    /* mds_match_t of the first rules and lists. */
    uint8_t rule_matches[MDS_RULE_MATCHES_MAX];
    uint8_t list_matches[MDS_LIST_MATCHES_MAX];

    mds_refused_t refused;
} mds_eval_t;

typedef enum {
    MDS_EVAL_OFFER,          /* may be given now; the trace gets events */
    MDS_EVAL_SILENT,         /* the same without events */
    MDS_EVAL_ROLLBACK_TARGET /* may be gone back to: ended ones count */
} mds_eval_mode_t;

void mds_eval_init(mds_eval_t *eval, const mds_snapshot_t *snapshot,
                   const mds_record_t *record, const mds_request_t *request,
                   int64_t now_ms, mds_trace_t *trace, mds_error_t *err);

/* Returns whether the value is one of the texts. */
bool
mds_eval_texts_name(const mds_eval_t *eval, mds_range_t texts, mds_str_t value);

/* Returns whether the value is one of the texts, or there are no texts. */
static inline bool
mds_eval_texts_allow(const mds_eval_t *eval, mds_range_t texts, mds_str_t value)
{
    return texts.count == 0 || mds_eval_texts_name(eval, texts, value);
}

/* Returns mds_id_hash() of the device or user, computed once. */
uint64_t mds_eval_id_hash(mds_eval_t *eval, mds_by_t by);

/* Compares ranges as one number each. */
static inline bool
mds_range_eq(const mds_range_t *a, const mds_range_t *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));

    return x == y;
}

/* Returns whether the texts allow the scope's value; caches the result. */
static inline bool
mds_eval_scope_has(const mds_eval_t *eval, mds_scope_t *scope,
                   const mds_range_t *texts)
{
    if (!mds_range_eq(texts, &scope->texts)) {
        scope->texts = *texts;
        scope->has = mds_eval_texts_allow(eval, *texts, scope->value);
    }

    return scope->has;
}

/* Returns whether these allow the device's platform and channel. */
static inline bool
mds_eval_scope(mds_eval_t *eval, const mds_range_t *platforms,
               const mds_range_t *channels)
{
    return mds_eval_scope_has(eval, &eval->platform, platforms)
           && mds_eval_scope_has(eval, &eval->channel, channels);
}

/* Compares a version's key with the installed version, which there has to be.
 */
int mds_eval_version_cmp(const mds_eval_t *eval, mds_span_t key);

/* Returns whether the request does not refuse the version. */
bool mds_eval_accepts_version(mds_eval_t *eval, mds_span_t version_key);

/* Lets all rules about app_version hold. */
void mds_eval_allow_app_versions(mds_eval_t *eval);

/* Returns whether all rules (REFS) hold. traced: the trace gets all of them. */
bool mds_eval_rules(mds_eval_t *eval, mds_range_t rules, bool traced);

/* Returns whether those rules hold that are about the attribute. */
bool
mds_eval_rules_about(mds_eval_t *eval, mds_range_t rules, mds_str_t attribute);

/* Returns whether one of the lists (REFS) has the device, or its user.
 * on_match_limit: the result for a pattern that PCRE2 gives up on. */
bool mds_eval_lists(mds_eval_t *eval, mds_range_t lists, const char *what,
                    bool on_match_limit);

/* Returns whether all tests of a release hold, except that of its audience. */
bool mds_eval_condition(mds_eval_t *eval, const mds_release_record_t *release,
                        mds_eval_mode_t mode);

/* Returns the name of the first test that does not hold, in the words of a
 * trace, or "audience"; NULL: the release holds. */
const char *
mds_eval_failed_test(mds_eval_t *eval, const mds_release_record_t *release);

/* Returns the attribute of the first rule that does not hold; it is empty if
 * all hold. */
mds_str_t mds_eval_failed_rule(mds_eval_t *eval, mds_range_t rules);

/* Returns whether reports have halted the release, which has a limit. */
bool mds_eval_is_halted(mds_eval_t *eval, const mds_release_record_t *release);

/* Returns whether a release with a limit, whose other tests hold or not, holds.
 */
bool mds_eval_halt(mds_eval_t *eval, const mds_release_record_t *release,
                   mds_eval_mode_t mode, bool holds);

/* Computes the buckets of the salt and of others behind it. */
void mds_eval_buckets(mds_eval_t *eval, uint32_t salt, mds_by_t by);

/* Returns the device's or user's bucket under the salt. */
static inline uint64_t
mds_eval_bucket(mds_eval_t *eval, uint32_t salt, mds_by_t by)
{
    if (salt - eval->bucket_first[by] >= eval->bucket_count[by]) {
        mds_eval_buckets(eval, salt, by);
    }

    return eval->buckets[by][salt - eval->bucket_first[by]];
}

/* Returns whether the bucket is below the threshold. A device that is in stays
 * in while the threshold rises: its bucket does not change. */
static inline __attribute__((always_inline)) bool
mds_eval_in_percent(mds_eval_t *eval, uint32_t salt, mds_by_t by,
                    uint64_t threshold)
{
    return eval->ids[by].len > 0
           && (threshold == UINT64_MAX
               || mds_eval_bucket(eval, salt, by) < threshold);
}

/* Returns the threshold that a ramp has reached. */
uint64_t
mds_eval_ramp(const mds_eval_t *eval, const mds_release_record_t *release);

/* Returns whether the audience consists of percentages alone, and the device is
 * in none of them: that needs no look-up. */
static inline __attribute__((always_inline)) bool
mds_eval_no_bucket_hit(mds_eval_t *eval, const mds_release_record_t *release)
{
    uint8_t flags = release->flags;

    return (flags
            & (MDS_AUDIENCE_ALL | MDS_AUDIENCE_LISTS | MDS_AUDIENCE_WINDOW))
               == 0
           && !((flags & MDS_AUDIENCE_PERCENT) != 0
                && mds_eval_in_percent(eval, release->salt, release->by,
                                       release->percent))
           && !((flags & MDS_AUDIENCE_RAMP) != 0
                && mds_eval_in_percent(eval, release->salt, release->by,
                                       mds_eval_ramp(eval, release)));
}

static inline bool
mds_eval_state_fits(const mds_release_record_t *release, mds_eval_mode_t mode)
{
    return release->state == MDS_RELEASE_RUNNING
           || (mode == MDS_EVAL_ROLLBACK_TARGET
               && release->state == MDS_RELEASE_ENDED);
}

/* Returns whether the time is within the release's; a rollback may go to a
 * release after its end. */
static inline bool
mds_eval_time_fits(const mds_eval_t *eval, const mds_release_record_t *release,
                   mds_eval_mode_t mode)
{
    return eval->now_ms >= release->start_ms
           && (eval->now_ms < release->end_ms
               || mode == MDS_EVAL_ROLLBACK_TARGET);
}

/* Rejects most releases by the first bytes of their records: the first tests of
 * mds_eval.c, and percentages. */
static inline __attribute__((always_inline)) bool
mds_eval_prefilter_rejects(mds_eval_t                 *eval,
                           const mds_release_record_t *release,
                           mds_eval_mode_t             mode)
{
    return !mds_eval_state_fits(release, mode)
           || !mds_eval_time_fits(eval, release, mode)
           || !mds_eval_scope(eval, &release->platforms, &release->channels)
           || mds_eval_no_bucket_hit(eval, release);
}

/* Runs all tests. It is called if the prefilter passes, or with a trace. */
bool
mds_eval_release_full(mds_eval_t *eval, const mds_release_record_t *release,
                      mds_eval_mode_t mode, mds_reason_t *reason);

/* Returns whether the release holds for the device. *reason is set to the part
 * of the audience that has it, or to OUTSIDE. */
static inline __attribute__((always_inline)) bool
mds_eval_release(mds_eval_t *eval, const mds_release_record_t *release,
                 mds_eval_mode_t mode, mds_reason_t *reason)
{
    eval->pending = false;

    return !((eval->trace == NULL || mode == MDS_EVAL_SILENT)
             && mds_eval_prefilter_rejects(eval, release, mode))
           && mds_eval_release_full(eval, release, mode, reason);
}

/* Returns whether a part of the audience has the device. *reason says which. */
bool mds_eval_audience(mds_eval_t *eval, const mds_release_record_t *release,
                       mds_reason_t *reason);

/* Reports a test to the trace, if there is one; returns holds. Without a trace,
 * the other arguments are not evaluated. */
bool mds_eval_trace(mds_eval_t *eval, const char *what, mds_str_t subject,
                    mds_str_t seen, bool holds, const char *format, ...)
    MDS_PRINTF(6, 7);

#define mds_eval_trace(eval, what, subject, seen, holds, ...)                  \
    ((eval)->trace == NULL ? (holds)                                           \
                           : mds_eval_trace((eval), (what), (subject), (seen), \
                                            (holds), __VA_ARGS__))

/* Reports the begin or the result of a candidate to the trace. */
void mds_eval_trace_candidate(mds_eval_t *eval, mds_trace_type_t type,
                              const char *what, mds_span_t id,
                              mds_span_t version, bool holds);

#define mds_eval_trace_candidate(eval, ...)                                    \
    ((eval)->trace == NULL ? (void) 0                                          \
                           : mds_eval_trace_candidate((eval), __VA_ARGS__))

/* Joins texts in one line, "a, b, c", each with the suffix; returns buffer. */
const char *mds_eval_join_texts(const mds_eval_t *eval, mds_range_t texts,
                                const char *suffix, char *buffer, size_t size);

/*
 * Returns the build for the device among builds of one version, as an index of
 * BUILDS, or MDS_RECORD_NONE. embedded: whether embedded builds count.
 */
uint32_t mds_eval_build(mds_eval_t *eval, mds_range_t builds, bool embedded);

#endif
