/* http: sends requests with libcurl, and maps its errors to mds_status_t. */

#include "device/http_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_S 10L
#define REDIRECTS_MAX 3L
#define SLACK_MS 100 /* libcurl may end a little before the deadline */

/* The body of an answer, with its limit. */
typedef struct {
    mds_buffer_t *buffer;
    size_t        max_bytes;
    bool          too_long;
} body_t;

/* Returns false if memory runs out. */
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

mds_status_t
mdsctl_http_open(const mdsctl_http_options_t *options, mds_error_t *err,
                 mdsctl_http_t **http)
{
    const char    *want_proof = "MDS-Want-Proof: 1";
    mdsctl_http_t *h = calloc(1, sizeof(*h));

    if (h == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(h);
        return mds_fail_memory(err);
    }

    h->options = options;
    h->curl = curl_easy_init();
    if (h->curl == NULL
        || (options->wants_proof && !add_headers(1, &want_proof, &h->headers))
        || !add_headers(options->headers->count, options->headers->items,
                        &h->headers))
    {
        mdsctl_http_close(h);
        return mds_fail_memory(err);
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

int64_t
mdsctl_http_deadline_ms(const mdsctl_http_t *http)
{
    return 1000 * http->options->deadline_s;
}

/* Sets certificates, user and header lines. Libcurl takes NULL for "none". */
static void
set_identity(mdsctl_http_t *http)
{
    const mdsctl_http_options_t *o = http->options;
    CURL                        *curl = http->curl;

    if (o->cacert != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, o->cacert);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }

    curl_easy_setopt(curl, CURLOPT_SSLCERT, o->cert);
    curl_easy_setopt(curl, CURLOPT_SSLKEY,
                     o->cert_key != NULL ? o->cert_key : o->cert);
    curl_easy_setopt(curl, CURLOPT_USERPWD, o->user);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers);
}

/* Ends the transfer; libcurl calls it about once a second. */
static int
is_stopped(void *data, curl_off_t down_total, curl_off_t down,
           curl_off_t up_total, curl_off_t up)
{
    const mdsctl_http_t *http = data;

    (void) down_total;
    (void) down;
    (void) up_total;
    (void) up;

    return *http->options->stop != 0;
}

void
mdsctl_http_prepare(mdsctl_http_t *http, const char *url, int64_t left_ms,
                    curl_write_callback write, void *data)
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
                     http->options->headers->count > 0 ? 0L : REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) left_ms);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT,
                     (long) http->options->rate_bytes);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                     (long) http->options->rate_window_s);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, data);

    if (http->options->stop != NULL) {
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_stopped);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http);
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    }

    set_identity(http);
}

/* Reports which limit was exceeded: the rate, the deadline, or the time for
 * connecting. */
static mds_status_t
fail_timeout(const mdsctl_http_t *http, const char *url, int64_t left_ms,
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

mds_status_t
mdsctl_http_fail(const mdsctl_http_t *http, const char *url, int64_t left_ms,
                 CURLcode code, mds_error_t *err)
{
    mds_status_t status;

    switch (code) {
    case CURLE_OK:
        return MDS_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return fail_timeout(http, url, left_ms, err);
    case CURLE_OUT_OF_MEMORY:
        status = MDS_NO_MEMORY;
        break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_ABORTED_BY_CALLBACK:
        status = MDS_INVALID;
        break;
    default:
        status = MDS_IO;
        break;
    }

    return mds_fail(err, status, "%s: %s", url,
                    http->error[0] != '\0' ? http->error
                                           : curl_easy_strerror(code));
}

mds_status_t
mdsctl_http_perform(mdsctl_http_t *http, const char *url, int64_t left_ms,
                    mds_error_t *err)
{
    return mdsctl_http_fail(http, url, left_ms, curl_easy_perform(http->curl),
                            err);
}

const char *
mdsctl_http_header(CURL *curl, const char *name)
{
    struct curl_header *h;

    return curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK
               ? h->value
               : NULL;
}

/* Copies the value of a header line; cuts it if it is longer than any valid
 * one. */
static void
copy_header(CURL *curl, const char *name, char *to, size_t size)
{
    const char *value = mdsctl_http_header(curl, name);

    (void) snprintf(to, size, "%s", value != NULL ? value : "");
}

void
mdsctl_http_copy_answer(mdsctl_http_t *http, mdsctl_answer_t *answer)
{
    curl_off_t retry_after_s = 0;

    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    answer->retry_after_s = retry_after_s;

    copy_header(http->curl, "Content-Type", answer->type, sizeof(answer->type));
    answer->type[strcspn(answer->type, "; \t")] = '\0';
    copy_header(http->curl, "MDS-Signature", answer->signature,
                sizeof(answer->signature));
    copy_header(http->curl, "MDS-Proof", answer->proof, sizeof(answer->proof));
    copy_header(http->curl, "MDS-Poll-After", answer->poll_after,
                sizeof(answer->poll_after));
    copy_header(http->curl, "MDS-Serial", answer->serial,
                sizeof(answer->serial));
}

static size_t
receive_body(char *data, size_t size, size_t count, void *arg)
{
    body_t *body = arg;
    size_t  len = size * count;

    if (len > body->max_bytes - body->buffer->len) {
        body->too_long = true;
        return 0;
    }

    mds_buffer_add(body->buffer, data, len);
    return mds_buffer_failed(body->buffer) ? 0 : len;
}

/* Sends a GET, or a POST if there is a JSON text. */
static mds_status_t
exchange(mdsctl_http_t *http, const char *url, const char *json,
         struct curl_slist *headers, size_t max_bytes, mds_error_t *err,
         mdsctl_answer_t *answer)
{
    mdsctl_answer_t a = { 0 };
    body_t          body = { .buffer = &a.body, .max_bytes = max_bytes };
    int64_t         left_ms = mdsctl_http_deadline_ms(http);
    mds_status_t    status;

    mdsctl_http_prepare(http, url, left_ms, receive_body, &body);

    if (json != NULL) {
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, json);
        curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
        /* A redirected POST must not become a GET. */
        curl_easy_setopt(http->curl, CURLOPT_POSTREDIR, CURL_REDIR_POST_ALL);
    }

    status = mdsctl_http_perform(http, url, left_ms, err);

    if (body.too_long) {
        status = mds_fail(err, MDS_INVALID,
                          "%s: the answer is longer than %zu bytes", url,
                          max_bytes);
    } else if (mds_buffer_failed(&a.body)) {
        status = mds_fail_memory(err);
    }

    if (status != MDS_OK) {
        mdsctl_answer_free(&a);
        return status;
    }

    mdsctl_http_copy_answer(http, &a);
    *answer = a;
    return MDS_OK;
}

mds_status_t
mdsctl_http_get(mdsctl_http_t *http, const char *url, size_t max_bytes,
                mds_error_t *err, mdsctl_answer_t *answer)
{
    return exchange(http, url, NULL, NULL, max_bytes, err, answer);
}

mds_status_t
mdsctl_http_post(mdsctl_http_t *http, const char *url, const char *json,
                 size_t max_bytes, mds_error_t *err, mdsctl_answer_t *answer)
{
    static const char *const type = "Content-Type: application/json";
    const mdsctl_values_t   *more = http->options->headers;
    struct curl_slist       *headers = NULL;
    mds_status_t             status;

    if (add_headers(1, &type, &headers)
        && add_headers(more->count, more->items, &headers))
    {
        status = exchange(http, url, json, headers, max_bytes, err, answer);
    } else {
        status = mds_fail_memory(err);
    }

    curl_slist_free_all(headers);
    return status;
}

void
mdsctl_answer_free(mdsctl_answer_t *answer)
{
    mds_buffer_free(&answer->body);
}

char *
mdsctl_http_decode(mds_str_t text)
{
    int   len = 0;
    char *copy = NULL;
    char *decoded;

    /* For libcurl, a length of 0 means a text that ends with a zero byte. */
    if (text.len == 0) {
        return strdup("");
    }

    decoded = curl_easy_unescape(NULL, text.data, (int) text.len, &len);

    if (decoded != NULL && memchr(decoded, 0, (size_t) len) == NULL) {
        copy = strdup(decoded);
    }

    curl_free(decoded);
    return copy;
}

static void
add_escaped(mds_buffer_t *url, mds_str_t text)
{
    char *escaped;

    if (text.len == 0) {
        return;
    }

    escaped = curl_easy_escape(NULL, text.data, (int) text.len);
    if (escaped == NULL) {
        url->failed = true;
        return;
    }

    mds_buffer_add(url, escaped, strlen(escaped));
    curl_free(escaped);
}

void
mdsctl_http_add_parameter(mds_buffer_t *url, mds_str_t name, mds_str_t value)
{
    mds_buffer_add(url,
                   url->len > 0 && memchr(url->data, '?', url->len) != NULL
                       ? "&"
                       : "?",
                   1);
    add_escaped(url, name);
    mds_buffer_add(url, "=", 1);
    add_escaped(url, value);
}
