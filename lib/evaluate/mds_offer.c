/*
 * Chooses the signed answer for a version: with a delta from the installed
 * build where there is one and the device may take it, else with the full
 * package.
 */

#include "evaluate/mds_offer.h"

#include "evaluate/mds_installed.h"

static const mds_offer_t *
mds_offer_find(const mds_record_t *record, mds_range_t offers, uint32_t build)
{
    for (uint32_t i = offers.first; i < offers.first + offers.count; i++) {
        const mds_offer_t *offer = mds_record_item(record, MDS_TABLE_OFFERS, i);

        if (offer->build == build) {
            return offer;
        }
    }

    return NULL;
}

/* Returns whether the device gets the full package without a delta. */
static bool
mds_offer_full_only(mds_eval_t *eval, const mds_release_record_t *release,
                    mds_range_t installed, bool rolled_back)
{
    const mds_record_t *record = eval->record;
    mds_str_t           version = mds_version_key(&eval->installed);

    return version.len == 0 || rolled_back
           || mds_eval_texts_name(eval, record->full_channels,
                                  eval->channel.value)
           || !mds_installed_has_build(eval, installed)
           || mds_eval_texts_name(eval, release->force_full, version)
           || (release->stage.len > 0
               && mds_eval_version_cmp(eval, release->stage) > 0);
}

static const mds_delta_record_t *
mds_delta_from(const mds_record_t *record, const mds_offer_t *offer,
               uint32_t from)
{
    mds_range_t deltas = offer->deltas;

    for (uint32_t i = deltas.first; i < deltas.first + deltas.count; i++) {
        const mds_delta_record_t *delta
            = mds_record_item(record, MDS_TABLE_DELTAS, i);

        if (delta->from == from) {
            return delta;
        }
    }

    return NULL;
}

/*
 * Adds the delta from the installed build to the answer, if there is one.
 * Returns false if the document does not ask for one.
 */
static bool
mds_offer_add_delta(mds_eval_t *eval, const mds_offer_t *offer,
                    mds_range_t installed, mds_answer_t *answer)
{
    const mds_delta_record_t *delta
        = mds_delta_from(eval->record, offer,
                         mds_eval_build(eval, installed, true));

    if (delta != NULL && delta->answer.manifest.len > 0) {
        *answer = delta->answer;
    }

    return delta != NULL;
}

static const mds_offer_t *
mds_offer_for(mds_eval_t *eval, mds_range_t builds, mds_range_t offers)
{
    return mds_offer_find(eval->record, offers,
                          mds_eval_build(eval, builds, false));
}

/* Returns the offers for the device: a second set is for versions that are
 * below the release's force_below. */
static inline mds_range_t
mds_offer_range(const mds_eval_t *eval, const mds_release_record_t *release)
{
    const mds_release_extra_t *extra = mds_record_extra(eval->record, release);

    return extra != NULL && extra->force_below_key.len > 0
                   && eval->installed.len > 0
                   && mds_eval_version_cmp(eval, extra->force_below_key) > 0
               ? extra->forced
               : release->offers;
}

bool
mds_offer_install(mds_eval_t *eval, const mds_release_record_t *release,
                  bool rolled_back, mds_answer_t *answer)
{
    const mds_offer_t *offer
        = mds_offer_for(eval, release->builds, mds_offer_range(eval, release));
    mds_range_t installed = { 0 };

    if (offer == NULL) {
        return false;
    }

    *answer = offer->answer;

    if (eval->installed.len > 0) {
        installed = mds_installed_builds(eval);
    }

    return mds_offer_full_only(eval, release, installed, rolled_back)
           || mds_offer_add_delta(eval, offer, installed, answer)
           || release->missing == MDS_MISSING_FULL;
}

bool
mds_offer_message(mds_eval_t *eval, const mds_message_record_t *message,
                  mds_answer_t *answer)
{
    const mds_offer_t *offer
        = mds_offer_for(eval, message->builds, message->offers);

    if (offer == NULL) {
        return false;
    }

    *answer = offer->answer;

    if (eval->installed.len > 0
        && !mds_eval_texts_name(eval, eval->record->full_channels,
                                eval->channel.value))
    {
        (void) mds_offer_add_delta(eval, offer, mds_installed_builds(eval),
                                   answer);
    }

    return true;
}

bool
mds_offer_rollback(mds_eval_t *eval, const mds_release_record_t *rolled_back,
                   const mds_release_record_t *target, mds_answer_t *answer)
{
    uint32_t           build = target == NULL
                                   ? MDS_RECORD_NONE
                                   : mds_eval_build(eval, target->builds, false);
    const mds_offer_t *offer
        = mds_offer_find(eval->record, rolled_back->rollbacks, build);

    if (offer == NULL) {
        return false;
    }

    *answer = offer->answer;
    return true;
}
