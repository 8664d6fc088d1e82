/*
 * mds_inbox: a user's list of gray messages as the device reads it, which is
 * the answer to GET messages.
 *
 * Nobody has signed it: all that is read is checked, links are not read at
 * all. Members that are not known are passed over, so that answers can grow.
 */

#ifndef MDS_INBOX_H
#define MDS_INBOX_H

#include "mds_json.h"
#include "mds_passes.h"

#define MDS_INBOX_MAX 1000 /* messages in an answer */

typedef struct {
    mds_json_t           *json;     /* what views are into */
    mds_passes_message_t *messages; /* ids strictly ascending, from 1 */
    size_t                count;
    bool                  more; /* there are older ones */
} mds_inbox_t;

/* MDS_INVALID says which member is wrong; MDS_NO_MEMORY. */
mds_status_t mds_inbox_parse(mds_str_t text, mds_error_t *err,
                             mds_inbox_t *inbox) MDS_MUST_CHECK;
void         mds_inbox_free(mds_inbox_t *inbox);

/* The official version of the platform; empty: there is none. */
mds_str_t mds_inbox_latest(const mds_inbox_t *inbox, mds_str_t platform);

#endif
