/* ngx_http_mds_fleet_internal: declarations that the files
 * ngx_http_mds_fleet*.c share. */

#ifndef NGX_HTTP_MDS_FLEET_INTERNAL_H
#define NGX_HTTP_MDS_FLEET_INTERNAL_H

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_fleet.h"

#include "fleet/mds_agent_frame.h"
#include "state/mds_fleet.h"

#define NGX_HTTP_MDS_FLEET_BUDGET_MS 50
#define NGX_HTTP_MDS_FLEET_TICK_MS 100    /* looks for the outbox */
#define NGX_HTTP_MDS_FLEET_SILENT_MS 5000 /* then it is connected anew */
#define NGX_HTTP_MDS_FLEET_RETRY_MS 100   /* the first; doubled each time */
#define NGX_HTTP_MDS_FLEET_RETRY_MAX_MS 5000
#define NGX_HTTP_MDS_FLEET_FRAMES 64 /* ADMITs that wait for an answer */
#define NGX_HTTP_MDS_FLEET_OUTBOX_ITEMS 1000
#define NGX_HTTP_MDS_FLEET_FEED_WRITES 512 /* of one commit */

/* An ADMIT that was sent. */
typedef struct {
    uint32_t number; /* 0: none */
    size_t   count;  /* of its admissions */
} ngx_http_mds_fleet_frame_t;

/* The connection's buffers. */
typedef struct {
    size_t in_len;
    size_t out_pos; /* sent up to here */
    size_t out_len;
    u_char in[MDS_FRAME_MAX];
    u_char out[3 * MDS_FRAME_MAX];
} ngx_http_mds_fleet_buffers_t;

/* A FEED that is applied. */
typedef struct {
    u_char          *payload; /* a copy; NULL: none is */
    mds_frame_feed_t head;
    mds_frame_list_t list;  /* the items that are left */
    uint64_t         after; /* number of the item before them */
} ngx_http_mds_fleet_feed_t;

/* The names that are being forgotten (ngx_http_mds_fleet_forget.c). */
typedef struct ngx_http_mds_fleet_forget_s ngx_http_mds_fleet_forget_t;

struct ngx_http_mds_fleet_s {
    ngx_http_mds_depot_t *depot;
    mds_fleet_t           state; /* as it was read last */

    ngx_connection_t             *connection; /* NULL: none */
    ngx_cycle_t                  *cycle;      /* of the connection */
    ngx_http_mds_fleet_buffers_t *buffers;    /* NULL: never connected */
    ngx_event_t                   timer;      /* of the outbox */
    ngx_msec_t                    connected;  /* when */
    ngx_msec_t                    retry_at;
    ngx_msec_t                    retry_ms;

    unsigned welcomed : 1;
    unsigned reachable : 1; /* the database, as the agent says */
    unsigned away : 1;      /* that the agent is away was logged */
    unsigned refused : 1;   /* that it cannot be shared with was logged */
    unsigned joining : 1;
    unsigned delivering : 1;  /* an OUTBOX is on its way */
    unsigned deleting : 1;    /* one that was acknowledged */
    unsigned has_forgets : 1; /* the state has names to forget */

    ngx_queue_t asking; /* ngx_http_mds_write_req_t, to be sent */
    ngx_queue_t asked;  /* sent, in the order of their frames */
    ngx_event_t ask;    /* sends the next ADMIT, once in a turn of the loop */
    uint32_t    number; /* of the last ADMIT */
    ngx_msec_t  late;   /* when an ADMIT was late first; 0: none is */
    ngx_http_mds_fleet_frame_t frames[NGX_HTTP_MDS_FLEET_FRAMES];

    ngx_http_mds_fleet_forget_t *forget; /* NULL: there was no name yet */
    ngx_http_mds_fleet_feed_t    feed;
    uint64_t sent; /* number of the last item of the OUTBOX */
};

/* --- the connection (ngx_http_mds_fleet_connection.c) */

/* Connects if there is a socket and the time has come. */
void ngx_http_mds_fleet_connect(ngx_http_mds_fleet_t *fleet);

/* Closes the connection, so that it is made again later. The requests that wait
 * for it are answered. why is logged, if it is not NULL. */
void
ngx_http_mds_fleet_disconnect(ngx_http_mds_fleet_t *fleet, const char *why);

/* Returns the room for a frame; NULL: there is none at present. */
u_char *ngx_http_mds_fleet_room(ngx_http_mds_fleet_t *fleet, size_t *size);

/* Sends what was written to that room. */
void ngx_http_mds_fleet_send(ngx_http_mds_fleet_t *fleet, size_t bytes);

/* Reads what the state remembers of the fleet. */
void ngx_http_mds_fleet_read_state(ngx_http_mds_fleet_t *fleet);

/* --- frames of the agent. NGX_ERROR: the frame is malformed. */

ngx_int_t ngx_http_mds_fleet_on_welcome(ngx_http_mds_fleet_t *fleet,
                                        const mds_frame_t    *frame);
ngx_int_t ngx_http_mds_fleet_on_admitted(ngx_http_mds_fleet_t *fleet,
                                         const mds_frame_t    *frame);
ngx_int_t ngx_http_mds_fleet_on_feed(ngx_http_mds_fleet_t *fleet,
                                     const mds_frame_t    *frame);
ngx_int_t ngx_http_mds_fleet_on_outbox_ack(ngx_http_mds_fleet_t *fleet,
                                           const mds_frame_t    *frame);

/* Answers all requests that wait for the fleet. */
void ngx_http_mds_fleet_give_up(ngx_http_mds_fleet_t *fleet);

/* Sends the ADMIT of all requests that ask; a handler of an event. */
void ngx_http_mds_fleet_ask_handler(ngx_event_t *event);

/* Sends the outbox, if this worker does that and there is something in it. */
void ngx_http_mds_fleet_deliver(ngx_http_mds_fleet_t *fleet);

/* Reads whether there are names to forget, if this worker does that; within the
 * fault guard. */
mds_status_t
ngx_http_mds_fleet_read_forgets(ngx_http_mds_fleet_t *fleet, mds_state_t *state,
                                mds_error_t *err) MDS_MUST_CHECK;

/* Lets a thread forget them, if there are any. */
void ngx_http_mds_fleet_forget(ngx_http_mds_fleet_t *fleet);

#endif
