/*
 * messages: the gray messages of the device's user, in `mdsctl check`: asked
 * for, judged by the two passes (mds_client_triage.h), and marked.
 *
 * The list is not signed. It decides what is marked, and whether to ask the
 * check once more, but never what is installed: that is a signed manifest's
 * word alone, and the link of a message is not followed.
 */

#ifndef MDSCTL_MESSAGES_H
#define MDSCTL_MESSAGES_H

#include "client/mds_client_messages.h"
#include "device/check.h"

typedef struct {
    mds_error_t err;             /* why there is no list; MDS_OK: there is, or
                                  * the service keeps none */
    mds_client_messages_t inbox; /* empty: no list */
    mds_client_triage_message_t
        *items; /* what the passes went over: the inbox, and
                 * before it what stands for older ones */
    mds_client_triage_run_t *runs;
    mds_client_triage_t      passes;
} mdsctl_messages_t;

/*
 * Asks for the list and goes over it, for a check that names a user and is of
 * kind "upgrade"; does nothing for others. What fails is kept in messages->err:
 * an upgrade does not depend on it.
 */
void mdsctl_messages_get(mdsctl_check_t *check, mdsctl_messages_t *messages);
void mdsctl_messages_free(mdsctl_messages_t *messages);

/* Whether a message hits that is above what the check's order installs. */
bool mdsctl_messages_ahead(const mdsctl_check_t    *check,
                           const mdsctl_messages_t *messages) MDS_MUST_CHECK;

/* Sends the marks, if there are any; fails with messages->err, too. */
mds_status_t
mdsctl_messages_mark(mdsctl_check_t          *check,
                     const mdsctl_messages_t *messages) MDS_MUST_CHECK;

#endif
