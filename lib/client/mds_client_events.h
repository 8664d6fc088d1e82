/*
 * mds_client_events: reads a stream of events (text/event-stream, HTML
 * standard, 9.2.6) as it arrives, piece by piece.
 *
 * A device needs little of an event: that its name is "change", its id, and the
 * time to reconnect. The data only has to be there, because an event without
 * any is none. Whatever the server sends, the reader takes no more memory than
 * its own.
 */

#ifndef MDS_CLIENT_EVENTS_H
#define MDS_CLIENT_EVENTS_H

#include "base/mds_base.h"

/* A longer line ends the stream: the server is not an edge. */
#define MDS_CLIENT_LINE_MAX 1024

/* A longer id is ignored, as one with a zero byte is. */
#define MDS_CLIENT_ID_MAX 64

/* A reader of zeros is at the beginning of a stream. */
typedef struct {
    uint64_t changes;  /* how many events "change" have come */
    uint64_t comments; /* and how many comments */
    int64_t  retry_ms; /* as the server said it last; 0: it has not */
    size_t   id_len;   /* of the last event */
    char     id[MDS_CLIENT_ID_MAX];

    /* The event that is read. */
    bool   is_change; /* its name is "change" */
    bool   has_data;
    size_t next_id_len;
    char   next_id[MDS_CLIENT_ID_MAX];

    /* The line that is read. */
    bool   has_begun;  /* a line of the stream has ended */
    bool   follows_cr; /* LF does not end another line */
    size_t line_len;
    char   line[MDS_CLIENT_LINE_MAX];
} mds_client_events_t;

/* Reads a piece. MDS_INVALID: a line is too long; the reader is of no more
 * use. */
mds_status_t
mds_client_events_read(mds_client_events_t *events, mds_str_t piece,
                       mds_error_t *err) MDS_MUST_CHECK;

/* Prepares for the next stream: keeps the id and the time to reconnect. */
void mds_client_events_restart(mds_client_events_t *events);

#endif
