/*
 * mds_offer: the signed answer for a version: with a delta, with the full
 * package alone, or none.
 */

#ifndef MDS_OFFER_H
#define MDS_OFFER_H

#include "evaluate/mds_eval.h"

/*
 * Sets the answer that installs the release's version. rolled_back: the
 * installed version was rolled back. Returns false if the device gets nothing,
 * since there is no delta and the release does not allow the full package.
 */
bool mds_offer_install(mds_eval_t *eval, const mds_release_record_t *release,
                       bool rolled_back, mds_answer_t *answer);

/* Does the same for the version of a message, which needs no delta. Returns
 * false if there is no build of it for the device. */
bool mds_offer_message(mds_eval_t *eval, const mds_message_record_t *message,
                       mds_answer_t *answer);

/* Sets the answer that goes back to the version of target, or to none if that
 * is NULL. Returns false if the catalog lacks it. */
bool
mds_offer_rollback(mds_eval_t *eval, const mds_release_record_t *rolled_back,
                   const mds_release_record_t *target, mds_answer_t *answer);

#endif
