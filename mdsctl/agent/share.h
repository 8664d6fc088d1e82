/*
 * share: the thread of `mdsctl agent --database` that carries what edges share
 * between nginx's workers and PostgreSQL.
 *
 *   worker ──┐                               ┌── link "admissions" ──▶
 *   worker ──┼─ DEPOT/agent/socket ─▶ share ─┤ PostgreSQL worker ──┘
 * (mds_agent_frame.h)          └── link "feed" ────────▶
 *
 * One loop polls all sockets, and nothing in it waits: a worker gets an answer
 * within MDSCTL_SHARE_BUDGET_MS, or the verdict "unknown". Admissions have a
 * link of their own, so that a long outbox does not delay them.
 */

#ifndef MDSCTL_SHARE_H
#define MDSCTL_SHARE_H

#include "base/mds_base.h"

/* Within it a worker is answered. It is below the budget of a worker, so that
 * the answer arrives in time. */
#define MDSCTL_SHARE_BUDGET_MS 40

#define MDSCTL_EDGE_NAME_BYTES 320
#define MDSCTL_SHARE_ERROR_BYTES 512

typedef struct mdsctl_share_s mdsctl_share_t;

/* Figures for the agent's status. */
typedef struct {
    bool     reachable;      /* the database is */
    int64_t  contact_ms;     /* when it answered last; 0: never */
    int64_t  round_trip_us;  /* of a small statement; 0: not known yet */
    int64_t  clock_error_ms; /* of the clock here, against the database's */
    unsigned workers;        /* that are connected */
    uint64_t last;           /* the number of the feed's latest entry */
    uint64_t position;       /* of this edge, applied durably; 0: not known */
    uint64_t admitted;       /* verdicts "yes" */
    uint64_t refused;        /* verdicts "no" and "full" */
    uint64_t unknown;        /* verdicts "unknown" */
    uint64_t outbox;         /* items that were stored */
    uint64_t dropped;        /* items that the database rejected */
    uint64_t faults;         /* connections of workers that were closed for what
                              * they sent, and of the database that failed */
    char error[MDSCTL_SHARE_ERROR_BYTES]; /* the last one; empty: none */
} mdsctl_share_figures_t;

typedef struct {
    const char *depot;
    const char *uri;  /* of the database */
    const char *edge; /* its name in the database; NULL: HOST:DEPOT */

    /* Logs a line, in the thread. */
    void (*log)(void *data, const char *line);

    /* Shows figures that have changed, in the thread, at most once a second.
     * NULL: nobody looks. */
    void (*show)(void *data, const mdsctl_share_figures_t *figures);
    void *data;
} mdsctl_share_options_t;

/* Makes DEPOT/agent/socket for the group of the workers, and starts the thread.
 * The strings of the options must outlive it. */
mds_status_t
mdsctl_share_start(const mdsctl_share_options_t *options, mds_error_t *err,
                   mdsctl_share_t **share) MDS_MUST_CHECK;

/* Gives the figures, from any thread. */
void
mdsctl_share_figures(mdsctl_share_t *share, mdsctl_share_figures_t *figures);

/* Ends the thread and frees it; share may be NULL. */
void mdsctl_share_stop(mdsctl_share_t *share);

#endif
