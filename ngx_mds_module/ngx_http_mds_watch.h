/*
 * mds_watch: devices that stay connected, and are told when their answer
 * changes.
 *
 *   depot ── watch set ──┬── topic: app, kind, name ──┬── watcher
 *                        │                            ├── watcher
 *                        └── topic                    └── …
 *
 * A timer looks whether the catalog has changed, or a time has come. The
 * watchers of the topics that this concerns are evaluated in slices, between
 * which the worker answers other requests. Those whose answer is another one
 * are told, each at its own time if the app spreads its changes.
 */

#ifndef NGX_HTTP_MDS_WATCH_H
#define NGX_HTTP_MDS_WATCH_H

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_module.h"

#include "request/mds_request.h"

typedef struct ngx_http_mds_watcher_s       ngx_http_mds_watcher_t;
typedef struct ngx_http_mds_topic_s         ngx_http_mds_topic_t;
typedef struct ngx_http_mds_stream_output_s ngx_http_mds_stream_output_t;

struct ngx_http_mds_watch_set_s {
    ngx_http_mds_depot_t *depot;
    ngx_rbtree_t          tree; /* of topics, by key */
    ngx_rbtree_node_t     sentinel;
    ngx_queue_t           topics;
    ngx_queue_t           dirty;   /* topics that have to be evaluated */
    uint64_t              serial;  /* of the catalog that was looked at last */
    uint64_t              halts;   /* mds_state_get_halt_serial() of then */
    int64_t               next_ms; /* the first time of all topics */
    ngx_event_t           timer;
    ngx_event_t           slice;
    ngx_cycle_t          *cycle; /* that was in force at the last tick */
};

/* The watchers of one resource, or, without a kind, of one app. */
struct ngx_http_mds_topic_s {
    ngx_str_node_t            node;     /* its key: app 00 kind 00 name */
    ngx_queue_t               link;     /* in topics */
    ngx_queue_t               work;     /* in dirty */
    ngx_queue_t               watchers; /* the last evaluated at the end */
    ngx_http_mds_watch_set_t *set;
    uint64_t                  serial;  /* of the app, when it was evaluated */
    int64_t                   next_ms; /* when an answer may change by time;
                                        * 0: not known yet */
    uint32_t   spread_s;               /* of the app */
    ngx_uint_t round;                  /* of evaluation */
    unsigned   is_dirty : 1;
    mds_str_t  app; /* parts of the key */
    mds_str_t  kind;
    mds_str_t  name;
};

/* In memory of the request; a cleanup handler takes it out. */
struct ngx_http_mds_watcher_s {
    ngx_queue_t           link; /* in its topic */
    ngx_http_request_t   *r;
    ngx_http_mds_topic_t *topic;
    ngx_cycle_t          *cycle;
    ngx_event_t           timer;  /* the next of those below */
    ngx_msec_t            due_at; /* the event, if it is due */
    ngx_msec_t            end_at; /* a comment, or the end of the wait */
    ngx_uint_t            round;  /* in which it was evaluated last */
    uint64_t              answer;
    uint64_t              told;       /* the answer that it was told last */
    uint64_t              app_serial; /* as it was looked up */
    uint32_t              place;      /* in a spread, of 2^32 */
    unsigned              is_due : 1;
    unsigned              is_waiting : 1; /* asked by "wait" */
    unsigned              is_blocked : 1; /* the client does not read */
    unsigned              is_unknown : 1; /* the state could not be read */
    mds_str_t             packed;         /* the attributes */

    /* What the client has not been sent yet; NULL: nothing. */
    ngx_http_mds_stream_output_t *output;
};

/* Returns the topic of a request's resource, which is created with its first
 * watcher; NULL: out of memory. */
ngx_http_mds_topic_t *ngx_http_mds_topic_get(ngx_http_mds_depot_t *depot,
                                             const mds_request_t  *request);

/* Adds the watcher, which was just evaluated, to the topic. */
void ngx_http_mds_topic_add(ngx_http_mds_topic_t   *topic,
                            ngx_http_mds_watcher_t *watcher);

/* Takes the watcher out; a topic without watchers is freed. */
void ngx_http_mds_topic_remove(ngx_http_mds_watcher_t *watcher);

/* Lets the watchers of the topic be evaluated. */
void ngx_http_mds_topic_mark(ngx_http_mds_topic_t *topic);

/* Lets the topic be marked after some time. */
void ngx_http_mds_topic_postpone(ngx_http_mds_topic_t *topic);

/* Evaluates a watcher's answer. Inside the fault guard. MDS_DENIED: the state
 * is needed, and cannot be read. */
mds_status_t ngx_http_mds_watcher_evaluate(ngx_http_mds_watcher_t *watcher,
                                           const mds_request_t    *request,
                                           const mds_snapshot_t   *snapshot,
                                           ngx_pool_t *pool, mds_error_t *err);

/* Starts a watcher that was evaluated: sends the header of a stream, or lets it
 * wait so many milliseconds. Returns what a content handler returns. */
ngx_int_t
ngx_http_mds_watcher_start(ngx_http_mds_watcher_t *watcher,
                           const mds_request_t *request, ngx_msec_t wait);

/* Returns how many watchers this worker has. */
ngx_uint_t ngx_http_mds_watcher_count(void);

/* Has the watcher told, now or at its place in the topic's spread, if its
 * answer is not the one that it was told last. The request may be gone
 * afterwards. */
void ngx_http_mds_watcher_notify(ngx_http_mds_watcher_t *watcher);

/* Ends the request; the client comes back after a time. */
void ngx_http_mds_watcher_end(ngx_http_mds_watcher_t *watcher);

#define NGX_HTTP_MDS_STREAM_BYTES 160 /* that are sent at once, at most */

/* Sends the header of a stream. */
ngx_int_t ngx_http_mds_stream_open(ngx_http_request_t *r);

/* Write an event, and the time after which the client comes back (about
 * mds_watch_retry, different for each); return their end. */
u_char *ngx_http_mds_stream_event(ngx_http_mds_watcher_t *watcher, u_char *p,
                                  u_char *end);
u_char *ngx_http_mds_stream_retry(ngx_http_mds_watcher_t *watcher, u_char *p,
                                  u_char *end);

/* Sends bytes of which a copy is made; is_blocked is set if the client has to
 * read first. Returns NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_mds_stream_send(ngx_http_mds_watcher_t *watcher,
                                   const u_char *text, size_t len);

/* Sends the last bytes. The result is that of the request. */
ngx_int_t ngx_http_mds_stream_send_last(ngx_http_mds_watcher_t *watcher,
                                        const u_char *text, size_t len);

/* Sends what the client has not read; is_blocked is cleared if it has read all
 * of it. Returns NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_mds_stream_flush(ngx_http_mds_watcher_t *watcher);

/* Frees what was not sent. */
void ngx_http_mds_stream_free(ngx_http_mds_watcher_t *watcher);

/* Returns NULL if memory runs out. */
ngx_http_mds_watch_set_t *
ngx_http_mds_watch_set_create(ngx_http_mds_depot_t *depot);

/* Starts the timer of the set, if it does not run. */
void ngx_http_mds_watch_set_start(ngx_http_mds_watch_set_t *set);

/* Frees the set of a depot, at the exit of the worker. */
void ngx_http_mds_watch_set_free(ngx_http_mds_watch_set_t *set);

#endif
