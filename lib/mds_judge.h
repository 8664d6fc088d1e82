/*
 * mds_judge: whether a release, or a build, is for a device. One judge lives
 * for one evaluation; it is for mds_decide() and its helpers alone.
 */

#ifndef MDS_JUDGE_H
#define MDS_JUDGE_H

#include "mds_decide.h"
#include "mds_record.h"
#include "mds_version.h"

/* Rules whose verdict is remembered within an evaluation. */
#define MDS_VERDICTS_MAX 256

/* Lists, likewise. */
#define MDS_LIST_VERDICTS_MAX 64

/* Buckets that are made in one go, at most. */
#define MDS_BUCKETS_MAX 64

#define MDS_DETAIL_MAX 512 /* bytes of a trace's words */

typedef enum {
    MDS_VERDICT_OPEN,
    MDS_VERDICT_HOLDS,
    MDS_VERDICT_FAILS
} mds_verdict_t;

/* A value that releases are for, and what was said of the texts that it was
 * looked for in last: most releases have the same. */
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
    mds_trace_t          *trace; /* NULL: nobody listens */
    mds_error_t          *err;
    mds_status_t          status;  /* the first failure sticks */
    bool                  admits;  /* a window may let it in */
    bool                  pending; /* the release holds if one does */

    mds_str_t     kind;
    mds_scope_t   platform;
    mds_scope_t   channel;
    mds_str_t     refuse;
    mds_str_t     ids[2];    /* by mds_by_t */
    uint64_t      hashes[2]; /* mds_id_hash() of them, once asked for */
    bool          hashed[2];
    mds_version_t installed;         /* len 0: nothing is */
    bool          installed_dropped; /* what the request names does not count */

    /* The buckets made last, by mds_by_t: of so many salts, from that one on,
     * a multiple of MDS_SIPHASH_LANES. */
    uint32_t made[2];
    uint32_t salts[2];
    uint64_t buckets[2][MDS_BUCKETS_MAX];

    mds_range_t built; /* builds that were looked through last … */
    uint32_t    build; /* … and the one for the device */

    uint64_t      asked; /* a bit for each attribute whose value is known */
    uint64_t      read;  /* the same of its version */
    mds_str_t     values[MDS_RULE_ATTRIBUTES_MAX];
    mds_version_t versions[MDS_RULE_ATTRIBUTES_MAX]; /* len 0: it is none */
    uint8_t       verdicts[MDS_VERDICTS_MAX]; /* mds_verdict_t, by rule */
    uint8_t       list_verdicts[MDS_LIST_VERDICTS_MAX];
} mds_judge_t;

typedef enum {
    MDS_JUDGE_NEW,     /* may it be given now: the trace hears of it */
    MDS_JUDGE_QUIET,   /* the same, and the trace does not */
    MDS_JUDGE_ENTITLED /* may a device go back to it: ended ones count */
} mds_judge_mode_t;

void mds_judge_begin(mds_judge_t *judge, const mds_snapshot_t *snapshot,
                     const mds_record_t *record, const mds_request_t *request,
                     int64_t now_ms, mds_trace_t *trace, mds_error_t *err);

/* Whether the value is among the texts; all are, if there are none. */
bool mds_judge_texts_have(const mds_judge_t *judge, mds_range_t texts,
                          mds_str_t value);

/* mds_id_hash() of the device or user, made once. */
uint64_t mds_judge_hash(mds_judge_t *judge, mds_by_t by);

/* The same of a scope's value, with what was said last. */
static inline bool
mds_judge_scope_has(const mds_judge_t *judge, mds_scope_t *scope,
                    mds_range_t texts)
{
    if (texts.first != scope->texts.first || texts.count != scope->texts.count)
    {
        scope->texts = texts;
        scope->has = mds_judge_texts_have(judge, texts, scope->value);
    }

    return scope->has;
}

/* Whether the device's platform and channel are among these. */
static inline bool
mds_judge_scope(mds_judge_t *judge, mds_range_t platforms, mds_range_t channels)
{
    return mds_judge_scope_has(judge, &judge->platform, platforms)
           && mds_judge_scope_has(judge, &judge->channel, channels);
}

/* A version's key against what is installed (which has to be something). */
int mds_judge_version_cmp(const mds_judge_t *judge, mds_span_t key);

/* Whether the device takes the version: the request does not refuse it. */
bool mds_judge_takes(mds_judge_t *judge, mds_span_t version_key);

/* Whether all rules (REFS) hold; told: the trace hears of each. */
bool mds_judge_rules(mds_judge_t *judge, mds_range_t rules, bool told);

/* The same of those that ask about the attribute alone; nobody hears of it. */
bool mds_judge_rules_about(mds_judge_t *judge, mds_range_t rules,
                           mds_str_t attribute);

/* Whether one of the lists (REFS) has the device, or its user. in_doubt: what
 * counts where a pattern cannot say. */
bool mds_judge_lists(mds_judge_t *judge, mds_range_t lists, const char *what,
                     bool in_doubt);

/* Whether all holds that a release asks for besides its audience. */
bool
mds_judge_condition(mds_judge_t *judge, const mds_release_record_t *release,
                    mds_judge_mode_t mode);

/* The buckets of the salt and of others behind it. */
void mds_judge_buckets(mds_judge_t *judge, uint32_t salt, mds_by_t by);

/* The device's or user's bucket. Neighbours' are made in one go: they are
 * likely to be asked for next. */
static inline uint64_t
mds_judge_bucket(mds_judge_t *judge, uint32_t salt, mds_by_t by)
{
    if (salt - judge->salts[by] >= judge->made[by]) {
        mds_judge_buckets(judge, salt, by);
    }

    return judge->buckets[by][salt - judge->salts[by]];
}

/* Sticky: the bucket is the device's own, and the threshold only rises. */
static inline bool
mds_judge_under(mds_judge_t *judge, uint32_t salt, mds_by_t by,
                uint64_t threshold)
{
    return judge->ids[by].len > 0
           && (threshold == UINT64_MAX
               || mds_judge_bucket(judge, salt, by) < threshold);
}

/* The threshold that a ramp has reached. */
uint64_t
mds_judge_ramp(const mds_judge_t *judge, const mds_release_record_t *release);

/* Whether it is seen without a look-up that no part of the audience does. */
static inline __attribute__((always_inline)) bool
mds_judge_outside(mds_judge_t *judge, const mds_release_record_t *release)
{
    uint8_t flags = release->flags;

    return (flags & (MDS_RELEASE_ALL | MDS_RELEASE_LISTS | MDS_RELEASE_WINDOW))
               == 0
           && !((flags & MDS_RELEASE_PERCENT) != 0
                && mds_judge_under(judge, release->salt, release->by,
                                   release->percent))
           && !((flags & MDS_RELEASE_RAMP) != 0
                && mds_judge_under(judge, release->salt, release->by,
                                   mds_judge_ramp(judge, release)));
}

static inline bool
mds_judge_state_fits(const mds_release_record_t *release, mds_judge_mode_t mode)
{
    return release->state == MDS_STATE_RUNNING
           || (mode == MDS_JUDGE_ENTITLED && release->state == MDS_STATE_ENDED);
}

/* Who was entitled stays so behind the end. */
static inline bool
mds_judge_time_fits(const mds_judge_t          *judge,
                    const mds_release_record_t *release, mds_judge_mode_t mode)
{
    return judge->now_ms >= release->start_ms
           && (judge->now_ms < release->end_ms || mode == MDS_JUDGE_ENTITLED);
}

/* Whether a look at the first bytes of a release shows that it is out, as it
 * is for most of them. */
static inline bool
mds_judge_skips(mds_judge_t *judge, const mds_release_record_t *release,
                mds_judge_mode_t mode)
{
    return !mds_judge_state_fits(release, mode)
           || !mds_judge_time_fits(judge, release, mode)
           || !mds_judge_scope(judge, release->platforms, release->channels)
           || mds_judge_outside(judge, release);
}

/* What is not skipped, and what the trace hears of, from the beginning. */
bool mds_judge_whole(mds_judge_t *judge, const mds_release_record_t *release,
                     mds_judge_mode_t mode, mds_reason_t *reason);

/* *reason: what let the device in, or OUTSIDE. */
static inline bool
mds_judge_release(mds_judge_t *judge, const mds_release_record_t *release,
                  mds_judge_mode_t mode, mds_reason_t *reason)
{
    judge->pending = false;

    return !((judge->trace == NULL || mode == MDS_JUDGE_QUIET)
             && mds_judge_skips(judge, release, mode))
           && mds_judge_whole(judge, release, mode, reason);
}

/* Whether any part of the audience lets the device in, and which. */
bool mds_judge_audience(mds_judge_t *judge, const mds_release_record_t *release,
                        mds_reason_t *reason);

/* Tells the trace, if there is one, of a test; returns holds. The other
 * arguments are not looked at where nobody listens. */
bool mds_judge_tell(mds_judge_t *judge, const char *what, mds_str_t subject,
                    mds_str_t seen, bool holds, const char *format, ...)
    MDS_PRINTF(6, 7);

#define mds_judge_tell(judge, what, subject, seen, holds, ...)                 \
    ((judge)->trace == NULL ? (holds)                                          \
                            : mds_judge_tell((judge), (what), (subject),       \
                                             (seen), (holds), __VA_ARGS__))

/* Tells it that a candidate is taken up, or done with. */
void mds_judge_tell_candidate(mds_judge_t *judge, mds_trace_type_t type,
                              const char *what, mds_span_t id,
                              mds_span_t version, bool holds);

#define mds_judge_tell_candidate(judge, ...)                                   \
    ((judge)->trace == NULL ? (void) 0                                         \
                            : mds_judge_tell_candidate((judge), __VA_ARGS__))

/* Texts in one line: "a, b, c", each with the suffix; returns buffer. */
const char *mds_judge_texts(const mds_judge_t *judge, mds_range_t texts,
                            const char *suffix, char *buffer, size_t size);

/*
 * The build for the device among builds of one version, as an index of BUILDS;
 * MDS_RECORD_NONE: none. embedded: those count as well.
 */
uint32_t mds_judge_build(mds_judge_t *judge, mds_range_t builds, bool embedded);

#endif
