/*
 * mds_request: what a device says of itself, as views into bytes that the
 * caller owns. Nothing here allocates.
 *
 * An attribute can be fixed: then it came from the operator (nginx's
 * mds_attribute), and whatever the device claims under that name is dropped.
 * An empty value is an absent attribute.
 */

#ifndef MDS_REQUEST_H
#define MDS_REQUEST_H

#include "mds_base.h"

#define MDS_ATTRIBUTES_MAX 64     /* in one request */
#define MDS_ATTRIBUTE_NAME_MAX 32 /* bytes */
#define MDS_TOKEN_MAX 4096        /* bytes of "state" (mds_token.h) */
#define MDS_VALUE_MAX 256         /* bytes */

typedef struct {
    mds_str_t name;
    mds_str_t value;
    bool      fixed;   /* set by the operator */
    bool      claimed; /* named by the device, once is all it may */
} mds_attribute_t;

typedef struct {
    size_t count;
    bool   admits; /* a window may let it in: it asks to be served,
                    * not just to know */
    mds_attribute_t attributes[MDS_ATTRIBUTES_MAX];
} mds_request_t;

/* Whether it has the form [a-z][a-z0-9_]{0,31}. */
bool mds_attribute_name_valid(mds_str_t name);

/*
 * The operator's word on an attribute; to be said before the device's.
 * MDS_INVALID: the value is too long or no UTF-8, or there are too many.
 */
mds_status_t mds_request_fix(mds_request_t *request, mds_str_t name,
                             mds_str_t value, mds_error_t *err) MDS_MUST_CHECK;

/* The device's word: the same errors, and MDS_INVALID if said twice. */
mds_status_t
mds_request_claim(mds_request_t *request, mds_str_t name, mds_str_t value,
                  mds_error_t *err) MDS_MUST_CHECK;

/*
 * Claims all parameters of a query (application/x-www-form-urlencoded, WHATWG
 * URL standard, 5.1). Decoded bytes go to buffer, which has to hold query.len
 * bytes and to outlive the request. MDS_INVALID says which parameter, why.
 */
mds_status_t mds_request_parse(mds_request_t *request, mds_str_t query,
                               char *buffer, mds_error_t *err) MDS_MUST_CHECK;

/* The value; an empty one where the attribute is absent. */
mds_str_t mds_request_get(const mds_request_t *request, mds_str_t name);

/* What every question needs: app is there, and the versions are versions. */
mds_status_t mds_request_validate_app(const mds_request_t *request,
                                      mds_error_t         *err) MDS_MUST_CHECK;

/*
 * What a check needs: app and kind are there, version, app_version and each
 * of refuse (comma-separated) are versions.
 */
mds_status_t mds_request_validate(const mds_request_t *request,
                                  mds_error_t         *err) MDS_MUST_CHECK;

#endif
