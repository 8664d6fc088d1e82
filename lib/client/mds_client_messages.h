/*
 * mds_client_messages: a user's list of gray messages as the device reads it,
 * which is the answer to GET messages.
 *
 * Nobody has signed it: all that is read is checked, links are not read at
 * all. Members that are not known are passed over, so that answers can grow.
 */

#ifndef MDS_CLIENT_MESSAGES_H
#define MDS_CLIENT_MESSAGES_H

#include "client/mds_client_triage.h"
#include "json/mds_json.h"

#define MDS_INBOX_MAX 1000 /* messages in an answer */

typedef struct {
    mds_json_t                  *json;     /* what views are into */
    mds_client_triage_message_t *messages; /* ids strictly ascending, from 1 */
    size_t                       count;
    bool                         more; /* there are older ones */
} mds_client_messages_t;

/* MDS_INVALID says which member is wrong; MDS_NO_MEMORY. */
mds_status_t
mds_client_messages_parse(mds_str_t text, mds_error_t *err,
                          mds_client_messages_t *inbox) MDS_MUST_CHECK;

void mds_client_messages_free(mds_client_messages_t *inbox);

/* The official version of the platform; empty: there is none. */
mds_str_t mds_client_messages_latest(const mds_client_messages_t *inbox,
                                     mds_str_t                    platform);

#endif
