/*
 * mds_offer: with which file a device gets its version: the ladder of full
 * package, difference, and nothing.
 */

#ifndef MDS_OFFER_H
#define MDS_OFFER_H

#include "evaluate/mds_eval.h"

/*
 * The answer to a device that is to install the release's version. recalled:
 * what it has was rolled back. False: it gets nothing, since a difference is
 * missing and the release says so.
 */
bool mds_offer_install(mds_eval_t *eval, const mds_release_record_t *release,
                       bool recalled, mds_answer_t *answer);

/* The same for the version of a message, which is never withheld for want of a
 * difference. False: there is no build of it for the device. */
bool mds_offer_message(mds_eval_t *eval, const mds_message_record_t *message,
                       mds_answer_t *answer);

/* The answer to one that goes back to the version of target; NULL: to none.
 * False: the catalog does not have it. */
bool
mds_offer_rollback(mds_eval_t *eval, const mds_release_record_t *recalled,
                   const mds_release_record_t *target, mds_answer_t *answer);

#endif
