/*
 * Decides as mds does, then looks through the releases of the resource for
 * what the CodePush protocol says in addition.
 */

#include "evaluate/mds_codepush_decision.h"

#include "base/mds_semver_range.h"
#include "evaluate/mds_eval.h"
#include "evaluate/mds_offer.h"
#include "json/mds_json_view.h"

typedef struct {
    const mds_snapshot_t *snapshot;
    mds_str_t             hash; /* of the installed package; empty: unknown */
    int64_t               now_ms;
    mds_error_t          *err;
    mds_request_t         request;
} mds_codepush_t;

static const mds_release_record_t *
mds_codepush_release(const mds_record_t *record, uint32_t i)
{
    return mds_record_item(record, MDS_TABLE_RELEASES, i);
}

static uint32_t
mds_codepush_release_count(const mds_record_t *record)
{
    return record->tables[MDS_TABLE_RELEASES].count;
}

mds_str_t
mds_codepush_meta(mds_str_t manifest)
{
    return mds_json_view_member(manifest, mds_str("meta"));
}

mds_str_t
mds_codepush_meta_text(mds_str_t meta, mds_str_t member)
{
    mds_str_t inside;

    return mds_json_view_is_string(mds_json_view_member(meta, member), &inside)
               ? inside
               : mds_null_str;
}

static bool
mds_codepush_has_hash(mds_str_t meta, mds_str_t hash)
{
    return hash.len > 0
           && mds_str_eq(mds_codepush_meta_text(meta, mds_str("package_hash")),
                         hash);
}

static bool
mds_codepush_is_mandatory(mds_str_t meta)
{
    return mds_str_eq(mds_json_view_member(meta, mds_str("mandatory")),
                      mds_str("true"))
           || mds_str_eq(mds_codepush_meta_text(meta, mds_str("prompt")),
                         mds_str("force"));
}

/* Returns whether the release offers a package with the hash. */
static bool
mds_codepush_offers(const mds_record_t         *record,
                    const mds_release_record_t *release, mds_str_t hash)
{
    mds_range_t offers = release->offers;

    for (uint32_t i = offers.first; i < offers.first + offers.count; i++) {
        const mds_offer_t *offer = mds_record_item(record, MDS_TABLE_OFFERS, i);

        if (mds_codepush_has_hash(mds_codepush_meta(mds_record_bytes(
                                      record, offer->answer.manifest)),
                                  hash))
        {
            return true;
        }
    }

    return false;
}

/* Returns the version of the package with the hash; empty: it is not known. */
static mds_str_t
mds_codepush_find_installed(const mds_record_t *record, mds_str_t hash)
{
    for (uint32_t i = 0; i < mds_codepush_release_count(record); i++) {
        const mds_release_record_t *release = mds_codepush_release(record, i);

        if (mds_codepush_offers(record, release, hash)) {
            return mds_record_bytes(record, release->version);
        }
    }

    return mds_null_str;
}

static mds_status_t
mds_codepush_run(const mds_codepush_t *c, mds_decision_t *decision)
{
    return mds_decide(c->snapshot, &c->request, c->now_ms, NULL, c->err,
                      decision);
}

/* Decides for a device that sends the hash of its package, but no label. */
static mds_status_t
mds_codepush_run_by_hash(mds_codepush_t *c, mds_decision_t *decision)
{
    mds_status_t status = mds_codepush_run(c, decision);
    mds_str_t    version;

    if (status != MDS_OK || c->hash.len == 0 || decision->record == NULL
        || mds_request_attr(&c->request, MDS_ATTR_VERSION).len > 0)
    {
        return status;
    }

    version = mds_codepush_find_installed(decision->record, c->hash);

    if (version.len == 0) {
        return MDS_OK;
    }

    mds_request_allow_override(&c->request);
    status = mds_request_set_claimed(&c->request, mds_str("version"), version,
                                     c->err);

    return status == MDS_OK ? mds_codepush_run(c, decision) : status;
}

/* Returns whether a version above the installed one and below the chosen one is
 * mandatory, and for the device. */
static mds_status_t
mds_codepush_find_mandatory(const mds_codepush_t *c,
                            const mds_decision_t *decision, bool *found)
{
    const mds_record_t *record = decision->record;
    mds_version_t       chosen;
    mds_eval_t          eval;

    if (!mds_version_parse(decision->version, &chosen)) {
        return MDS_OK;
    }

    mds_eval_init(&eval, c->snapshot, record, &c->request, c->now_ms, NULL,
                  c->err);
    eval.may_admit = false;

    for (uint32_t i = 0; !*found && i < mds_codepush_release_count(record); i++)
    {
        const mds_release_record_t *release = mds_codepush_release(record, i);
        mds_reason_t                why;
        mds_answer_t                answer;

        *found = mds_str_cmp(mds_record_bytes(record, release->version_key),
                             mds_version_key(&chosen))
                     < 0
                 && (eval.installed.len == 0
                     || mds_eval_version_cmp(&eval, release->version_key) > 0)
                 && mds_eval_release(&eval, release, MDS_EVAL_SILENT, &why)
                 && mds_offer_install(&eval, release, false, &answer)
                 && mds_codepush_is_mandatory(mds_codepush_meta(
                     mds_record_bytes(record, answer.manifest)));
    }

    return eval.status;
}

/* Returns whether a rule of the resource is about the version of the app. */
static bool
mds_codepush_has_binary_rule(const mds_record_t *record)
{
    for (uint32_t i = 0; i < record->tables[MDS_TABLE_ATTRIBUTES].count; i++) {
        const mds_span_t *name
            = mds_record_item(record, MDS_TABLE_ATTRIBUTES, i);

        if (mds_str_eq(mds_record_bytes(record, *name), mds_str("app_version")))
        {
            return true;
        }
    }

    return false;
}

/* Finds out whether the newest version for any binary is for another one. */
static mds_status_t
mds_codepush_find_other_binary(mds_codepush_t          *c,
                               mds_codepush_decision_t *result)
{
    mds_decision_t     newest;
    mds_version_t      binary;
    mds_semver_range_t range;
    mds_status_t       status;
    mds_str_t          text;
    int                cmp;

    c->request.may_admit = false;
    c->request.any_app_version = true;
    c->request.known[MDS_ATTR_VERSION] = 0;
    status = mds_codepush_run(c, &newest);

    if (status != MDS_OK || newest.action != MDS_ACTION_INSTALL) {
        return status;
    }

    text = mds_codepush_meta_text(mds_codepush_meta(newest.manifest),
                                  mds_str("target_binary_range"));

    if (!mds_version_parse(mds_request_attr(&c->request, MDS_ATTR_APP_VERSION),
                           &binary)
        || !mds_semver_range_parse(text, &range))
    {
        return MDS_OK;
    }

    cmp = mds_semver_range_cmp(&range, &binary);

    /* A range that was read is not longer. */
    if (cmp != 0 && text.len < sizeof(result->binary_range)) {
        memcpy(result->binary_range, text.data, text.len);
        result->update_app = cmp < 0;
    }

    return MDS_OK;
}

mds_status_t
mds_codepush_decide(const mds_snapshot_t *snapshot,
                    const mds_request_t *request, mds_str_t hash,
                    bool any_binary, int64_t now_ms, mds_error_t *err,
                    mds_codepush_decision_t *result)
{
    mds_codepush_t c
        = { .snapshot = snapshot, .hash = hash, .now_ms = now_ms, .err = err };
    mds_codepush_decision_t decided = { .mandatory = false };
    mds_decision_t         *decision = &decided.decision;
    mds_str_t               meta = mds_null_str;
    mds_status_t            status;

    mds_request_copy(&c.request, request);
    c.request.any_app_version = any_binary;
    status = mds_codepush_run_by_hash(&c, decision);

    if (status == MDS_OK) {
        meta = mds_codepush_meta(decision->manifest);
    }

    if (status == MDS_OK && decision->action == MDS_ACTION_INSTALL
        && mds_codepush_has_hash(meta, hash))
    {
        decision->action = MDS_ACTION_NONE;
        decision->reason = MDS_REASON_CURRENT;
        decision->pending = false;
        decision->install = 0;
    }

    if (status == MDS_OK && decision->action == MDS_ACTION_INSTALL) {
        decided.mandatory = mds_codepush_is_mandatory(meta);
        status = mds_codepush_find_mandatory(&c, decision, &decided.mandatory);

    } else if (status == MDS_OK && decision->action == MDS_ACTION_NONE
               && decision->record != NULL
               && mds_codepush_has_binary_rule(decision->record))
    {
        status = mds_codepush_find_other_binary(&c, &decided);
    }

    if (status == MDS_OK) {
        *result = decided;
    }

    return status;
}

static bool
mds_codepush_visit(const mds_record_t         *record,
                   const mds_release_record_t *release,
                   bool (*visit)(void *data, mds_str_t release,
                                 const mds_halt_t *limit),
                   void *data)
{
    static const mds_halt_t  none = { 0 };
    const mds_halt_record_t *halt = NULL;

    if (release->halt != MDS_RECORD_NONE) {
        halt = mds_record_item(record, MDS_TABLE_HALTS, release->halt);
    }

    return visit(data, mds_record_bytes(record, release->id),
                 halt == NULL ? &none : &halt->limit);
}

mds_status_t
mds_codepush_visit_releases(const mds_snapshot_t *snapshot,
                            const mds_request_t *request, mds_str_t version,
                            int64_t now_ms,
                            bool (*visit)(void *data, mds_str_t release,
                                          const mds_halt_t *limit),
                            void *data, mds_error_t *err)
{
    mds_codepush_t c = { .snapshot = snapshot, .now_ms = now_ms, .err = err };
    mds_decision_t decision;
    mds_eval_t     eval;
    mds_status_t   status;
    bool           more = true;

    mds_request_copy(&c.request, request);
    c.request.may_admit = false;
    status = mds_codepush_run(&c, &decision);

    if (status != MDS_OK || decision.record == NULL) {
        return status;
    }

    mds_eval_init(&eval, snapshot, decision.record, &c.request, now_ms, NULL,
                  err);

    if (!mds_version_parse(version, &eval.installed)) {
        return MDS_OK;
    }

    /* The first round is for the release that was decided, the second for the
     * others. */
    for (unsigned round = 0; round < 2; round++) {
        for (uint32_t i = 0;
             more && i < mds_codepush_release_count(decision.record); i++)
        {
            const mds_release_record_t *release
                = mds_codepush_release(decision.record, i);
            bool decided
                = mds_str_eq(mds_record_bytes(decision.record, release->id),
                             decision.release);

            more = decided != (round == 0)
                   || mds_eval_version_cmp(&eval, release->version_key) != 0
                   || !mds_eval_scope(&eval, &release->platforms,
                                      &release->channels)
                   || mds_codepush_visit(decision.record, release, visit, data);
        }
    }

    return MDS_OK;
}
