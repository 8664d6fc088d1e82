/* http_download: downloads a file, or the rest of it, with libcurl. */

#include "device/http_internal.h"

#include <inttypes.h>
#include <stdio.h>

/* Returns whether Content-Range (RFC 9110, 14.4), such as "bytes 100-199/200",
 * is the rest of the file. */
static bool
is_requested_range(const mdsctl_download_t *d)
{
    char        expected[80]; /* has room for three numbers of 20 digits */
    const char *value = mdsctl_http_header(d->curl, "Content-Range");

    (void) snprintf(expected, sizeof(expected),
                    "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, d->from,
                    d->size_bytes - 1, d->size_bytes);

    return value != NULL && strcmp(value, expected) == 0;
}

/* Checks the status, which decides at which offset the answer begins. */
static mds_status_t
begin(mdsctl_download_t *d)
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
        return is_requested_range(d)
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
    mdsctl_download_t *d = arg;
    size_t             len = size * count, skip = 0;

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

    /* A server without ranges sends the file from its beginning. */
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

void
mdsctl_download_prepare(mdsctl_http_t *http, const char *url, int64_t left_ms,
                        uint64_t from, uint64_t size_bytes, mdsctl_sink_t *sink,
                        mdsctl_download_t *download)
{
    char range[32];

    *download = (mdsctl_download_t){
        .curl = http->curl, .sink = sink, .from = from, .size_bytes = size_bytes
    };
    mdsctl_http_prepare(http, url, left_ms, receive, download);

    if (from > 0) {
        (void) snprintf(range, sizeof(range), "%" PRIu64 "-", from);
        curl_easy_setopt(http->curl, CURLOPT_RANGE, range);
    }
}

mds_status_t
mdsctl_download_finish(mdsctl_download_t *d, const char *url,
                       mds_status_t status, mds_error_t *err)
{
    /* An answer without a body, such as that of an empty file. */
    if (status == MDS_OK && !d->begun) {
        (void) begin(d);
    }

    if (d->err.status != MDS_OK) {
        return mds_fail(err, d->err.status, "%s: %s", url, d->err.text);
    }

    if (status == MDS_OK && d->at != d->size_bytes) {
        return mds_fail(err, MDS_IO,
                        "%s: ended after %" PRIu64 " of %" PRIu64 " bytes", url,
                        d->at, d->size_bytes);
    }

    return status;
}

mds_status_t
mdsctl_http_download(mdsctl_http_t *http, const char *url, int64_t left_ms,
                     uint64_t from, uint64_t size_bytes, mdsctl_sink_t *sink,
                     mds_error_t *err)
{
    mdsctl_download_t download;

    mdsctl_download_prepare(http, url, left_ms, from, size_bytes, sink,
                            &download);

    return mdsctl_download_finish(&download, url,
                                  mdsctl_http_perform(http, url, left_ms, err),
                                  err);
}
