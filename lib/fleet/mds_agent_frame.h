/*
 * mds_agent_frame: the frames that nginx's workers and the agent of an edge
 * send each other over DEPOT/agent/socket.
 *
 *   length  4 bytes: of what follows, MDS_FRAME_MAX - 4 at most
 *   type    1
 *   number  4: an ADMITTED has the number of its ADMIT; 0 elsewhere
 *   payload
 *
 *   worker to agent
 *     HELLO       protocol (4), process id (4), fleet (16), position (8),
 *                 wants_feed (1)
 *     ADMIT       count (2), then of each: window, id, limit (8), until (8)
 *     OUTBOX      count (2), then items, whose numbers rise
 *     FEED_ACK    position (8): all entries through it are durable here
 *   agent to worker
 *     WELCOME     protocol (4), shared (1), fleet (16), reachable (1)
 *     ADMITTED    count (2), then of each: a verdict (1)
 *     OUTBOX_ACK  number (8): all items through it are durable in the database
 *     FEED        after (8), last (8), count (2), then items
 *     DATABASE    reachable (1)
 *
 *   item          number (8), type (1), length (4), an entry
 * (mds_fleet_entry.h)
 *
 * Numbers are big-endian. A text is its length (2 bytes) and its bytes.
 *
 * A worker says HELLO first and the agent WELCOME; each ends the connection if
 * the other's protocol or fleet is not its own. There is one FEED at a time on
 * its way, and one OUTBOX: the next one follows the acknowledgment. The items
 * of a FEED are all that the feed has behind number "after"; "last" is the
 * number of the feed's latest entry. An agent that cannot reach the database
 * says so, and workers ask nothing until it says otherwise.
 */

#ifndef MDS_AGENT_FRAME_H
#define MDS_AGENT_FRAME_H

#include "fleet/mds_fields.h"
#include "fleet/mds_fleet_entry.h"

#define MDS_FRAME_PROTOCOL 2
#define MDS_FRAME_MAX ((size_t) 256 * 1024) /* bytes, with the length */
#define MDS_FRAME_HEAD 9                    /* length, type and number */
#define MDS_FLEET_BYTES 16 /* the identity of a database; zeros: none */

typedef enum {
    MDS_FRAME_HELLO = 1,
    MDS_FRAME_ADMIT = 2,
    MDS_FRAME_OUTBOX = 3,
    MDS_FRAME_FEED_ACK = 4,
    MDS_FRAME_WELCOME = 65,
    MDS_FRAME_ADMITTED = 66,
    MDS_FRAME_OUTBOX_ACK = 67,
    MDS_FRAME_FEED = 68,
    MDS_FRAME_DATABASE = 69
} mds_frame_type_t;

typedef enum {
    MDS_VERDICT_YES = 1,    /* it is in the window, durably */
    MDS_VERDICT_NO = 2,     /* it is not: until has passed */
    MDS_VERDICT_FULL = 3,   /* it is not: the limit is reached */
    MDS_VERDICT_UNKNOWN = 4 /* the database did not answer in time */
} mds_verdict_t;

typedef struct {
    unsigned  type; /* may be unknown */
    uint32_t  number;
    mds_str_t payload;
} mds_frame_t;

typedef struct {
    uint32_t protocol;
    uint32_t pid;
    uint8_t  fleet[MDS_FLEET_BYTES]; /* zeros: the edge is in none */
    uint64_t position;               /* of the feed, applied durably */
    bool     wants_feed;
} mds_frame_hello_t;

typedef struct {
    uint32_t protocol;
    bool     shared; /* the edge shares a database: not so without one */
    uint8_t  fleet[MDS_FLEET_BYTES];
    bool     reachable; /* the database is */
} mds_frame_welcome_t;

typedef struct {
    mds_str_t window; /* app 00 release */
    mds_str_t id;
    uint64_t  limit;
    int64_t   until_ms;
} mds_frame_admit_t;

typedef struct {
    uint64_t  number;
    unsigned  type; /* mds_entry_type_t; may be unknown */
    mds_str_t entry;
} mds_frame_item_t;

typedef struct {
    uint64_t after;
    uint64_t last;
} mds_frame_feed_t;

/* Parses the frame at the front. Gives its bytes. MDS_AGAIN: there are not
 * enough bytes yet; MDS_INVALID: the length is out of range. */
mds_status_t mds_frame_parse(mds_str_t bytes, mds_error_t *err,
                             mds_frame_t *frame, size_t *taken) MDS_MUST_CHECK;

/* Decode the payload of a frame of the type. False: it is not one. */
bool mds_frame_get_hello(const mds_frame_t *frame, mds_frame_hello_t *hello);
bool
mds_frame_get_welcome(const mds_frame_t *frame, mds_frame_welcome_t *welcome);

/* For FEED_ACK and OUTBOX_ACK. */
bool mds_frame_get_position(const mds_frame_t *frame, uint64_t *position);
bool mds_frame_get_reachable(const mds_frame_t *frame, bool *reachable);

/* A list in a frame, and how much of it was read. */
typedef struct {
    mds_fields_reader_t fields;
    size_t              count; /* that are left */
} mds_frame_list_t;

/* Begin to read a list. False: the frame has none of the type. */
bool mds_frame_read_admit(const mds_frame_t *frame, mds_frame_list_t *list);
bool mds_frame_read_admitted(const mds_frame_t *frame, mds_frame_list_t *list);
bool mds_frame_read_outbox(const mds_frame_t *frame, mds_frame_list_t *list);
bool mds_frame_read_feed(const mds_frame_t *frame, mds_frame_feed_t *feed,
                         mds_frame_list_t *list);

/* Read the next member. False: there is none, or the frame is malformed. */
bool mds_frame_next_admit(mds_frame_list_t *list, mds_frame_admit_t *admit);
bool mds_frame_next_verdict(mds_frame_list_t *list, mds_verdict_t *verdict);
bool mds_frame_next_item(mds_frame_list_t *list, mds_frame_item_t *item);

/* Returns whether the list was read to its end, and to that of the frame. */
bool mds_frame_list_is_whole(const mds_frame_list_t *list);

/* A frame that is being written. */
typedef struct {
    mds_fields_writer_t fields;
    uint8_t            *count_at; /* NULL: it has no list */
    size_t              count;
} mds_frame_writer_t;

/* Write a whole frame to the room. Return its bytes; 0: it does not fit. */
size_t
mds_frame_put_hello(const mds_frame_hello_t *hello, void *room, size_t size);
size_t mds_frame_put_welcome(const mds_frame_welcome_t *welcome, void *room,
                             size_t size);
size_t mds_frame_put_position(mds_frame_type_t type, uint64_t position,
                              void *room, size_t size);
size_t mds_frame_put_reachable(bool reachable, void *room, size_t size);

/* Begin a frame with a list. */
mds_frame_writer_t mds_frame_begin(mds_frame_type_t type, uint32_t number,
                                   void *room, size_t size);
mds_frame_writer_t
mds_frame_begin_feed(const mds_frame_feed_t *feed, void *room, size_t size);

/* Add a member. False: it does not fit, and the frame is as it was before. */
bool
mds_frame_add_admit(mds_frame_writer_t *frame, const mds_frame_admit_t *admit);
bool mds_frame_add_verdict(mds_frame_writer_t *frame, mds_verdict_t verdict);
bool
mds_frame_add_item(mds_frame_writer_t *frame, const mds_frame_item_t *item);

/* Ends the frame. Returns its bytes; 0: not even its head fits. */
size_t mds_frame_end(mds_frame_writer_t *frame);

#endif
