/*
 * check: what the parts of `mdsctl check` share. check.c asks, and believes or
 * not; package.c gets the package that it was told to install; messages.c
 * deals with the user's messages.
 */

#ifndef MDSCTL_CHECK_H
#define MDSCTL_CHECK_H

#include "client/mds_client_manifest.h"
#include "device/http.h"
#include "device/service.h"
#include "mdsctl.h"
#include "report.h"
#include "sign/mds_sign.h"

typedef struct {
    const char           *base; /* URL, as given */
    const char           *have; /* the installed package; NULL: not kept */
    const char           *out;  /* where the new one goes; NULL: nowhere */
    mds_request_t         request;
    mds_public_t          keys[MDSCTL_VALUES_MAX]; /* any of them is believed */
    size_t                key_count;
    mds_public_t          public_key; /* the one that signed the order */
    mdsctl_http_options_t how;
    mdsctl_service_t      service;
    mdsctl_http_t        *http;
    mds_client_manifest_t order; /* verified, once its json is not NULL */
    mdsctl_report_t       report;
    mds_error_t           err; /* what went wrong last */
} mdsctl_check_t;

/* Makes the service's URL, with path and suffix behind it and a zero byte;
 * the caller frees the buffer. */
mds_status_t
mdsctl_check_url(mdsctl_check_t *check, const char *path, const char *suffix,
                 mds_buffer_t *url) MDS_MUST_CHECK;

/* What is said of an answer that is none: its status, and the words of an
 * RFC 9457 problem, without what could move a cursor. Returns MDS_IO. */
mds_status_t
mdsctl_check_refused(const mdsctl_check_t *check, const mdsctl_answer_t *answer,
                     mds_error_t *err);

/* Downloads, patches, verifies and keeps or drops the order's package. */
mds_status_t mdsctl_package_get(mdsctl_check_t *check) MDS_MUST_CHECK;

#endif
