/*
 * mds_message: gray messages as the loader keeps them, in an app's state:
 *
 *   "messages": {"next": N, "items": [{"id": …, "platform": …, "version": …,
 *                "expires": …, "users": SHA-256 of the list's text}, …]}
 *
 * Ids count up by 1 in the order added, and are never used twice. A message
 * is kept for MDS_MESSAGE_KEPT_MS after it has expired.
 */

#ifndef MDS_MESSAGE_H
#define MDS_MESSAGE_H

#include "document/mds_model.h"
#include "json/mds_json.h"

/*
 * Adds one message to the state; users is the SHA-256 of a stored list.
 * MDS_NOT_FOUND: the app offers no package of that version for the platform.
 */
mds_status_t
mds_message_push(mds_json_t *state, mds_str_t platform, mds_str_t version,
                 int64_t expires_ms, const mds_sha256_t *users,
                 mds_error_t *err, uint64_t *id) MDS_MUST_CHECK;

/* Takes it out again. MDS_NOT_FOUND. */
mds_status_t mds_message_withdraw(mds_json_t *state, uint64_t id,
                                  mds_error_t *err) MDS_MUST_CHECK;

/*
 * Drops what has expired long ago; *oldest is the lowest id that is left, or
 * the next one to be given. Whether anything was dropped.
 */
bool mds_message_prune(mds_json_t *state, int64_t now_ms, uint64_t *oldest);

/* Puts all into the model but those that have expired long ago. */
mds_status_t
mds_message_fill_model(const mds_json_t *state, int64_t now_ms,
                       mds_model_t *model, mds_error_t *err) MDS_MUST_CHECK;

#endif
