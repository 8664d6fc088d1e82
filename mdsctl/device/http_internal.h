/* http_internal: a prepared transfer, for http.c and http_download.c. */

#ifndef MDSCTL_HTTP_INTERNAL_H
#define MDSCTL_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "device/http.h"

struct mdsctl_http_s {
    CURL                        *curl;
    const mdsctl_http_options_t *options;
    struct curl_slist           *headers; /* those of the options */
    char                         error[CURL_ERROR_SIZE];
};

/* A download under way. */
typedef struct {
    CURL          *curl;
    mdsctl_sink_t *sink;
    uint64_t       at;   /* offset in the file of the next received byte */
    uint64_t       from; /* offset of the first byte for the sink */
    uint64_t       size_bytes;
    bool           begun; /* the status was checked */
    mds_error_t    err;   /* why the transfer was stopped */
} mdsctl_download_t;

/* Prepare a download, and tell how it ended: status is that of the transfer.
 * mdsctl_http_download() does both; between them, the transfer may be made
 * together with others. */
void
mdsctl_download_prepare(mdsctl_http_t *http, const char *url, int64_t left_ms,
                        uint64_t from, uint64_t size_bytes, mdsctl_sink_t *sink,
                        mdsctl_download_t *download);
mds_status_t
mdsctl_download_finish(mdsctl_download_t *download, const char *url,
                       mds_status_t status, mds_error_t *err) MDS_MUST_CHECK;

/* Sets all options of the next transfer; connections stay open. */
void mdsctl_http_prepare(mdsctl_http_t *http, const char *url, int64_t left_ms,
                         curl_write_callback write, void *data);

/* Performs the transfer, and returns MDS_OK for any HTTP status. */
mds_status_t
mdsctl_http_perform(mdsctl_http_t *http, const char *url, int64_t left_ms,
                    mds_error_t *err) MDS_MUST_CHECK;

/* Sets err for a libcurl error. */
mds_status_t mdsctl_http_fail(const mdsctl_http_t *http, const char *url,
                              int64_t left_ms, CURLcode code, mds_error_t *err);

/* Copies status and header lines of the last answer. */
void mdsctl_http_copy_answer(mdsctl_http_t *http, mdsctl_answer_t *answer);

/* Returns the value of a header line of the last answer, or NULL. */
const char *mdsctl_http_header(CURL *curl, const char *name);

#endif
