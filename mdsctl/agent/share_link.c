/*
 * A link: one connection to the database, which is made again when it fails,
 * and the one statement that runs on it.
 *
 *   DOWN ──▶ CONNECTING ──▶ GREETING ──▶ READY ◀──▶ BUSY
 *    ▲            │             │          │         │
 *    └────────────┴─ failure ───┴──────────┴─────────┘
 */

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/share_internal.h"
#include "base/mds_time.h"
#include "database/identity.h"
#include "database/schema.h"

#define CONNECT_MS 3000
#define WAIT_MIN_MS 100
#define WAIT_MAX_MS 5000

/* The first statement also sets the limits of the server: a statement that the
 * link has given up must not go on for long. */
#define GREETING                                                               \
    "select version, fleet, (select number from mds.counter),"                 \
    " set_config('statement_timeout', $1, false),"                             \
    " set_config('lock_timeout', $1, false),"                                  \
    " set_config('idle_in_transaction_session_timeout', $1, false),"           \
    " mds.now_ms()"                                                            \
    " from mds.about"

/* The wait before the next try doubles, and is another one for each edge. */
static void
schedule(mdsctl_share_link_t *link, int64_t now_ms)
{
    int64_t wait = link->wait_ms * 2;

    link->wait_ms = wait < WAIT_MIN_MS   ? WAIT_MIN_MS
                    : wait > WAIT_MAX_MS ? WAIT_MAX_MS
                                         : wait;
    link->retry_ms = now_ms + link->wait_ms / 2 + rand() % link->wait_ms;
}

void
mdsctl_share_link_close(mdsctl_share_link_t *link)
{
    mdsctl_database_close(link->db);
    link->db = NULL;
    link->state = SHARE_LINK_DOWN;
    link->greeted = false;
    link->events = 0;
}

/* Closes the link, tells its statement, and logs the failure once. */
static void
fail(mdsctl_share_t *share, mdsctl_share_link_t *link)
{
    mdsctl_share_answer_t answer
        = link->state == SHARE_LINK_BUSY ? link->answer : NULL;

    mdsctl_share_link_close(link);
    schedule(link, mdsctl_share_now_ms());

    if (link->was_up || !link->told) {
        mdsctl_share_log(share, "%s (%s); trying again", link->err.text,
                         link->name);
        mdsctl_share_note_error(share, link->err.text);
        mdsctl_share_count(share, faults, 1);
        link->told = true;
        link->was_up = false;
    }

    if (answer != NULL) {
        answer(share, MDSCTL_ANSWER_END, NULL);
    }
}

void
mdsctl_share_links_fail(mdsctl_share_t *share, const mds_error_t *err)
{
    mdsctl_share_link_t *links[] = { &share->admissions, &share->feed };
    mds_error_t          why = *err;

    for (size_t i = 0; i < mds_nelems(links); i++) {
        if (links[i]->state != SHARE_LINK_DOWN) {
            links[i]->err = why;
            fail(share, links[i]);
        }
    }
}

/* Sends the rest of the statement. */
static void
flush(mdsctl_share_t *share, mdsctl_share_link_t *link)
{
    bool more = false;

    if (mdsctl_database_flush(link->db, &link->err, &more) != MDS_OK) {
        fail(share, link);
        return;
    }

    link->events = more ? POLLIN | POLLOUT : POLLIN;
}

void
mdsctl_share_link_ask(mdsctl_share_t *share, mdsctl_share_link_t *link,
                      const char *sql, const char *const *values, size_t count,
                      mdsctl_share_answer_t answer)
{
    link->answer = answer;
    link->sent_us = mdsctl_share_now_us();
    link->since_ms = link->sent_us / 1000;

    if (link->state == SHARE_LINK_READY) {
        link->state = SHARE_LINK_BUSY;
    }

    if (mdsctl_database_send(link->db, sql, values, count, &link->err)
        != MDS_OK) {
        fail(share, link);
        return;
    }

    flush(share, link);
}

/* --- the first statements */

static void
become_ready(mdsctl_share_t *share, mdsctl_share_link_t *link)
{
    link->state = SHARE_LINK_READY;
    link->events = POLLIN;
    link->wait_ms = 0;
    link->was_up = true;

    if (link->told) {
        mdsctl_share_log(share, "database: reachable again (%s)", link->name);
        link->told = false;
    }
}

/* Takes the fleet of the first connection; later ones must have the same. */
static bool
take_fleet(mdsctl_share_t *share, mdsctl_share_link_t *link, mds_str_t text)
{
    static const uint8_t none[MDS_FLEET_BYTES];
    uint8_t              fleet[MDS_FLEET_BYTES];

    if (!mdsctl_identity_parse(text, fleet)) {
        (void) mds_fail(&link->err, MDS_DAMAGED,
                        "database: its fleet has no identity");
        return false;
    }

    if (memcmp(share->fleet, none, sizeof(none)) == 0) {
        memcpy(share->fleet, fleet, sizeof(fleet));
    }

    if (memcmp(share->fleet, fleet, sizeof(fleet)) != 0) {
        (void) mds_fail(&link->err, MDS_CONFLICT,
                        "database: it belongs to another fleet than before");
        return false;
    }

    return true;
}

/* Receives the answer to a first statement. */
static void
greet(mdsctl_share_t *share, mdsctl_share_link_t *link, mdsctl_answer_t answer,
      const mdsctl_rows_t *rows)
{
    if (link->greeted) { /* LISTEN */
        become_ready(share, link);
        return;
    }

    if (answer != MDSCTL_ANSWER_ROWS || mdsctl_rows_count(rows) != 1) {
        fail(share, link);
        return;
    }

    if (mdsctl_schema_check_version(mdsctl_rows_integer(rows, 0, 0), &link->err)
        != MDS_OK)
    {
        mdsctl_share_links_fail(share, &link->err);
        return;
    }

    if (!take_fleet(share, link, mdsctl_rows_text(rows, 0, 1))) {
        fail(share, link);
        return;
    }

    share->last = (uint64_t) mdsctl_rows_integer(rows, 0, 2);
    mdsctl_share_note_clock(share, mdsctl_rows_integer(rows, 0, 6));
    link->greeted = true;

    if (link->listens) {
        mdsctl_share_link_ask(share, link, "listen mds_feed", NULL, 0, NULL);
        mdsctl_share_feed_notice(share);
    } else {
        become_ready(share, link);
    }
}

static void
ask_greeting(mdsctl_share_t *share, mdsctl_share_link_t *link)
{
    char        limit[32];
    const char *values[] = { limit };

    (void) snprintf(limit, sizeof(limit), "%" PRId64, link->timeout_ms);
    link->state = SHARE_LINK_GREETING;
    mdsctl_share_link_ask(share, link, GREETING, values, 1, NULL);
}

/* --- steps */

static void
go_on_connecting(mdsctl_share_t *share, mdsctl_share_link_t *link)
{
    switch (mdsctl_database_continue(link->db, &link->err)) {
    case MDSCTL_DATABASE_READS:
        link->events = POLLIN;
        break;
    case MDSCTL_DATABASE_WRITES:
        link->events = POLLOUT;
        break;
    case MDSCTL_DATABASE_READY:
        ask_greeting(share, link);
        break;
    case MDSCTL_DATABASE_FAILED:
        fail(share, link);
        break;
    }
}

static void
begin(mdsctl_share_t *share, mdsctl_share_link_t *link, int64_t now_ms)
{
    link->state = SHARE_LINK_CONNECTING;
    link->since_ms = now_ms;

    if (mdsctl_database_start(share->options.uri, link->attempt++, &link->err,
                              &link->db)
        != MDS_OK)
    {
        fail(share, link);
        return;
    }

    link->events = POLLOUT;
}

static void
note_contact(mdsctl_share_t *share)
{
    (void) pthread_mutex_lock(&share->lock);
    share->figures.contact_ms = mds_time_now_ms();
    (void) pthread_mutex_unlock(&share->lock);
}

/* Receives what the server says. */
static void
receive(mdsctl_share_t *share, mdsctl_share_link_t *link)
{
    mdsctl_rows_t  *rows = NULL;
    mdsctl_answer_t answer
        = mdsctl_database_receive(link->db, &link->err, &rows);

    if (answer == MDSCTL_ANSWER_END) {
        fail(share, link);
        return;
    }

    if (link->listens && mdsctl_database_take_notices(link->db)) {
        mdsctl_share_feed_notice(share);
    }

    if (answer == MDSCTL_ANSWER_NONE) {
        return;
    }

    note_contact(share);

    if (link->state == SHARE_LINK_GREETING) {
        greet(share, link, answer, rows);

    } else if (link->state == SHARE_LINK_BUSY) {
        link->state = SHARE_LINK_READY;
        link->events = POLLIN;
        link->answer(share, answer, rows);
    }

    mdsctl_rows_free(rows);
}

/* Returns when the state is given up. */
static int64_t
deadline(const mdsctl_share_link_t *link)
{
    switch (link->state) {
    case SHARE_LINK_DOWN:
        return link->retry_ms;
    case SHARE_LINK_CONNECTING:
        return link->since_ms + CONNECT_MS;
    case SHARE_LINK_GREETING:
    case SHARE_LINK_BUSY:
        return link->since_ms + 2 * link->timeout_ms;
    case SHARE_LINK_READY:
        break;
    }

    return INT64_MAX;
}

int64_t
mdsctl_share_link_next_ms(const mdsctl_share_link_t *link)
{
    return deadline(link);
}

void
mdsctl_share_link_step(mdsctl_share_t *share, mdsctl_share_link_t *link,
                       short events)
{
    int64_t now_ms = mdsctl_share_now_ms();

    if (link->state == SHARE_LINK_DOWN) {
        if (now_ms >= link->retry_ms) {
            begin(share, link, now_ms);
        }

        return;
    }

    if (events != 0 && link->state == SHARE_LINK_CONNECTING) {
        go_on_connecting(share, link);

    } else if (events != 0) {
        if ((events & POLLOUT) != 0) {
            flush(share, link);
        }

        if (link->db != NULL && (events & ~POLLOUT) != 0) {
            receive(share, link);
        }
    }

    if (link->state != SHARE_LINK_DOWN
        && mdsctl_share_now_ms() >= deadline(link)) {
        (void) mds_fail(&link->err, MDS_IO,
                        "database: no answer for %" PRId64 " ms",
                        mdsctl_share_now_ms() - link->since_ms);
        fail(share, link);
    }
}
