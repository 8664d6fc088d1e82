/*
 * The decision for one resource: the first release that holds for the device,
 * a rollback of what it has installed, or a gray message for its user.
 */

#include "evaluate/mds_decide.h"

#include "evaluate/mds_eval.h"
#include "evaluate/mds_installed.h"
#include "evaluate/mds_offer.h"
#include "evaluate/mds_user_messages.h"
#include "state/mds_install_filter.h"

static const mds_release_record_t *
mds_releases(const mds_record_t *record)
{
    return mds_record_item(record, MDS_TABLE_RELEASES, 0);
}

static const mds_release_record_t *
mds_releases_end(const mds_record_t *record)
{
    return mds_releases(record) + record->tables[MDS_TABLE_RELEASES].count;
}

/* Returns whether the release is of the installed version, and for the device.
 */
static bool
mds_is_installed(mds_eval_t *eval, const mds_release_record_t *release)
{
    return mds_eval_version_cmp(eval, release->version_key) == 0
           && mds_eval_scope(eval, &release->platforms, &release->channels);
}

/* Returns whether a release of the installed version that was not rolled back
 * holds for the device. */
static bool
mds_has_other_release(mds_eval_t *eval)
{
    const mds_record_t         *record = eval->record;
    const mds_release_record_t *release = mds_releases(record);
    const mds_release_record_t *end = mds_releases_end(record);

    for (; release < end; release++) {
        mds_reason_t why;

        if (release->state != MDS_RELEASE_ROLLED_BACK
            && mds_is_installed(eval, release)
            && mds_eval_release(eval, release, MDS_EVAL_SILENT, &why))
        {
            return true;
        }
    }

    return false;
}

/* Returns the halted release that is as if rolled back, and whose version is
 * installed; or NULL. */
static const mds_release_record_t *
mds_find_halted(mds_eval_t *eval)
{
    const mds_record_t      *record = eval->record;
    const mds_halt_record_t *halt = mds_record_item(record, MDS_TABLE_HALTS, 0);
    const mds_halt_record_t *end = halt + record->tables[MDS_TABLE_HALTS].count;

    for (; halt < end; halt++) {
        const mds_release_record_t *release
            = mds_releases(record) + halt->release;

        if (halt->limit.rollback != 0 && mds_is_installed(eval, release)
            && mds_eval_is_halted(eval, release))
        {
            return release;
        }
    }

    return NULL;
}

/*
 * Returns the release that was rolled back, or is as if, and whose version is
 * installed; NULL if there is none, or if another release of the version holds
 * for the device.
 */
static const mds_release_record_t *
mds_find_rolled_back(mds_eval_t *eval)
{
    const mds_record_t         *record = eval->record;
    const mds_release_record_t *release = mds_releases(record);
    const mds_release_record_t *end = mds_releases_end(record);
    const mds_release_record_t *halted;

    if (eval->installed.len == 0) {
        return NULL;
    }

    for (; release < end; release++) {
        if (release->state == MDS_RELEASE_ROLLED_BACK
            && mds_is_installed(eval, release))
        {
            break;
        }
    }

    halted = mds_find_halted(eval);

    if (halted != NULL && halted < release) {
        release = halted;
    }

    return release < end && !mds_has_other_release(eval) ? release : NULL;
}

/* Returns whether the device would install the release's version; sets the
 * answer. */
static bool
mds_would_install(mds_eval_t *eval, const mds_release_record_t *release,
                  bool rolled_back, mds_answer_t *answer)
{
    return (eval->installed.len == 0
            || mds_eval_version_cmp(eval, release->version_key) > 0)
           && mds_offer_install(eval, release, rolled_back, answer);
}

static void
mds_set_pending(const mds_eval_t *eval, const mds_release_record_t *release,
                mds_decision_t *decision)
{
    decision->pending = true;
    decision->admission = (mds_admission_t){
        .window = mds_record_bytes(eval->record, release->audience.window),
        .id = eval->ids[release->window_by],
        .limit = release->audience.window_count,
        .until_ms = release->audience.window_until_ms,
    };
}

/*
 * Returns the first release that holds, in order of choice, or NULL. A window
 * admits only devices that then install. *halted is set to the first release
 * before it that would hold if it were not halted.
 */
static const mds_release_record_t *
mds_choose(mds_eval_t *eval, bool rolled_back,
           const mds_release_record_t **halted, mds_decision_t *decision)
{
    const mds_record_t         *record = eval->record;
    const mds_release_record_t *release = mds_releases(record);
    const mds_release_record_t *end = mds_releases_end(record);
    const mds_release_record_t *chosen = NULL;
    bool                        found = false;

    for (; release < end; release++) {
        mds_reason_t why;
        mds_answer_t answer;

        if (!mds_eval_release(eval, release, MDS_EVAL_OFFER, &why)
            || (eval->pending
                && !mds_would_install(eval, release, rolled_back, &answer)))
        {
            continue;
        }

        if (!found) {
            found = true;
            chosen = release;
            decision->reason = why;
            *halted = eval->halted;

            if (eval->pending) {
                mds_set_pending(eval, release, decision);
            }
        }

        if (eval->trace == NULL) {
            break;
        }
    }

    if (!found) {
        *halted = eval->halted;
    }

    return chosen;
}

/* Returns the release of the highest lower version that the device is entitled
 * to, or NULL. */
static const mds_release_record_t *
mds_find_rollback_target(mds_eval_t *eval)
{
    const mds_record_t         *record = eval->record;
    const mds_release_record_t *release = mds_releases(record);
    const mds_release_record_t *end = mds_releases_end(record);
    const mds_release_record_t *best = NULL;

    for (; release < end; release++) {
        mds_reason_t why;

        if (mds_eval_version_cmp(eval, release->version_key) >= 0
            || (best != NULL
                && mds_str_cmp(mds_record_bytes(record, release->version_key),
                               mds_record_bytes(record, best->version_key))
                       <= 0))
        {
            continue;
        }

        if (mds_eval_release(eval, release, MDS_EVAL_ROLLBACK_TARGET, &why)) {
            best = release;
        }
    }

    return best;
}

static void
mds_set_release(const mds_record_t *record, const mds_release_record_t *release,
                mds_decision_t *decision)
{
    decision->release = mds_record_bytes(record, release->id);
    decision->version = mds_record_bytes(record, release->version);
}

static void
mds_set_answer(const mds_record_t *record, const mds_answer_t *answer,
               mds_action_t action, mds_decision_t *decision)
{
    decision->action = action;
    decision->manifest = mds_record_bytes(record, answer->manifest);
    decision->signature = mds_record_bytes(record, answer->signature);
    decision->quoted = mds_record_bytes(record, answer->quoted);
}

static void
mds_decide_rollback(mds_eval_t *eval, const mds_release_record_t *rolled_back,
                    mds_decision_t *decision)
{
    const mds_release_record_t *target = mds_find_rollback_target(eval);
    mds_answer_t                answer;

    if (eval->status == MDS_OK
        && !mds_offer_rollback(eval, rolled_back, target, &answer))
    {
        eval->status
            = mds_fail(eval->err, MDS_DAMAGED,
                       "the catalog has no manifest for a rollback of \"%.*s\"",
                       MDS_STR(
                           mds_record_bytes(eval->record, rolled_back->id)));
    }

    if (eval->status != MDS_OK) {
        return;
    }

    mds_set_release(eval->record, rolled_back, decision);
    mds_set_answer(eval->record, &answer, MDS_ACTION_ROLLBACK, decision);
    decision->reason = rolled_back->state == MDS_RELEASE_ROLLED_BACK
                           ? MDS_REASON_ROLLED_BACK
                           : MDS_REASON_HALTED;
    decision->version = target == NULL
                            ? mds_null_str
                            : mds_record_bytes(eval->record, target->version);
}

/*
 * A gray message for the user competes with what the catalog chose: the higher
 * version wins, and the catalog where they are equal.
 */
static void
mds_decide_message(mds_eval_t *eval, mds_decision_t *decision)
{
    const mds_record_t         *record = eval->record;
    const mds_message_record_t *message = mds_message_hit(eval);
    mds_version_t               chosen;
    mds_answer_t                answer;

    if (message == NULL
        || (decision->action == MDS_ACTION_INSTALL
            && mds_version_parse(decision->version, &chosen)
            && mds_str_cmp(mds_record_bytes(record, message->version_key),
                           mds_version_key(&chosen))
                   <= 0)
        || !mds_offer_message(eval, message, &answer))
    {
        return;
    }

    decision->release = mds_record_bytes(record, message->release);
    decision->version = mds_record_bytes(record, message->version);
    decision->reason = MDS_REASON_MESSAGE;
    decision->pending = false;
    decision->install = 0;
    mds_set_answer(record, &answer, MDS_ACTION_INSTALL, decision);
}

/* Notes the device that is told to install a release with a limit: only such
 * devices count towards it. */
static void
mds_note_install(const mds_eval_t *eval, const mds_release_record_t *release,
                 mds_decision_t *decision)
{
    mds_str_t device = eval->ids[MDS_BY_DEVICE];

    if (release->halt != MDS_RECORD_NONE && eval->may_admit && device.len > 0) {
        const mds_halt_record_t *halt
            = mds_record_item(eval->record, MDS_TABLE_HALTS, release->halt);

        decision->install
            = mds_install_hash(mds_record_bytes(eval->record, halt->key),
                               device);
    }
}

/* Gives the reason where there is nothing to do. */
static void
mds_decide_nothing(mds_eval_t *eval, const mds_release_record_t *chosen,
                   const mds_release_record_t *halted, mds_decision_t *decision)
{
    if (chosen != NULL) {
        decision->reason
            = eval->installed.len > 0
                      && mds_eval_version_cmp(eval, chosen->version_key) <= 0
                  ? MDS_REASON_CURRENT
                  : MDS_REASON_NO_DELTA;
    }

    if (halted == NULL
        || (eval->installed.len > 0
            && mds_eval_version_cmp(eval, halted->version_key) <= 0))
    {
        return;
    }

    decision->reason = MDS_REASON_HALTED;

    if (chosen == NULL) {
        decision->release = mds_record_bytes(eval->record, halted->id);
    }
}

/* Decides by the releases of the record. */
static void
mds_decide_releases(mds_eval_t *eval, mds_decision_t *decision)
{
    const mds_release_record_t *rolled_back = mds_find_rolled_back(eval);
    const mds_release_record_t *halted = NULL;
    const mds_release_record_t *chosen;
    mds_answer_t                answer;

    decision->reason = MDS_REASON_OUTSIDE;
    chosen = mds_choose(eval, rolled_back != NULL, &halted, decision);

    if (chosen != NULL) {
        mds_set_release(eval->record, chosen, decision);
    }

    if (chosen != NULL
        && mds_would_install(eval, chosen, rolled_back != NULL, &answer))
    {
        mds_set_answer(eval->record, &answer, MDS_ACTION_INSTALL, decision);
        mds_note_install(eval, chosen, decision);

    } else if (rolled_back != NULL) {
        mds_decide_rollback(eval, rolled_back, decision);

    } else {
        mds_decide_nothing(eval, chosen, halted, decision);
    }
}

/* Decides for a resource that the catalog lacks; the app may have intervals. */
static MDS_NOINLINE mds_status_t
mds_decide_unknown(const mds_snapshot_t *snapshot, mds_str_t app,
                   mds_error_t *err, mds_decision_t *decision)
{
    mds_decision_t   unknown = { .reason = MDS_REASON_UNKNOWN };
    mds_app_record_t record;
    mds_status_t     status;

    status = mds_catalog_app(snapshot->catalog, app, err, &record);

    if (status == MDS_OK) {
        unknown.poll_after_s = record.poll_after_s;
        unknown.poll_jitter_s = record.poll_jitter_s;

    } else if (status != MDS_NOT_FOUND) {
        return status;
    }

    *decision = unknown;
    return MDS_OK;
}

mds_status_t
mds_decide_record(const mds_snapshot_t *snapshot, const mds_record_t *record,
                  const mds_request_t *request, int64_t now_ms,
                  mds_trace_t *trace, mds_error_t *err,
                  mds_decision_t *decision)
{
    mds_decision_t decided = { .record = record,
                               .poll_after_s = record->poll_after_s,
                               .poll_jitter_s = record->poll_jitter_s };
    mds_eval_t     eval;

    mds_eval_init(&eval, snapshot, record, request, now_ms, trace, err);
    mds_installed_drop_hotfix(&eval);
    mds_decide_releases(&eval, &decided);
    mds_decide_message(&eval, &decided);

    if (eval.status == MDS_OK) {
        *decision = decided;
    }

    return eval.status;
}

mds_status_t
mds_decide(const mds_snapshot_t *snapshot, const mds_request_t *request,
           int64_t now_ms, mds_trace_t *trace, mds_error_t *err,
           mds_decision_t *decision)
{
    const mds_record_t *record;
    mds_str_t           app = mds_request_attr(request, MDS_ATTR_APP);
    mds_status_t        status;

    status = mds_catalog_resource(snapshot->catalog, app,
                                  mds_request_attr(request, MDS_ATTR_KIND),
                                  mds_request_attr(request, MDS_ATTR_NAME), err,
                                  &record);

    if (status == MDS_OK) {
        return mds_decide_record(snapshot, record, request, now_ms, trace, err,
                                 decision);
    }

    return status == MDS_NOT_FOUND
               ? mds_decide_unknown(snapshot, app, err, decision)
               : status;
}
