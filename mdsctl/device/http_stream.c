/* http_stream: receives a stream of events with libcurl. */

#include "device/http_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define POLL_MS 1000 /* how often a stop and a silence are looked for */

typedef struct {
    mdsctl_http_t   *http;
    mdsctl_stream_t *stream;
    mdsctl_answer_t  answer; /* if it is not a stream */
    int64_t          heard_ms;
    bool             begun;  /* the header has been looked at */
    bool             failed; /* stream->err says why */
} transfer_t;

/* Looks whether the answer is a stream, when its first byte has come. */
static void
begin(transfer_t *t)
{
    t->begun = true;
    mdsctl_http_copy_answer(t->http, &t->answer);

    if (t->answer.status == 200
        && strcmp(t->answer.type, "text/event-stream") == 0) {
        t->stream->is_open = true;
        t->stream->opened_ms = mdsctl_clock_ms();
    }
}

static size_t
receive(char *data, size_t size, size_t count, void *arg)
{
    transfer_t *t = arg;
    size_t      len = size * count;

    if (!t->begun) {
        begin(t);
    }

    /* Any other answer has to be complete in that time. */
    if (t->stream->is_open) {
        t->heard_ms = mdsctl_clock_ms();
        t->failed = !t->stream->read(t->stream, (mds_str_t){ len, data });
        return t->failed ? 0 : len;
    }

    if (len > MDSCTL_HTTP_PROBLEM_MAX - t->answer.body.len) {
        return 0;
    }

    mds_buffer_add(&t->answer.body, data, len);
    return mds_buffer_failed(&t->answer.body) ? 0 : len;
}

/* Returns whether the transfer goes on. */
static bool
goes_on(transfer_t *t)
{
    if (t->http->options->stop != NULL && *t->http->options->stop != 0) {
        return false;
    }

    if (mdsctl_clock_ms() - t->heard_ms >= t->stream->silence_ms) {
        t->failed = true;
        mds_fail(&t->stream->err, MDS_IO, "silent for %" PRId64 " s",
                 t->stream->silence_ms / 1000);
        return false;
    }

    if (t->stream->is_open && !t->stream->run(t->stream)) {
        t->failed = true;
        return false;
    }

    return true;
}

/* Runs the transfer to its end. Returns the error of libcurl. */
static CURLcode
run(transfer_t *t, CURLM *multi)
{
    CURLMsg *message;
    int      active = 1, left;

    t->heard_ms = mdsctl_clock_ms();

    while (curl_multi_perform(multi, &active) == CURLM_OK && active > 0) {
        if (!goes_on(t)
            || curl_multi_poll(multi, NULL, 0, POLL_MS, NULL) != CURLM_OK) {
            return CURLE_ABORTED_BY_CALLBACK;
        }
    }

    message = curl_multi_info_read(multi, &left);

    /* What came with the end was not acted upon yet. */
    if (message != NULL && t->stream->is_open && !t->failed) {
        t->failed = !t->stream->run(t->stream);
    }

    return message != NULL ? message->data.result : CURLE_OUT_OF_MEMORY;
}

/* Sets the options in which a stream differs from other transfers. */
static struct curl_slist *
prepare(transfer_t *t, const char *url)
{
    CURL              *curl = t->http->curl;
    struct curl_slist *headers = NULL, *longer;
    struct curl_slist *item = t->http->headers;

    mdsctl_http_prepare(t->http, url, 0, receive, t);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 0L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 0L);

    headers = curl_slist_append(NULL, "Accept: text/event-stream");

    if (headers != NULL && t->stream->header != NULL
        && curl_slist_append(headers, t->stream->header) == NULL)
    {
        curl_slist_free_all(headers);
        return NULL;
    }

    for (; headers != NULL && item != NULL; item = item->next) {
        longer = curl_slist_append(headers, item->data);
        if (longer == NULL) {
            curl_slist_free_all(headers);
            return NULL;
        }
    }

    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    return headers;
}

mds_status_t
mdsctl_http_stream(mdsctl_http_t *http, const char *url,
                   mdsctl_stream_t *stream, mds_error_t *err,
                   mdsctl_answer_t *answer)
{
    transfer_t         t = { .http = http, .stream = stream };
    CURLM             *multi = curl_multi_init();
    struct curl_slist *headers = prepare(&t, url);
    CURLcode           code = CURLE_OUT_OF_MEMORY;

    stream->is_open = false;

    if (multi != NULL && headers != NULL
        && curl_multi_add_handle(multi, http->curl) == CURLM_OK)
    {
        code = run(&t, multi);
        if (!t.begun) {
            begin(&t);
        }
        curl_multi_remove_handle(multi, http->curl);
    }

    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    curl_multi_cleanup(multi);

    if (t.failed) {
        mdsctl_answer_free(&t.answer);
        return mds_fail(err, stream->err.status, "%s: %s", url,
                        stream->err.text);
    }

    /* A problem that is cut off is one, too. */
    if (code != CURLE_OK && (stream->is_open || t.answer.status == 0)) {
        mdsctl_answer_free(&t.answer);
        return mdsctl_http_fail(http, url, INT64_MAX, code, err);
    }

    *answer = t.answer;
    return MDS_OK;
}
