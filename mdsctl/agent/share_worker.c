/*
 * A worker's connection: its frames are read and dealt with, and those for it
 * are kept until it reads them. A worker that sends what is no frame, or does
 * not read, is closed with a line in the log.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/share_internal.h"

mdsctl_share_worker_t *
mdsctl_share_worker_at(const mdsctl_share_t *share, int place,
                       unsigned generation)
{
    mdsctl_share_worker_t *worker = place < 0 ? NULL : share->workers[place];

    return worker != NULL && worker->generation == generation ? worker : NULL;
}

static void
worker_free(mdsctl_share_worker_t *worker)
{
    (void) close(worker->fd);
    mds_buffer_free(&worker->out);
    free(worker->outbox);
    free(worker->in);
    free(worker);
}

void
mdsctl_share_worker_close(mdsctl_share_t *share, int place)
{
    worker_free(share->workers[place]);
    share->workers[place] = NULL;

    (void) pthread_mutex_lock(&share->lock);
    share->figures.workers--;
    (void) pthread_mutex_unlock(&share->lock);
}

/* Closes a worker that has sent something wrong. */
static void
refuse(mdsctl_share_t *share, int place, const char *why)
{
    mdsctl_share_log(share, "worker %u: %s; its connection is closed",
                     (unsigned) share->workers[place]->pid, why);
    mdsctl_share_worker_close(share, place);
    mdsctl_share_count(share, faults, 1);
}

void
mdsctl_share_worker_add(mdsctl_share_t *share, int fd)
{
    mdsctl_share_worker_t *worker = NULL;
    int                    place = 0;

    while (place < SHARE_WORKERS_MAX && share->workers[place] != NULL) {
        place++;
    }

    if (place < SHARE_WORKERS_MAX) {
        worker = calloc(1, sizeof(*worker));
    }

    if (worker != NULL) {
        worker->in = malloc(MDS_FRAME_MAX);
    }

    if (worker == NULL || worker->in == NULL) {
        (void) close(fd);
        free(worker);
        return;
    }

    worker->fd = fd;
    worker->generation = ++share->generation;
    share->workers[place] = worker;
    mdsctl_share_count(share, workers, 1);
}

/* --- frames for the worker */

void
mdsctl_share_worker_send(mdsctl_share_t *share, int place, const void *frame,
                         size_t bytes)
{
    mdsctl_share_worker_t *worker = share->workers[place];

    if (worker->out.len - worker->out_done + bytes > SHARE_OUT_MAX) {
        return; /* it does not read: it is closed when it is polled */
    }

    if (worker->out_done == worker->out.len) {
        worker->out.len = 0;
        worker->out_done = 0;
    }

    mds_buffer_add(&worker->out, frame, bytes);
}

/* Closes the worker if it does not read or has gone. */
void
mdsctl_share_worker_flush(mdsctl_share_t *share, int place)
{
    mdsctl_share_worker_t *worker = share->workers[place];

    while (worker->out_done < worker->out.len) {
        ssize_t n = send(worker->fd, worker->out.data + worker->out_done,
                         worker->out.len - worker->out_done, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n < 0 && errno == EAGAIN) {
            break;
        }

        if (n < 0) {
            mdsctl_share_worker_close(share, place);
            return;
        }

        worker->out_done += (size_t) n;
    }

    if (mds_buffer_failed(&worker->out)) {
        refuse(share, place, "memory is short");
    } else if (worker->out.len - worker->out_done > SHARE_OUT_MAX / 2) {
        refuse(share, place, "it does not read what it is sent");
    }
}

static void
tell(mdsctl_share_t *share, int place)
{
    static const uint8_t   none[MDS_FLEET_BYTES];
    mdsctl_share_worker_t *worker = share->workers[place];
    mds_frame_welcome_t    welcome = { .protocol = MDS_FRAME_PROTOCOL,
                                       .shared = true,
                                       .reachable = share->reachable };
    uint8_t                frame[64];
    size_t                 bytes = 0;

    if (!worker->greeted
        || memcmp(share->fleet, none, sizeof(none)) == 0) /* not known yet */
    {
        return;
    }

    if (!worker->welcomed) {
        memcpy(welcome.fleet, share->fleet, sizeof(welcome.fleet));
        bytes = mds_frame_put_welcome(&welcome, frame, sizeof(frame));

    } else if (worker->told_reachable != share->reachable) {
        bytes = mds_frame_put_reachable(share->reachable, frame, sizeof(frame));
    }

    if (bytes > 0) {
        mdsctl_share_worker_send(share, place, frame, bytes);
        worker->welcomed = true;
        worker->told_reachable = share->reachable;
    }
}

void
mdsctl_share_workers_tell(mdsctl_share_t *share)
{
    for (int place = 0; place < SHARE_WORKERS_MAX; place++) {
        if (share->workers[place] != NULL) {
            tell(share, place);
        }
    }
}

/* --- frames of the worker */

static bool
take_hello(mdsctl_share_t *share, int place, const mds_frame_t *frame)
{
    static const uint8_t   none[MDS_FLEET_BYTES];
    mdsctl_share_worker_t *worker = share->workers[place];
    mds_frame_hello_t      hello;

    if (worker->greeted || !mds_frame_get_hello(frame, &hello)) {
        return false;
    }

    worker->greeted = true;
    worker->pid = hello.pid;
    worker->wants_feed = hello.wants_feed;
    worker->is_behind = hello.wants_feed;
    worker->position = hello.position;
    memcpy(worker->fleet, hello.fleet, sizeof(worker->fleet));

    if (memcmp(hello.fleet, none, sizeof(none)) == 0) {
        worker->position = 0;
    }

    return hello.protocol == MDS_FRAME_PROTOCOL;
}

/* Returns whether the worker's state belongs to another database. */
static bool
is_foreign(const mdsctl_share_t *share, const mdsctl_share_worker_t *worker)
{
    static const uint8_t none[MDS_FLEET_BYTES];

    return worker->greeted && memcmp(worker->fleet, none, sizeof(none)) != 0
           && memcmp(share->fleet, none, sizeof(none)) != 0
           && memcmp(worker->fleet, share->fleet, sizeof(none)) != 0;
}

static bool
take_frame(mdsctl_share_t *share, int place, const mds_frame_t *frame,
           mds_str_t bytes)
{
    if (frame->type != MDS_FRAME_HELLO && !share->workers[place]->greeted) {
        return false;
    }

    switch (frame->type) {
    case MDS_FRAME_HELLO:
        return take_hello(share, place, frame);
    case MDS_FRAME_ADMIT:
        return mdsctl_share_admit_take(share, place, frame, bytes);
    case MDS_FRAME_OUTBOX:
        return mdsctl_share_outbox_take(share, place, frame, bytes);
    case MDS_FRAME_FEED_ACK:
        return mdsctl_share_feed_acknowledge(share, place, frame);
    default:
        return false;
    }
}

/* Deals with all whole frames. Returns false if one is wrong. */
static bool
take_frames(mdsctl_share_t *share, int place)
{
    mdsctl_share_worker_t *worker = share->workers[place];
    size_t                 done = 0;

    for (;;) {
        mds_str_t bytes
            = { worker->in_len - done, (const char *) worker->in + done };
        mds_frame_t  frame;
        size_t       taken;
        mds_status_t status = mds_frame_parse(bytes, NULL, &frame, &taken);

        if (status == MDS_AGAIN) {
            break;
        }

        bytes.len = status == MDS_OK ? taken : 0;

        if (status != MDS_OK || !take_frame(share, place, &frame, bytes)) {
            return false;
        }

        done += taken;
    }

    worker->in_len -= done;
    memmove(worker->in, worker->in + done, worker->in_len);

    return true;
}

void
mdsctl_share_worker_read(mdsctl_share_t *share, int place)
{
    mdsctl_share_worker_t *worker = share->workers[place];
    ssize_t                n = recv(worker->fd, worker->in + worker->in_len,
                                    MDS_FRAME_MAX - worker->in_len, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        mdsctl_share_worker_close(share, place);
        return;
    }

    worker->in_len += (size_t) n;

    if (!take_frames(share, place)) {
        refuse(share, place, "it has sent a frame that is not valid");

    } else if (is_foreign(share, worker)) {
        refuse(share, place,
               "its state belongs to another database: run \"mdsctl database"
               " leave\" to let it go");

    } else {
        tell(share, place);
    }
}
