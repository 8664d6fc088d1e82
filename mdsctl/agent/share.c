/*
 * The loop of the sharing thread: it polls the socket, the workers and the
 * links to the database, and sleeps until the next deadline otherwise.
 */

#define _GNU_SOURCE /* pipe2(), gethostname() */

#include "agent/share.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/share_internal.h"

#define SLEEP_MAX_MS 1000

int64_t
mdsctl_share_now_us(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
mdsctl_share_now_ms(void)
{
    return mdsctl_share_now_us() / 1000;
}

void
mdsctl_share_log(const mdsctl_share_t *share, const char *format, ...)
{
    char    line[MDS_ERROR_BYTES + 128];
    va_list args;

    va_start(args, format);
    (void) vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    share->options.log(share->options.data, line);
}

/* Decides whether admissions can be asked: the link is up, and its statement
 * does not hang. */
static void
look_at_database(mdsctl_share_t *share, int64_t now_ms)
{
    const mdsctl_share_link_t *link = &share->admissions;
    bool                       reachable = link->state == SHARE_LINK_READY
                     || (link->state == SHARE_LINK_BUSY
                         && now_ms < link->since_ms + SHARE_SLOW_MS);

    if (reachable == share->reachable) {
        return;
    }

    share->reachable = reachable;
    mdsctl_share_workers_tell(share);

    if (!reachable) {
        mdsctl_share_admit_fail(share);
    }

    (void) pthread_mutex_lock(&share->lock);
    share->figures.reachable = reachable;
    (void) pthread_mutex_unlock(&share->lock);
}

/* What is polled, and whose each descriptor is. */
typedef struct {
    struct pollfd fds[SHARE_WORKERS_MAX + 4];
    int           places[SHARE_WORKERS_MAX + 4];
    nfds_t        count;
} poll_set_t;

enum {
    PLACE_WAKE = -1,
    PLACE_SOCKET = -2,
    PLACE_ADMISSIONS = -3,
    PLACE_FEED = -4
};

static void
add(poll_set_t *set, int fd, short events, int place)
{
    set->fds[set->count] = (struct pollfd){ .fd = fd, .events = events };
    set->places[set->count++] = place;
}

static void
add_link(poll_set_t *set, const mdsctl_share_link_t *link, int place)
{
    if (link->db != NULL) {
        add(set, mdsctl_database_fd(link->db), link->events, place);
    }
}

/* A worker whose answers are not read is not read either. */
static short
worker_events(const mdsctl_share_worker_t *worker)
{
    size_t left = worker->out.len - worker->out_done;

    return (short) ((left < SHARE_OUT_MAX / 4 ? POLLIN : 0)
                    | (left > 0 ? POLLOUT : 0));
}

static void
collect(const mdsctl_share_t *share, poll_set_t *set)
{
    set->count = 0;
    add(set, share->wake[0], POLLIN, PLACE_WAKE);
    add(set, share->socket, POLLIN, PLACE_SOCKET);
    add_link(set, &share->admissions, PLACE_ADMISSIONS);
    add_link(set, &share->feed, PLACE_FEED);

    for (int place = 0; place < SHARE_WORKERS_MAX; place++) {
        if (share->workers[place] != NULL) {
            add(set, share->workers[place]->fd,
                worker_events(share->workers[place]), place);
        }
    }
}

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Returns how long the loop may sleep. */
static int
sleep_ms(const mdsctl_share_t *share, int64_t now_ms)
{
    int64_t next = now_ms + SLEEP_MAX_MS;

    next = least(next, mdsctl_share_link_next_ms(&share->admissions));
    next = least(next, mdsctl_share_link_next_ms(&share->feed));
    next = least(next, mdsctl_share_admit_next_ms(share));

    if (share->reachable && share->admissions.state == SHARE_LINK_BUSY) {
        next = least(next, share->admissions.since_ms + SHARE_SLOW_MS);
    }

    return next <= now_ms ? 0 : (int) (next - now_ms);
}

static void
deal_with(mdsctl_share_t *share, int place, short events)
{
    switch (place) {
    case PLACE_WAKE:
        break;
    case PLACE_SOCKET:
        mdsctl_share_socket_accept(share);
        break;
    case PLACE_ADMISSIONS:
        mdsctl_share_link_step(share, &share->admissions, events);
        break;
    case PLACE_FEED:
        mdsctl_share_link_step(share, &share->feed, events);
        break;
    default:
        if ((events & ~POLLOUT) != 0) {
            mdsctl_share_worker_read(share, place);
        }
        break;
    }
}

/* Sends what has been written for workers meanwhile. */
static void
flush_workers(mdsctl_share_t *share)
{
    for (int place = 0; place < SHARE_WORKERS_MAX; place++) {
        if (share->workers[place] != NULL) {
            mdsctl_share_worker_flush(share, place);
        }
    }
}

static void *
run(void *data)
{
    mdsctl_share_t *share = data;
    poll_set_t      set;

    while (!atomic_load(&share->stops)) {
        int64_t now_ms = mdsctl_share_now_ms();

        collect(share, &set);

        if (poll(set.fds, set.count, sleep_ms(share, now_ms)) > 0) {
            for (nfds_t i = 0; i < set.count; i++) {
                if (set.fds[i].revents != 0) {
                    deal_with(share, set.places[i], set.fds[i].revents);
                }
            }
        }

        mdsctl_share_link_step(share, &share->admissions, 0);
        mdsctl_share_link_step(share, &share->feed, 0);
        now_ms = mdsctl_share_now_ms();
        look_at_database(share, now_ms);
        mdsctl_share_admit_step(share, now_ms);
        mdsctl_share_feed_step(share, now_ms);
        mdsctl_share_workers_tell(share);
        flush_workers(share);
        mdsctl_share_figures_show(share, now_ms);
    }

    return NULL;
}

/* --- start and stop */

static void
set_edge_name(mdsctl_share_t *share)
{
    char host[128] = "";

    if (share->options.edge != NULL) {
        (void) snprintf(share->edge, sizeof(share->edge), "%s",
                        share->options.edge);
        return;
    }

    (void) gethostname(host, sizeof(host) - 1);
    (void) snprintf(share->edge, sizeof(share->edge), "%s:%s", host,
                    share->options.depot);
}

static void
mdsctl_share_free(mdsctl_share_t *share)
{
    for (int place = 0; place < SHARE_WORKERS_MAX; place++) {
        if (share->workers[place] != NULL) {
            mdsctl_share_worker_close(share, place);
        }
    }

    mdsctl_share_admit_free(share);
    mdsctl_share_link_close(&share->admissions);
    mdsctl_share_link_close(&share->feed);
    mdsctl_share_socket_close(share);

    for (size_t i = 0; i < mds_nelems(share->wake); i++) {
        if (share->wake[i] >= 0) {
            (void) close(share->wake[i]);
        }
    }

    (void) pthread_mutex_destroy(&share->lock);
    free(share);
}

static mdsctl_share_t *
mdsctl_share_new(const mdsctl_share_options_t *options)
{
    mdsctl_share_t *share = calloc(1, sizeof(*share));

    if (share != NULL) {
        share->options = *options;
        share->socket = -1;
        share->wake[0] = share->wake[1] = -1;
        share->served = -1;
        share->batch = SHARE_BATCH_FIRST;
        share->admissions
            = (mdsctl_share_link_t){ .name = "admissions", .timeout_ms = 1000 };
        share->feed = (mdsctl_share_link_t){ .name = "feed",
                                             .listens = true,
                                             .timeout_ms = 10000 };
        (void) pthread_mutex_init(&share->lock, NULL);
        set_edge_name(share);
    }

    return share;
}

mds_status_t
mdsctl_share_start(const mdsctl_share_options_t *options, mds_error_t *err,
                   mdsctl_share_t **started)
{
    char            name[MDSCTL_DATABASE_NAME_BYTES];
    mdsctl_share_t *share;
    mds_status_t    status = mdsctl_database_describe(options->uri, err, name);

    if (status != MDS_OK) {
        return status;
    }

    share = mdsctl_share_new(options);

    if (share == NULL) {
        return mds_fail_memory(err);
    }

    status = mdsctl_share_socket_open(share, err);

    if (status == MDS_OK && pipe2(share->wake, O_CLOEXEC | O_NONBLOCK) != 0) {
        status = mds_fail_errno(err, "make a pipe");
    }

    if (status == MDS_OK
        && pthread_create(&share->thread, NULL, run, share) != 0) {
        status = mds_fail(err, MDS_NO_MEMORY, "failed to start a thread");
    }

    if (status != MDS_OK) {
        mdsctl_share_free(share);
        return status;
    }

    *started = share;
    return MDS_OK;
}

void
mdsctl_share_stop(mdsctl_share_t *share)
{
    if (share == NULL) {
        return;
    }

    atomic_store(&share->stops, true);
    (void) !write(share->wake[1], "", 1);
    (void) pthread_join(share->thread, NULL);
    mdsctl_share_free(share);
}
