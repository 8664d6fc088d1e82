/*
 * http: GET and POST, as a careful device does them. The one file that knows
 * libcurl.
 *
 * http and https alone; redirects are followed at most three times, and not
 * from https to http. A host that does not answer is given up after 10 s, a
 * transfer at its deadline, or where it is too slow. Certificates are verified.
 * The user's password goes to the host that was asked, and to no other.
 */

#ifndef MDSCTL_HTTP_H
#define MDSCTL_HTTP_H

#include "base/mds_buffer.h"
#include "mdsctl.h"

#define MDSCTL_HTTP_BODY_MAX                                                   \
    ((size_t) 1024 * 1024) /* bytes of a small answer */

typedef struct mdsctl_http_s mdsctl_http_t;

/* How every transfer is made. */
typedef struct {
    int64_t     deadline_s;    /* for all of it, tries among them */
    int64_t     rate_bytes;    /* a second, at least, */
    int64_t     rate_window_s; /* on average over so long */
    const char *cacert;        /* file of whom to believe; NULL: the system's */
    const char *cert, *cert_key;    /* files; NULL: none, or one for both */
    const char *user;               /* NAME:PASSWORD; NULL: none */
    const mdsctl_values_t *headers; /* "NAME: VALUE"; with any, redirects are
                                     * not followed: they would be sent there */
} mdsctl_http_options_t;

/* A small answer, whole in memory. */
typedef struct {
    long         status;
    char         type[128];       /* Content-Type, without parameters */
    char         signature[1024]; /* MDS-Signature; empty: none */
    char         poll_after[16];  /* MDS-Poll-After; empty: none */
    mds_buffer_t body;            /* freed by mdsctl_answer_free() */
} mdsctl_answer_t;

/*
 * Where a download goes, as it comes. False: stop, it cannot be written (the
 * sink remembers why). The sink counts what it took.
 */
typedef struct mdsctl_sink_s mdsctl_sink_t;

struct mdsctl_sink_s {
    bool (*write)(mdsctl_sink_t *sink, const void *data, size_t len);
};

/* A connection that is used again for the next request; options outlive it. */
mds_status_t
mdsctl_http_open(const mdsctl_http_options_t *options, mds_error_t *err,
                 mdsctl_http_t **http) MDS_MUST_CHECK;

void mdsctl_http_close(mdsctl_http_t *http);

/*
 * Any HTTP status is MDS_OK. MDS_IO: no answer; MDS_INVALID: a URL that is
 * none, or a body above max_bytes. *answer is the caller's on MDS_OK.
 */
mds_status_t
mdsctl_http_get(mdsctl_http_t *http, const char *url, size_t max_bytes,
                mds_error_t *err, mdsctl_answer_t *answer) MDS_MUST_CHECK;

/* The same, having sent a JSON text, zero-terminated. */
mds_status_t
mdsctl_http_post(mdsctl_http_t *http, const char *url, const char *json,
                 size_t max_bytes, mds_error_t *err,
                 mdsctl_answer_t *answer) MDS_MUST_CHECK;

void mdsctl_answer_free(mdsctl_answer_t *answer);

int64_t mdsctl_http_deadline_ms(const mdsctl_http_t *http);

/*
 * Gets the bytes from `from` to size_bytes - 1 into the sink, never more. What
 * the sink took before a failure is good: go on from there. MDS_IO: broken,
 * worth another try; anything else will not become better by itself. left_ms
 * is what is left of the deadline.
 */
mds_status_t
mdsctl_http_download(mdsctl_http_t *http, const char *url, int64_t left_ms,
                     uint64_t from, uint64_t size_bytes, mdsctl_sink_t *sink,
                     mds_error_t *err) MDS_MUST_CHECK;

/* Appends the text as a value of a query (WHATWG URL, 5.2). */
void mdsctl_http_encode(mds_buffer_t *query, mds_str_t text);

#endif
