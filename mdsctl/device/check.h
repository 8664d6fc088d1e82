/*
 * check: the state of `mdsctl check`. command/check.c sends the check and
 * verifies the manifest; package.c installs the package; messages.c processes
 * the user's messages; watch.c waits to be told.
 */

#ifndef MDSCTL_CHECK_H
#define MDSCTL_CHECK_H

#include "client/mds_client_manifest.h"
#include "client/mds_client_trust.h"
#include "device/http.h"
#include "device/service.h"
#include "mdsctl.h"
#include "report.h"
#include "sign/mds_sign.h"

typedef struct {
    const char           *base;    /* the URL as given */
    const char           *have;    /* the installed package, or NULL */
    const char           *out;     /* path for the new package, or NULL */
    bool                  reports; /* says how it ended */
    mds_request_t         request;
    mds_public_t          keys[MDSCTL_VALUES_MAX]; /* trusted keys */
    size_t                key_count;
    bool                  has_root; /* --root: trust and head are used */
    mds_client_trust_t    trust;
    mds_head_t            head;
    mds_public_t          public_key; /* the key that signed the manifest */
    mdsctl_http_options_t how;
    mdsctl_service_t      service;
    mdsctl_http_t        *http;
    mds_client_manifest_t order;         /* valid if its json is not NULL */
    char                  serial[24];    /* MDS-Serial of the last check */
    int64_t               retry_after_s; /* Retry-After of the last check */
    int64_t               silence_s;     /* --silence */
    mdsctl_report_t       report;
    bool        unverified; /* what came is not what a trusted key has signed */
    mds_error_t err;        /* of the last failure */
} mdsctl_check_t;

/* Appends the service's URL, path, suffix and a zero byte; the caller frees the
 * buffer. */
mds_status_t
mdsctl_check_url(mdsctl_check_t *check, const char *path, const char *suffix,
                 mds_buffer_t *url) MDS_MUST_CHECK;

/* Requests path, which may have a query, and reports the URL. */
mds_status_t
mdsctl_check_get(mdsctl_check_t *check, mds_buffer_t *path, mds_error_t *err,
                 mdsctl_answer_t *answer) MDS_MUST_CHECK;

/* Sets *err to the status of an error answer and the detail of its RFC 9457
 * problem. Returns MDS_IO. */
mds_status_t mdsctl_check_fail(const mdsctl_check_t  *check,
                               const mdsctl_answer_t *answer, mds_error_t *err);

/* Downloads and verifies the manifest's package, and stores it at c->out. */
mds_status_t mdsctl_package_get(mdsctl_check_t *check) MDS_MUST_CHECK;

#endif
