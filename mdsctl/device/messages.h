/*
 * messages: requests and marks the gray messages of the device's user, for
 * `mdsctl check`; mds_client_triage.h makes the two passes.
 *
 * The list is not signed. It decides which messages are marked, and whether the
 * check is repeated. Only a signed manifest decides what is installed, and the
 * link of a message is not followed.
 */

#ifndef MDSCTL_MESSAGES_H
#define MDSCTL_MESSAGES_H

#include "client/mds_client_messages.h"
#include "device/check.h"

typedef struct {
    mds_error_t           err;   /* why there is no list, or MDS_OK */
    mds_client_messages_t inbox; /* empty if there is no list */

    /* The messages of the passes: the inbox, and before it a message for all
     * older ones, if there are more. */
    mds_client_triage_message_t *items;
    mds_client_triage_run_t     *runs;
    mds_client_triage_t          passes;
} mdsctl_messages_t;

/*
 * Requests the list and makes the passes, if the check is of kind "upgrade" and
 * names a user. Stores a failure in messages->err, because an upgrade does not
 * depend on messages.
 */
void mdsctl_messages_get(mdsctl_check_t *check, mdsctl_messages_t *messages);
void mdsctl_messages_free(mdsctl_messages_t *messages);

/* Returns whether a message hits with a version above the manifest's. */
bool mdsctl_messages_ahead(const mdsctl_check_t    *check,
                           const mdsctl_messages_t *messages) MDS_MUST_CHECK;

/* Sends the marks, if there are any; returns messages->err if it is set. */
mds_status_t
mdsctl_messages_mark(mdsctl_check_t          *check,
                     const mdsctl_messages_t *messages) MDS_MUST_CHECK;

#endif
