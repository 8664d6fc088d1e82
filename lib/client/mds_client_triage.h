/*
 * mds_client_triage: decides what a device does with the gray messages of its
 * user: which one it shows, and which it marks as read or deletes.
 *
 * The list of a user names messages for all platforms, ids ascending, ids of
 * other users' messages left out. A device goes over the whole of it twice:
 *
 *   first pass, ids descending
 *     An unread message that has expired is noted as to-be-read. Otherwise
 *     the newest message of the device's platform hits when it is unread and
 *     its version is above the official one and above the device's. On a hit
 *     every other message of the platform is noted, too.
 *
 *   second pass, ids ascending; messages that were noted count as read
 *     All messages before the first unread one can be deleted: the last of
 *     them is the boundary. If the first message is unread, there is none.
 *
 * Then one request deletes the messages up to the boundary, and marks those as
 * read that were noted above it.
 *
 * The newest message of a platform is the newest in the list, even if it has
 * expired or was read: the older ones do not take its place. A message that is
 * read already is not noted.
 */

#ifndef MDS_CLIENT_TRIAGE_H
#define MDS_CLIENT_TRIAGE_H

#include "base/mds_base.h"

typedef struct {
    uint64_t  id; /* from 1 */
    mds_str_t platform;
    mds_str_t version;
    int64_t   expires_ms; /* from then on it has expired */
    bool      read;
} mds_client_triage_message_t;

/* The device. An empty version is below every other; nothing hits with a string
 * that is neither empty nor a version. */
typedef struct {
    mds_str_t platform;
    mds_str_t official; /* version of the platform */
    mds_str_t version;  /* installed */
    int64_t   now_ms;
} mds_client_triage_device_t;

/* Consecutive messages from first to last, both included. */
typedef struct {
    uint64_t first;
    uint64_t last;
} mds_client_triage_run_t;

#define MDS_TRIAGE_NO_HIT SIZE_MAX

typedef struct {
    size_t   hit;            /* index in the list, or MDS_TRIAGE_NO_HIT */
    uint64_t delete_through; /* the boundary; 0: there is none */
    size_t   runs;           /* to mark as read */
} mds_client_triage_t;

/* Makes both passes over `count` messages, ids strictly ascending. runs has
 * room for `count` runs, and gets the ids to mark, ascending, all above the
 * boundary. */
mds_client_triage_t
mds_client_triage(const mds_client_triage_message_t *messages, size_t count,
                  const mds_client_triage_device_t *device,
                  mds_client_triage_run_t          *runs);

#endif
