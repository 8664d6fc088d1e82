/* http: the border to libcurl, and its errors in ours. */

#include "device/http.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mdsctl.h"

#define CONNECT_S 10L
#define REDIRECTS_MAX 3L
#define SLACK_MS 100 /* the library rounds, and may end a little before */

struct mdsctl_http_s {
    CURL                        *curl;
    const mdsctl_http_options_t *options;
    struct curl_slist           *headers; /* the options' */
    char error[CURL_ERROR_SIZE]; /* what the library says of a failure */
};

/* One answer on its way into memory. */
typedef struct {
    mds_buffer_t *body;
    size_t        max_bytes;
    bool          too_long;
} collect_t;

/* One file on its way into a sink. */
typedef struct {
    CURL          *curl;
    mdsctl_sink_t *sink;
    uint64_t       at;   /* offset in the file of the next byte that comes */
    uint64_t       from; /* of the first one that is wanted */
    uint64_t       size_bytes;
    bool           begun; /* the answer's head was looked at */
    mds_error_t    err;   /* why it was stopped; MDS_OK: it was not */
} download_t;

/* False: no memory. */
static bool
add_headers(size_t count, const char *const *headers, struct curl_slist **list)
{
    for (size_t i = 0; i < count; i++) {
        struct curl_slist *longer = curl_slist_append(*list, headers[i]);

        if (longer == NULL) {
            return false;
        }

        *list = longer;
    }

    return true;
}

int64_t
mdsctl_http_deadline_ms(const mdsctl_http_t *http)
{
    return 1000 * http->options->deadline_s;
}

mds_status_t
mdsctl_http_open(const mdsctl_http_options_t *options, mds_error_t *err,
                 mdsctl_http_t **http)
{
    mdsctl_http_t *h = calloc(1, sizeof(*h));

    if (h == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(h);
        return mds_fail(err, MDS_NO_MEMORY, "no memory for an HTTP client");
    }

    h->options = options;
    h->curl = curl_easy_init();
    if (h->curl == NULL
        || !add_headers(options->headers->count, options->headers->items,
                        &h->headers))
    {
        mdsctl_http_close(h);
        return mds_fail(err, MDS_NO_MEMORY, "no memory for an HTTP client");
    }

    *http = h;
    return MDS_OK;
}

void
mdsctl_http_close(mdsctl_http_t *http)
{
    if (http == NULL) {
        return;
    }

    curl_slist_free_all(http->headers);
    curl_easy_cleanup(http->curl);
    curl_global_cleanup();
    free(http);
}

/* Who asks, and whom to believe. */
static void
prepare_identity(mdsctl_http_t *http)
{
    const mdsctl_http_options_t *o = http->options;
    CURL                        *curl = http->curl;

    if (o->cacert != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, o->cacert);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }

    if (o->cert != NULL) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, o->cert);
        curl_easy_setopt(curl, CURLOPT_SSLKEY,
                         o->cert_key != NULL ? o->cert_key : o->cert);
    }

    if (o->user != NULL) {
        curl_easy_setopt(curl, CURLOPT_USERPWD, o->user);
    }

    if (http->headers != NULL) {
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers);
    }
}

/* Back to the defaults, then ours; connections stay. */
static void
prepare(mdsctl_http_t *http, const char *url, int64_t left_ms)
{
    CURL *curl = http->curl;
    bool  secure = strncmp(url, "https:", 6) == 0;

    curl_easy_reset(curl);
    http->error[0] = '\0';

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->error);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "mdsctl/" MDSCTL_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                     secure ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS,
                     http->headers != NULL ? 0L : REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) left_ms);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT,
                     (long) http->options->rate_bytes);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                     (long) http->options->rate_window_s);
    prepare_identity(http);
}

/* Which of the three times was up. */
static mds_status_t
too_late(const mdsctl_http_t *http, const char *url, int64_t left_ms,
         mds_error_t *err)
{
    const mdsctl_http_options_t *o = http->options;
    curl_off_t                   took_us = 0;

    curl_easy_getinfo(http->curl, CURLINFO_TOTAL_TIME_T, &took_us);

    if (strncmp(http->error, "Operation too slow", 18) == 0) {
        return mds_fail(err, MDS_IO,
                        "%s: slower than %" PRId64
                        " bytes a second over %" PRId64 " s (--least-rate)",
                        url, o->rate_bytes, o->rate_window_s);
    }

    if (took_us / 1000 + SLACK_MS >= left_ms) {
        return mds_fail(err, MDS_IO,
                        "%s: not done within %" PRId64 " s (--deadline)", url,
                        o->deadline_s);
    }

    return mds_fail(err, MDS_IO, "%s: %s", url, http->error);
}

static mds_status_t
perform(mdsctl_http_t *http, const char *url, int64_t left_ms, mds_error_t *err)
{
    CURLcode     code = curl_easy_perform(http->curl);
    mds_status_t status;
    const char  *words;

    switch (code) {
    case CURLE_OK:
        return MDS_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return too_late(http, url, left_ms, err);
    case CURLE_OUT_OF_MEMORY:
        status = MDS_NO_MEMORY;
        break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_PEER_FAILED_VERIFICATION:
        status = MDS_INVALID;
        break;
    default:
        status = MDS_IO;
        break;
    }

    words = http->error[0] != '\0' ? http->error : curl_easy_strerror(code);
    return mds_fail(err, status, "%s: %s", url, words);
}

/* The value of a header of the last answer; NULL: there is none. */
static const char *
header(CURL *curl, const char *name)
{
    struct curl_header *h;

    if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK) {
        return NULL;
    }

    return h->value;
}

/* What does not fit is cut, which nothing that is expected here does. */
static void
copy_header(CURL *curl, const char *name, char *to, size_t size)
{
    const char *value = header(curl, name);

    snprintf(to, size, "%s", value != NULL ? value : "");
}

static size_t
collect(char *data, size_t size, size_t count, void *arg)
{
    collect_t *c = arg;
    size_t     len = size * count;

    if (len > c->max_bytes - c->body->len) {
        c->too_long = true;
        return 0;
    }

    mds_buffer_add(c->body, data, len);
    return mds_buffer_failed(c->body) ? 0 : len;
}

/* The request that was prepared, and its answer. */
static mds_status_t
exchange(mdsctl_http_t *http, const char *url, size_t max_bytes,
         mds_error_t *err, mdsctl_answer_t *answer)
{
    mdsctl_answer_t a = { 0 };
    collect_t       c = { .body = &a.body, .max_bytes = max_bytes };
    mds_status_t    status;

    curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &c);

    status = perform(http, url, mdsctl_http_deadline_ms(http), err);

    if (c.too_long) {
        status = mds_fail(err, MDS_INVALID,
                          "%s: the answer is longer than %zu bytes", url,
                          max_bytes);
    } else if (mds_buffer_failed(&a.body)) {
        status
            = mds_fail(err, MDS_NO_MEMORY, "%s: no memory for the answer", url);
    }

    if (status != MDS_OK) {
        mdsctl_answer_free(&a);
        return status;
    }

    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &a.status);
    copy_header(http->curl, "Content-Type", a.type, sizeof(a.type));
    a.type[strcspn(a.type, "; \t")] = '\0';
    copy_header(http->curl, "MDS-Signature", a.signature, sizeof(a.signature));
    copy_header(http->curl, "MDS-Poll-After", a.poll_after,
                sizeof(a.poll_after));

    *answer = a;
    return MDS_OK;
}

mds_status_t
mdsctl_http_get(mdsctl_http_t *http, const char *url, size_t max_bytes,
                mds_error_t *err, mdsctl_answer_t *answer)
{
    prepare(http, url, mdsctl_http_deadline_ms(http));
    return exchange(http, url, max_bytes, err, answer);
}

mds_status_t
mdsctl_http_post(mdsctl_http_t *http, const char *url, const char *json,
                 size_t max_bytes, mds_error_t *err, mdsctl_answer_t *answer)
{
    static const char *const type = "Content-Type: application/json";
    const mdsctl_values_t   *more = http->options->headers;
    struct curl_slist       *headers = NULL;
    mds_status_t             status;

    if (!add_headers(1, &type, &headers)
        || !add_headers(more->count, more->items, &headers))
    {
        curl_slist_free_all(headers);
        return mds_fail(err, MDS_NO_MEMORY, "%s: no memory for a request", url);
    }

    prepare(http, url, mdsctl_http_deadline_ms(http));
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, json);
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
    /* what is sent elsewhere stays a POST */
    curl_easy_setopt(http->curl, CURLOPT_POSTREDIR, CURL_REDIR_POST_ALL);
    status = exchange(http, url, max_bytes, err, answer);

    curl_slist_free_all(headers);
    return status;
}

void
mdsctl_answer_free(mdsctl_answer_t *answer)
{
    mds_buffer_free(&answer->body);
}

/* RFC 9110, 14.4: "bytes 100-199/200"; is it the rest of our file? */
static bool
is_our_range(const download_t *d)
{
    char        expected[80];
    const char *value = header(d->curl, "Content-Range");

    snprintf(expected, sizeof(expected),
             "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, d->from,
             d->size_bytes - 1, d->size_bytes);

    return value != NULL && strcmp(value, expected) == 0;
}

/* The head of the answer: is it the file, and from which byte on? */
static mds_status_t
begin(download_t *d)
{
    long code = 0;

    d->begun = true;
    curl_easy_getinfo(d->curl, CURLINFO_RESPONSE_CODE, &code);

    switch (code) {
    case 200:
        d->at = 0;
        return MDS_OK;
    case 206:
        d->at = d->from;
        return is_our_range(d)
                   ? MDS_OK
                   : mds_fail(&d->err, MDS_INVALID,
                              "the answer has another range than the request");
    case 404:
        return mds_fail(&d->err, MDS_NOT_FOUND, "not found (404)");
    default:
        return mds_fail(&d->err, code >= 500 ? MDS_IO : MDS_INVALID,
                        "the server answers %ld", code);
    }
}

static size_t
receive(char *data, size_t size, size_t count, void *arg)
{
    download_t *d = arg;
    size_t      len = size * count, skip;

    if (!d->begun && begin(d) != MDS_OK) {
        return 0;
    }

    if (len > d->size_bytes - d->at) {
        mds_fail(&d->err, MDS_INVALID,
                 "the server sends more than the %" PRIu64
                 " bytes that were announced",
                 d->size_bytes);
        return 0;
    }

    /* a server without ranges begins at the beginning */
    skip = 0;
    if (d->at < d->from) {
        skip = d->from - d->at < len ? (size_t) (d->from - d->at) : len;
    }
    d->at += len;

    if (len > skip && !d->sink->write(d->sink, data + skip, len - skip)) {
        mds_fail(&d->err, MDS_NO_SPACE, "failed to store it");
        return 0;
    }

    return len;
}

mds_status_t
mdsctl_http_download(mdsctl_http_t *http, const char *url, int64_t left_ms,
                     uint64_t from, uint64_t size_bytes, mdsctl_sink_t *sink,
                     mds_error_t *err)
{
    download_t d = {
        .curl = http->curl, .sink = sink, .from = from, .size_bytes = size_bytes
    };
    char         range[32];
    mds_status_t status;

    prepare(http, url, left_ms);
    curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &d);
    if (from > 0) {
        snprintf(range, sizeof(range), "%" PRIu64 "-", from);
        curl_easy_setopt(http->curl, CURLOPT_RANGE, range);
    }

    status = perform(http, url, left_ms, err);

    /* an answer without a body, an empty file's among them */
    if (status == MDS_OK && !d.begun) {
        (void) begin(&d);
    }

    if (d.err.status != MDS_OK) {
        return mds_fail(err, d.err.status, "%s: %s", url, d.err.text);
    }

    if (status == MDS_OK && d.at != size_bytes) {
        return mds_fail(err, MDS_IO,
                        "%s: ended after %" PRIu64 " of %" PRIu64 " bytes", url,
                        d.at, size_bytes);
    }

    return status;
}

/* Letters, digits and "*-._" as they are, a space as "+". */
void
mdsctl_http_encode(mds_buffer_t *query, mds_str_t text)
{
    char escaped[4];

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char) text.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '*' || c == '-' || c == '.'
            || c == '_')
        {
            mds_buffer_add(query, &c, 1);
        } else if (c == ' ') {
            mds_buffer_add(query, "+", 1);
        } else {
            snprintf(escaped, sizeof(escaped), "%%%02X", c);
            mds_buffer_add(query, escaped, 3);
        }
    }
}
