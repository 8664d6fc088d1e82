/*
 * fetch: several transfers at once. What has arrived of a file stays in
 * DEPOT/agent/part, and the next try goes on behind it. A file has its name
 * only once its digest is right.
 */

#define _GNU_SOURCE /* asprintf() */

#include "agent/agent.h"
#include "device/http_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRANSFERS_MAX 6
#define POLL_MS 500

/* A transfer under way. */
typedef struct {
    mdsctl_sink_t     sink; /* first: libcurl's callback gets its address */
    mdsctl_http_t    *http;
    mdsctl_download_t download;
    mdsctl_fetch_t   *fetch; /* NULL: none */
    char             *url;
    int               fd;
    int               failure; /* errno of a write; 0: none */
} transfer_t;

typedef struct {
    mdsctl_agent_t *agent;
    mdsctl_fetch_t *fetches;
    size_t          count;
    size_t          next;
    CURLM          *multi;
    transfer_t      transfers[TRANSFERS_MAX];
    unsigned        running;
    mds_error_t     err; /* the first failure */
} batch_t;

static bool
write_part(mdsctl_sink_t *sink, const void *data, size_t len)
{
    transfer_t *t = (transfer_t *) sink;
    const char *bytes = data;

    while (len > 0) {
        ssize_t n = write(t->fd, bytes, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            t->failure = n < 0 ? errno : EIO;
            return false;
        }

        bytes += n;
        len -= (size_t) n;
    }

    return true;
}

/* Opens the part; *from is how much of it is there. A part that is too long is
 * of another file. */
static mds_status_t
open_part(transfer_t *t, uint64_t *from, mds_error_t *err)
{
    struct stat st;

    t->fd = open(t->fetch->part.text,
                 O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (t->fd < 0 || fstat(t->fd, &st) != 0) {
        return mds_fail_errno(err, "create \"%s\"", t->fetch->part.text);
    }

    if ((uint64_t) st.st_size > t->fetch->bytes) {
        if (ftruncate(t->fd, 0) != 0) {
            return mds_fail_errno(err, "cut \"%s\"", t->fetch->part.text);
        }

        st.st_size = 0;
    }

    *from = (uint64_t) st.st_size;
    return MDS_OK;
}

static char *
make_url(const char *origin, const char *path)
{
    char *url = NULL;

    return asprintf(&url, "%s%s", origin, path) < 0 ? NULL : url;
}

/* Compares the complete part with its digest. One that is wrong is removed. */
static mds_status_t
verify_part(const mdsctl_fetch_t *fetch, mds_error_t *err)
{
    mds_sha256_t found;
    uint64_t     bytes;
    mds_status_t status;

    if (!fetch->has_sha256) {
        return MDS_OK;
    }

    status = mds_sha256_file(fetch->part.text, NULL, err, &found, &bytes);

    if (status == MDS_OK
        && (bytes != fetch->bytes || !mds_sha256_eq(&found, &fetch->sha256)))
    {
        (void) unlink(fetch->part.text);
        status = mds_fail(err, MDS_DAMAGED,
                          "%s: its SHA-256 is not the one that was named",
                          fetch->path);
    }

    return status;
}

static void
end_transfer(transfer_t *t)
{
    if (t->fd >= 0) {
        close(t->fd);
    }

    free(t->url);
    t->url = NULL;
    t->fd = -1;
    t->fetch = NULL;
}

/* Starts the next file. One that is complete is verified at once. */
static mds_status_t
start_transfer(batch_t *b, transfer_t *t, mds_error_t *err)
{
    uint64_t     from = 0;
    mds_status_t status;

    t->fetch = &b->fetches[b->next++];
    t->failure = 0;
    t->sink.write = write_part;
    t->url = make_url(t->fetch->origin != NULL ? t->fetch->origin
                                               : b->agent->origin,
                      t->fetch->path);
    status = t->url == NULL ? mds_fail_memory(err) : open_part(t, &from, err);

    if (status == MDS_OK && from == t->fetch->bytes) {
        status = verify_part(t->fetch, err);
        end_transfer(t);
        return status;
    }

    if (status != MDS_OK) {
        end_transfer(t);
        return status;
    }

    mdsctl_download_prepare(t->http, t->url, mdsctl_http_deadline_ms(t->http),
                            from, t->fetch->bytes, &t->sink, &t->download);

    if (curl_multi_add_handle(b->multi, t->http->curl) != CURLM_OK) {
        end_transfer(t);
        return mds_fail_memory(err);
    }

    b->running++;
    return MDS_OK;
}

/* Takes what a transfer has brought. */
static mds_status_t
finish_transfer(batch_t *b, transfer_t *t, CURLcode code, mds_error_t *err)
{
    mds_status_t status
        = mdsctl_http_fail(t->http, t->url, mdsctl_http_deadline_ms(t->http),
                           code, err);

    status = mdsctl_download_finish(&t->download, t->url, status, err);

    if (t->failure != 0) {
        errno = t->failure;
        status = mds_fail_errno(err, "write \"%s\"", t->fetch->part.text);

    } else if (status == MDS_OK) {
        status = verify_part(t->fetch, err);

    } else if (status == MDS_INVALID) {
        /* Another length or range than was named: the part may be wrong. */
        (void) unlink(t->fetch->part.text);
        err->status = status = MDS_DAMAGED;
    }

    if (status == MDS_OK) {
        mdsctl_figure_add(b->agent, MDS_AGENT_FETCHES, 1);
        mdsctl_figure_add(b->agent, MDS_AGENT_BYTES,
                          (int64_t) (t->fetch->bytes - t->download.from));
    }

    b->running--;
    end_transfer(t);

    return status;
}

static void
keep_first(batch_t *b, mds_status_t status, const mds_error_t *err)
{
    if (status != MDS_OK && b->err.status == MDS_OK) {
        b->err = *err;
    }
}

/* Starts files as long as there are transfers and none has failed. */
static void
start_more(batch_t *b)
{
    for (unsigned i = 0; i < TRANSFERS_MAX; i++) {
        transfer_t *t = &b->transfers[i];

        while (t->fetch == NULL && b->next < b->count && b->err.status == MDS_OK
               && *b->agent->stop == 0)
        {
            mds_error_t  err;
            mds_status_t status = MDS_OK;

            if (t->http == NULL) {
                status = mdsctl_http_open(&b->agent->http, &err, &t->http);
            }

            if (status == MDS_OK) {
                status = start_transfer(b, t, &err);
            }

            keep_first(b, status, &err);
        }
    }
}

/* Ends the transfers that are done. */
static void
reap(batch_t *b)
{
    CURLMsg *message;
    int      left;

    while ((message = curl_multi_info_read(b->multi, &left)) != NULL) {
        CURL    *curl = message->easy_handle;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE) {
            continue;
        }

        curl_multi_remove_handle(b->multi, curl);

        for (unsigned i = 0; i < TRANSFERS_MAX; i++) {
            transfer_t *t = &b->transfers[i];

            if (t->fetch != NULL && t->http->curl == curl) {
                mds_error_t err;

                keep_first(b, finish_transfer(b, t, code, &err), &err);
                break;
            }
        }
    }
}

mds_status_t
mdsctl_fetch_all(mdsctl_agent_t *agent, mdsctl_fetch_t *fetches, size_t count,
                 mds_error_t *err)
{
    batch_t b = { .agent = agent, .fetches = fetches, .count = count };
    int     still = 0;

    if (count == 0) {
        return MDS_OK;
    }

    b.multi = curl_multi_init();
    if (b.multi == NULL) {
        return mds_fail_memory(err);
    }

    for (unsigned i = 0; i < TRANSFERS_MAX; i++) {
        b.transfers[i].fd = -1;
    }

    start_more(&b);

    while (b.running > 0) {
        if (curl_multi_perform(b.multi, &still) != CURLM_OK) {
            keep_first(&b, mds_fail_memory(err), err);
        }

        reap(&b);
        start_more(&b);

        if (b.running > 0) {
            (void) curl_multi_poll(b.multi, NULL, 0, POLL_MS, NULL);
        }
    }

    for (unsigned i = 0; i < TRANSFERS_MAX; i++) {
        mdsctl_http_close(b.transfers[i].http);
    }

    curl_multi_cleanup(b.multi);

    if (b.err.status == MDS_OK && b.next < count) {
        return mds_fail(err, MDS_AGAIN, "ended by a signal");
    }

    return b.err.status == MDS_OK
               ? MDS_OK
               : mds_fail(err, b.err.status, "%s", b.err.text);
}

mds_status_t
mdsctl_fetch_text(mdsctl_http_t *http, const char *origin, const char *path,
                  size_t bytes_max, mds_error_t *err, mds_buffer_t *text)
{
    char           *url = make_url(origin, path);
    mdsctl_answer_t answer;
    mds_status_t    status
        = url == NULL ? mds_fail_memory(err)
                      : mdsctl_http_get(http, url, bytes_max, err, &answer);

    if (status != MDS_OK) {
        free(url);
        return status;
    }

    if (answer.status != 200) {
        status = mds_fail(err, answer.status == 404 ? MDS_NOT_FOUND : MDS_IO,
                          "%s: the server answers %ld", url, answer.status);
    } else {
        mds_buffer_add(text, answer.body.data, answer.body.len);
        status = mds_buffer_failed(text) ? mds_fail_memory(err) : MDS_OK;
    }

    mdsctl_answer_free(&answer);
    free(url);

    return status;
}
