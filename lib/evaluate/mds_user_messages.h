/*
 * mds_user_messages: gray messages for a user, as requests see them. Those that
 * the user has deleted, and those that expired more than MDS_MESSAGE_KEPT_MS
 * ago, are not in the user's list.
 */

#ifndef MDS_USER_MESSAGES_H
#define MDS_USER_MESSAGES_H

#include "evaluate/mds_eval.h"
#include "state/mds_read_marks.h"

/*
 * Returns the message that hits for the device: the newest one of its platform
 * in its user's list, if that is unread, not expired, above both the official
 * and the installed version, and not a version that the device refuses. Returns
 * NULL if there is none, or if eval->status has a failure.
 */
const mds_message_record_t *mds_message_hit(mds_eval_t *eval);

typedef struct {
    uint64_t  id;
    mds_str_t platform;
    mds_str_t version;
    mds_str_t url; /* relative, as a manifest's */
    int64_t   expires_ms;
    bool      read;
} mds_listed_message_t;

typedef struct {
    mds_str_t platform;
    mds_str_t version;
} mds_official_t;

/* Views are of the snapshot, arrays of the allocator. */
typedef struct {
    mds_listed_message_t *messages; /* ascending ids */
    size_t                count;
    bool                  more; /* the list is longer */
    mds_official_t       *latest;
    size_t                latest_count;
    uint64_t              newest; /* the id given last; 0: none yet */
    uint64_t              oldest; /* of those that there are; 0: none */
} mds_message_list_t;

/*
 * Lists the newest max messages of the user that the request names.
 * MDS_INVALID: it names none. MDS_DENIED: the state cannot be read.
 */
mds_status_t
mds_user_messages(const mds_snapshot_t *snapshot, const mds_request_t *request,
                  size_t max, int64_t now_ms, const mds_alloc_t *alloc,
                  mds_error_t *err, mds_message_list_t *list) MDS_MUST_CHECK;

#endif
