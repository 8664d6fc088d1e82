/*
 * trust: what `mdsctl check --root` asks and verifies beside the manifest:
 * newer roots, the app's head, and the proof.
 */

#ifndef MDSCTL_TRUST_H
#define MDSCTL_TRUST_H

#include "device/check.h"

/* Follows newer roots, and gets the head of the app. */
mds_status_t mdsctl_trust_begin(mdsctl_check_t *check) MDS_MUST_CHECK;

/* Gets the head once more: the catalog may have changed. */
mds_status_t mdsctl_trust_get_head(mdsctl_check_t *check) MDS_MUST_CHECK;

/* Finds the key of apps that a signature names in the root. */
mds_status_t mdsctl_trust_find_key(mdsctl_check_t *check,
                                   const uint8_t   keyid[MDS_KEYID_BYTES],
                                   mds_public_t   *key) MDS_MUST_CHECK;

/* Verifies the proof of an answer. MDS_CONFLICT: it does not fit the head. */
mds_status_t
mdsctl_trust_check_proof(mdsctl_check_t        *check,
                         const mdsctl_answer_t *answer) MDS_MUST_CHECK;

/* Adds to the error of the check what the device should do about an answer that
 * it does not take. Returns the status. */
mds_status_t mdsctl_trust_advise(mdsctl_check_t *check);

#endif
