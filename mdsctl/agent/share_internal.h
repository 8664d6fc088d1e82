/*
 * mdsctl_share_internal: what the files of the sharing thread share.
 *
 *   share.c          the loop
 *   share_socket.c   the socket, and who may connect
 *   share_worker.c   a worker's connection: frames in and out
 *   share_link.c     a connection to the database, and its one statement
 *   share_admit.c    the queue of admissions
 *   share_batch.c    how many of them a statement has
 *   share_outbox.c   the outboxes' items
 *   share_feed.c     the feed's entries
 *   share_figures.c  figures
 */

#ifndef MDSCTL_SHARE_INTERNAL_H
#define MDSCTL_SHARE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/share.h"
#include "database/database.h"
#include "fleet/mds_agent_frame.h"

#define SHARE_WORKERS_MAX 256 /* connections of workers */
#define SHARE_OUT_MAX                                                          \
    ((size_t) 4 << 20)      /* bytes that a worker has not read                \
                             */
#define SHARE_ASKS_MAX 4096 /* frames that wait for a verdict */
#define SHARE_ASK_BYTES_MAX ((size_t) 16 << 20) /* of them together */
#define SHARE_FEED_ITEMS 1000                   /* entries of one FEED */
#define SHARE_RETRY_MS 1000 /* after an error of the database */
#define SHARE_SLOW_MS                                                          \
    150 /* a statement of admissions that takes longer makes                   \
         * the database unreachable until it is answered */

/* Admissions of one statement: how many at least, at first and at most. */
#define SHARE_BATCH_MIN 32
#define SHARE_BATCH_FIRST 128
#define SHARE_BATCH_MAX 1000

typedef struct mdsctl_share_worker_s mdsctl_share_worker_t;
typedef struct mdsctl_share_link_s   mdsctl_share_link_t;
typedef struct mdsctl_share_ask_s    mdsctl_share_ask_t;

/* --- the database */

/* The states of a link, in the order in which it goes through them. */
typedef enum {
    SHARE_LINK_DOWN,       /* until retry_ms */
    SHARE_LINK_CONNECTING, /* it waits for `events` */
    SHARE_LINK_GREETING,   /* the first statements run */
    SHARE_LINK_READY,
    SHARE_LINK_BUSY /* a statement runs */
} mdsctl_share_link_state_t;

/* Receives the answer to a statement: rows, or an error that says why there are
 * none. It does not free the rows. */
typedef void (*mdsctl_share_answer_t)(mdsctl_share_t      *share,
                                      mdsctl_answer_t      answer,
                                      const mdsctl_rows_t *rows);

struct mdsctl_share_link_s {
    const char               *name;
    bool                      listens;    /* for notifications */
    int64_t                   timeout_ms; /* of a statement */
    mdsctl_database_t        *db;         /* NULL: down */
    mdsctl_share_link_state_t state;
    short                     events; /* to poll for */
    int64_t  since_ms; /* when the state, or the statement, began */
    int64_t  sent_us;  /* when the statement was sent */
    int64_t  retry_ms; /* when to connect next */
    int64_t  wait_ms;  /* the last back-off */
    unsigned attempt;  /* for the next of several hosts */
    bool     greeted;  /* the tables' version is known to be ours */
    bool     was_up;   /* for the log: since the last line */
    bool     told;     /* the log says that it is down */
    mdsctl_share_answer_t answer;
    mds_error_t           err; /* of the last failure */
};

/* --- workers */

struct mdsctl_share_worker_s {
    int          fd;
    unsigned     generation; /* to notice that the place was taken anew */
    bool         greeted;    /* HELLO has come */
    bool         welcomed;   /* WELCOME has gone */
    bool         told_reachable;
    uint32_t     pid;
    uint8_t      fleet[MDS_FLEET_BYTES];
    uint8_t     *in; /* MDS_FRAME_MAX bytes */
    size_t       in_len;
    mds_buffer_t out;
    size_t       out_done; /* of its bytes */

    bool     wants_feed;
    uint64_t position;  /* applied durably */
    uint64_t sent;      /* the last of a FEED that is on its way; 0: none is */
    bool     is_behind; /* there may be more for it */

    uint8_t *outbox; /* a copy of the OUTBOX frame that is to be stored */
    size_t   outbox_bytes;
    size_t   outbox_done;  /* items that are stored, or dropped */
    size_t   outbox_items; /* of the frame */
    size_t   outbox_limit; /* items of the next statement */
    uint64_t outbox_last;  /* the number of the last item */

    bool    had_feed; /* it was served last with entries, not for its outbox */
    int64_t retry_ms; /* after an error: it is not served before */
};

/* An ADMIT. Its admissions are asked in order, by one statement or by several
 * that follow each other. */
struct mdsctl_share_ask_s {
    mdsctl_share_ask_t *next;
    int                 worker; /* its place; -1: answered already */
    unsigned            generation;
    uint32_t            number;
    int64_t             deadline_ms;
    size_t              count;
    size_t              done;  /* have a verdict of the database */
    size_t              asked; /* behind these, by the statement that runs */
    size_t              bytes;
    uint8_t            *verdicts; /* of all, "unknown" at first */
    uint8_t             frame[];  /* as it came; then the verdicts */
};

/* Deadlines rise from the first to the last; those that are asked by the
 * statement that runs are the first ones. */
typedef struct {
    mdsctl_share_ask_t *first;
    mdsctl_share_ask_t *last;
    size_t              frames;
    size_t              bytes;
} mdsctl_share_queue_t;

struct mdsctl_share_s {
    mdsctl_share_options_t options;
    char                   edge[MDSCTL_EDGE_NAME_BYTES];
    int                    socket;
    int                    wake[2]; /* a pipe that ends the loop's wait */
    pthread_t              thread;
    atomic_bool            stops;
    uint32_t               owner; /* uid of the workers */

    mdsctl_share_link_t admissions;
    mdsctl_share_link_t feed;
    uint8_t             fleet[MDS_FLEET_BYTES]; /* zeros: not known yet */
    uint64_t            last;                   /* of the feed */
    bool                reachable;
    int64_t clock_ms; /* what the database\'s clock is ahead of the one here */
    bool    clock_told; /* the log says that it is far off */

    mdsctl_share_worker_t *workers[SHARE_WORKERS_MAX];
    unsigned               generation;

    mdsctl_share_queue_t asks;
    size_t               batch;         /* admissions of the next statement */
    int64_t              round_trip_us; /* of a small one; 0: not known yet */

    int      turn;   /* of the feed's link: the worker that is served next */
    int      served; /* by the statement that runs; -1: none */
    unsigned served_generation;
    size_t   served_items;
    int64_t  note_ms; /* when the edge is noted next */
    int64_t  expire_ms;
    int64_t  refused_ms; /* the last line about a worker that was refused */

    mdsctl_share_figures_t shown; /* last */
    int64_t                show_ms;
    pthread_mutex_t        lock; /* of the figures */
    mdsctl_share_figures_t figures;
};

/* share.c */

/* Return the time of a clock that does not jump. */
int64_t mdsctl_share_now_ms(void);
int64_t mdsctl_share_now_us(void);

void mdsctl_share_log(const mdsctl_share_t *share, const char *format, ...)
    MDS_PRINTF(2, 3);

/* Add to a figure. */
#define mdsctl_share_count(share, figure, n)                                   \
    do {                                                                       \
        (void) pthread_mutex_lock(&(share)->lock);                             \
        (share)->figures.figure += (n);                                        \
        (void) pthread_mutex_unlock(&(share)->lock);                           \
    } while (0)

/* share_figures.c */

/* Takes the time of a statement that does little, as the database's round trip.
 */
void mdsctl_share_note_round_trip(mdsctl_share_t *share, int64_t us);

/* Compares the clock here with that of the database, as it was just told. */
void mdsctl_share_note_clock(mdsctl_share_t *share, int64_t database_ms);

/* Keeps the text of an error for the figures. */
void mdsctl_share_note_error(mdsctl_share_t *share, const char *text);

/* Shows figures that have changed, once a second at most. */
void mdsctl_share_figures_show(mdsctl_share_t *share, int64_t now_ms);

/* share_batch.c */

/* Sets the size of the next statement by the time of the last one, which had so
 * many admissions. */
void
mdsctl_share_batch_adapt(mdsctl_share_t *share, size_t count, int64_t took_us);

/* share_socket.c */
mds_status_t mdsctl_share_socket_open(mdsctl_share_t *share,
                                      mds_error_t    *err) MDS_MUST_CHECK;
void         mdsctl_share_socket_close(mdsctl_share_t *share);
void         mdsctl_share_socket_accept(mdsctl_share_t *share);

/* share_worker.c */
void mdsctl_share_worker_add(mdsctl_share_t *share, int fd);
void mdsctl_share_worker_close(mdsctl_share_t *share, int place);
void mdsctl_share_worker_read(mdsctl_share_t *share, int place);
void mdsctl_share_worker_flush(mdsctl_share_t *share, int place);

/* Adds a frame to what the worker is sent. One that has not read for long is
 * closed. */
void mdsctl_share_worker_send(mdsctl_share_t *share, int place,
                              const void *frame, size_t bytes);

/* Tells all workers whether the database is reachable, and welcomes those that
 * wait for it. */
void mdsctl_share_workers_tell(mdsctl_share_t *share);

/* Returns the worker if the place has not been taken anew, or NULL. */
mdsctl_share_worker_t *mdsctl_share_worker_at(const mdsctl_share_t *share,
                                              int place, unsigned generation);

/* share_link.c */

/* Goes on after its socket was polled, or without events, for its times. */
void mdsctl_share_link_step(mdsctl_share_t *share, mdsctl_share_link_t *link,
                            short events);

/* Sends a statement on a link that is ready. */
void mdsctl_share_link_ask(mdsctl_share_t *share, mdsctl_share_link_t *link,
                           const char *sql, const char *const *values,
                           size_t count, mdsctl_share_answer_t answer);

void mdsctl_share_link_close(mdsctl_share_link_t *link);

/* Closes both links, which are made again later: the tables cannot be used. */
void mdsctl_share_links_fail(mdsctl_share_t *share, const mds_error_t *err);

/* Returns when the link is to be stepped next, without events. */
int64_t mdsctl_share_link_next_ms(const mdsctl_share_link_t *link);

/* share_admit.c */

/* Takes an ADMIT frame. False: it is malformed. */
bool mdsctl_share_admit_take(mdsctl_share_t *share, int place,
                             const mds_frame_t *frame, mds_str_t bytes);

/* Asks the next batch if it can, and answers those whose time is over. */
void mdsctl_share_admit_step(mdsctl_share_t *share, int64_t now_ms);

/* Answers all with "unknown". */
void mdsctl_share_admit_fail(mdsctl_share_t *share);
void mdsctl_share_admit_free(mdsctl_share_t *share);

/* Returns the earliest deadline, or INT64_MAX. */
int64_t mdsctl_share_admit_next_ms(const mdsctl_share_t *share);

/* share_outbox.c */
bool mdsctl_share_outbox_take(mdsctl_share_t *share, int place,
                              const mds_frame_t *frame, mds_str_t bytes);

/* Stores items of the worker's outbox. */
void mdsctl_share_outbox_ask(mdsctl_share_t *share, int place);

/* share_feed.c */

/* Asks what is due on the feed's link: entries for a worker, an outbox, a note
 * of the edge. */
void mdsctl_share_feed_step(mdsctl_share_t *share, int64_t now_ms);

/* Notes a worker that is served by the statement, in turn with others. */
void mdsctl_share_feed_serve(mdsctl_share_t *share, int place);

/* Looks for news for all workers. */
void mdsctl_share_feed_notice(mdsctl_share_t *share);

bool mdsctl_share_feed_acknowledge(mdsctl_share_t *share, int place,
                                   const mds_frame_t *frame);

#endif
