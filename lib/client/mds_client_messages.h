/*
 * mds_client_messages: a user's list of gray messages, which is the answer to
 * GET messages.
 *
 * It is not signed: every member that is read is checked, and links are not
 * read. Unknown members are ignored, so that answers can grow.
 */

#ifndef MDS_CLIENT_MESSAGES_H
#define MDS_CLIENT_MESSAGES_H

#include "client/mds_client_triage.h"
#include "json/mds_json.h"

#define MDS_CLIENT_MESSAGES_MAX 1000 /* messages in an answer */

typedef struct {
    mds_json_t                  *json;     /* owns the strings */
    mds_client_triage_message_t *messages; /* ids strictly ascending, from 1 */
    size_t                       count;
    bool                         more; /* there are older ones */
} mds_client_messages_t;

/* Parses an answer. MDS_INVALID says which member is wrong; MDS_NO_MEMORY. */
mds_status_t
mds_client_messages_parse(mds_str_t text, mds_error_t *err,
                          mds_client_messages_t *messages) MDS_MUST_CHECK;

void mds_client_messages_free(mds_client_messages_t *messages);

/* Returns the official version of the platform, or an empty string. */
mds_str_t mds_client_messages_latest(const mds_client_messages_t *messages,
                                     mds_str_t                    platform);

#endif
