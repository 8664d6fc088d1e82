/*
 * mds_message: keeps gray messages in an app's state:
 *
 *   "messages": {"next": N, "items": [{"id": …, "platform": …, "version": …,
 *                "expires": …, "users": SHA-256 of the list's text}, …]}
 *
 * Each id is one above the last, and is never used twice. A message is kept for
 * MDS_MESSAGE_KEPT_MS after it has expired.
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

/* Removes a message. MDS_NOT_FOUND: there is none of that id. */
mds_status_t mds_message_withdraw(mds_json_t *state, uint64_t id,
                                  mds_error_t *err) MDS_MUST_CHECK;

/*
 * Removes messages that expired long ago, and returns whether there were any;
 * *oldest is the lowest id that is left, or the next one to be given.
 */
bool mds_message_prune(mds_json_t *state, int64_t now_ms, uint64_t *oldest);

/* Puts all messages into the model but those that expired long ago. */
mds_status_t
mds_message_fill_model(const mds_json_t *state, int64_t now_ms,
                       mds_model_t *model, mds_error_t *err) MDS_MUST_CHECK;

#endif
