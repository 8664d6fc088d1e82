/*
 * http: GET and POST requests, and downloads, with libcurl.
 *
 * Only http and https are used. At most three redirects are followed, and none
 * from https to http. A host that does not respond within 10 s, a transfer that
 * exceeds its deadline, and one that is too slow are given up. Certificates are
 * verified. Libcurl sends the user's password only to the first host.
 */

#ifndef MDSCTL_HTTP_H
#define MDSCTL_HTTP_H

#include <signal.h>

#include "base/mds_buffer.h"
#include "mdsctl.h"

/* The limit of an answer that is not a file, in bytes. */
#define MDSCTL_HTTP_BODY_MAX ((size_t) 1024 * 1024)

/* The limit of an answer that should have been a stream. */
#define MDSCTL_HTTP_PROBLEM_MAX ((size_t) 4096)

typedef struct mdsctl_http_s mdsctl_http_t;

/* Options of every transfer. */
typedef struct {
    int64_t     deadline_s;    /* for a transfer with all its tries */
    int64_t     rate_bytes;    /* minimum rate per second, … */
    int64_t     rate_window_s; /* … averaged over this time */
    const char *cacert;        /* trusted certificates; NULL: the system's */
    const char *cert;          /* NULL: none */
    const char *cert_key;      /* NULL: cert contains the key */
    const char *user;          /* NAME:PASSWORD, or NULL */
    bool        wants_proof;   /* asks for MDS-Proof */

    /* "NAME: VALUE"; with any, redirects are not followed, because the header
     * lines would be sent to the other host. */
    const mdsctl_values_t *headers;

    /* Ends a transfer within a second once it is not 0; NULL: nothing does. */
    const volatile sig_atomic_t *stop;
} mdsctl_http_options_t;

/* A small answer; mdsctl_answer_free() frees the body. */
typedef struct {
    long         status;
    char         type[128];       /* Content-Type, without parameters */
    char         signature[1024]; /* MDS-Signature, or empty */
    char         poll_after[16];  /* MDS-Poll-After, or empty */
    char         serial[24];      /* MDS-Serial, or empty */
    int64_t      retry_after_s;   /* Retry-After; 0: none */
    char         proof[2048];     /* MDS-Proof, or empty */
    mds_buffer_t body;
} mdsctl_answer_t;

/* Receives a download in pieces. write() returns false if it failed; the sink
 * remembers why. */
typedef struct mdsctl_sink_s mdsctl_sink_t;

struct mdsctl_sink_s {
    bool (*write)(mdsctl_sink_t *sink, const void *data, size_t len);
};

/* Creates a client, which reuses its connection. options must outlive it. */
mds_status_t
mdsctl_http_open(const mdsctl_http_options_t *options, mds_error_t *err,
                 mdsctl_http_t **http) MDS_MUST_CHECK;

void mdsctl_http_close(mdsctl_http_t *http);

/*
 * Sends a GET. Returns MDS_OK for any HTTP status, MDS_IO if there is no
 * answer, and MDS_INVALID if the URL is invalid or the body exceeds max_bytes.
 */
mds_status_t
mdsctl_http_get(mdsctl_http_t *http, const char *url, size_t max_bytes,
                mds_error_t *err, mdsctl_answer_t *answer) MDS_MUST_CHECK;

/* Sends a POST with a JSON text that ends with a zero byte. */
mds_status_t
mdsctl_http_post(mdsctl_http_t *http, const char *url, const char *json,
                 size_t max_bytes, mds_error_t *err,
                 mdsctl_answer_t *answer) MDS_MUST_CHECK;

void mdsctl_answer_free(mdsctl_answer_t *answer);

int64_t mdsctl_http_deadline_ms(const mdsctl_http_t *http);

/*
 * Downloads the bytes from `from` to size_bytes - 1 to the sink, and never
 * more, within left_ms. After a failure the sink has valid bytes, and the
 * download can continue behind them. Returns MDS_IO if the transfer was
 * interrupted and may be repeated; other failures are final.
 */
mds_status_t
mdsctl_http_download(mdsctl_http_t *http, const char *url, int64_t left_ms,
                     uint64_t from, uint64_t size_bytes, mdsctl_sink_t *sink,
                     mds_error_t *err) MDS_MUST_CHECK;

/* Receives a stream of events. Both functions return false to end it, after
 * they have set *err. */
typedef struct mdsctl_stream_s mdsctl_stream_t;

struct mdsctl_stream_s {
    /* Takes a piece of the body. */
    bool (*read)(mdsctl_stream_t *stream, mds_str_t piece);

    /* Is called when a piece was read, and every second; other transfers can be
     * made meanwhile, by another client. */
    bool (*run)(mdsctl_stream_t *stream);

    const char *header; /* "Last-Event-ID: ID", or NULL */
    int64_t     silence_ms;
    mds_error_t err;

    /* Is set while the stream is open. */
    bool    is_open; /* the answer is 200 and a stream of events */
    int64_t opened_ms;
};

/*
 * Sends a GET and receives a stream of events. It ends when the server or a
 * function of the stream ends it, or when nothing has come for its silence_ms;
 * there is no deadline. Returns MDS_OK for any HTTP status; if that is not a
 * stream, answer is it, with at most MDSCTL_HTTP_PROBLEM_MAX bytes.
 */
mds_status_t mdsctl_http_stream(mdsctl_http_t *http, const char *url,
                                mdsctl_stream_t *stream, mds_error_t *err,
                                mdsctl_answer_t *answer) MDS_MUST_CHECK;

/* Returns the percent-decoded text, which the caller frees, or NULL if it has a
 * zero byte or memory runs out. */
char *mdsctl_http_decode(mds_str_t text) MDS_MUST_CHECK;

/* Appends "?NAME=VALUE" or "&NAME=VALUE", percent-encoded, to a URL. */
void
mdsctl_http_add_parameter(mds_buffer_t *url, mds_str_t name, mds_str_t value);

#endif
