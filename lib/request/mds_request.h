/*
 * mds_request: what a device says of itself, as views into bytes that the
 * caller owns. Nothing here allocates.
 *
 * An attribute can be fixed: then it came from the operator (nginx's
 * mds_attribute), and whatever the device claims under that name is dropped.
 * An empty value is an absent attribute.
 *
 * The names that this program itself asks for are told apart once, when an
 * attribute comes in, and are found by their number ever after.
 */

#ifndef MDS_REQUEST_H
#define MDS_REQUEST_H

#include "base/mds_base.h"
#include "base/mds_terms.h"

#define MDS_ATTRIBUTES_MAX 64 /* in one request */
#define MDS_TOKEN_MAX 4096    /* bytes of "state" (mds_token.h) */

typedef enum {
    MDS_ATTR_N,
    MDS_ATTR_APP,
    MDS_ATTR_NET,
    MDS_ATTR_CPU,
    MDS_ATTR_KIND,
    MDS_ATTR_NAME,
    MDS_ATTR_USER,
    MDS_ATTR_CITY,
    MDS_ATTR_BRAND,
    MDS_ATTR_MODEL,
    MDS_ATTR_STATE,
    MDS_ATTR_DEVICE,
    MDS_ATTR_REGION,
    MDS_ATTR_REFUSE,
    MDS_ATTR_VERSION,
    MDS_ATTR_CHANNEL,
    MDS_ATTR_COUNTRY,
    MDS_ATTR_PLATFORM,
    MDS_ATTR_LANGUAGE,
    MDS_ATTR_OS_VERSION,
    MDS_ATTR_APP_VERSION,
    MDS_ATTR_SDK_VERSION,
    MDS_ATTR_OTHER /* any that ops define; how many are known */
} mds_attr_id_t;

typedef struct {
    mds_str_t name;
    mds_str_t value;
    bool      trusted; /* set by the operator */
    bool      claimed; /* named by the device, once is all it may */
} mds_attribute_t;

/* All zero: one with no attributes. */
typedef struct {
    size_t count;
    bool   may_admit; /* a window may let it in: it asks to be served,
                       * not just to know */
    uint8_t known[MDS_ATTR_OTHER]; /* which of the attributes it is,
                                    * counted from 1; 0: none */
    mds_attribute_t attributes[MDS_ATTRIBUTES_MAX];
} mds_request_t;

/* With no attributes, which are not cleared; may_admit is false. */
static inline void
mds_request_init(mds_request_t *request)
{
    memset(request, 0, offsetof(mds_request_t, attributes));
}

/* Which one it is. */
mds_attr_id_t mds_attr_id(mds_str_t name);

/* The name of a known one. */
mds_str_t mds_attribute_name(mds_attr_id_t known);

/* The known one that was probably meant by a name that is none of them; empty:
 * it is known, or nothing is near. For commands. */
mds_str_t mds_attribute_nearest(mds_str_t name);

/*
 * The operator's word on an attribute; to be said before the device's.
 * MDS_INVALID: the value is too long or no UTF-8, or there are too many.
 */
mds_status_t
mds_request_set_trusted(mds_request_t *request, mds_str_t name, mds_str_t value,
                        mds_error_t *err) MDS_MUST_CHECK;

/* The device's word: the same errors, and MDS_INVALID if said twice. */
mds_status_t
mds_request_set_claimed(mds_request_t *request, mds_str_t name, mds_str_t value,
                        mds_error_t *err) MDS_MUST_CHECK;

/* The same of a name whose number is known, and a value that is known to be
 * UTF-8. */
mds_status_t
mds_request_set_claimed_by_id(mds_request_t *request, mds_attr_id_t known,
                              mds_str_t name, mds_str_t value,
                              mds_error_t *err) MDS_MUST_CHECK;

/* A copy, of as many attributes as there are. */
void mds_request_copy(mds_request_t *request, const mds_request_t *from);

/* What the device has said so far holds until it is claimed once more. */
void mds_request_allow_override(mds_request_t *request);

/*
 * Claims all parameters of a query (application/x-www-form-urlencoded, WHATWG
 * URL standard, 5.1). What is escaped is decoded to buffer, which has to hold
 * query.len bytes; both have to outlive the request. MDS_INVALID says which
 * parameter, why.
 */
mds_status_t mds_request_parse(mds_request_t *request, mds_str_t query,
                               char *buffer, mds_error_t *err) MDS_MUST_CHECK;

/* The value; an empty one where the attribute is absent. */
mds_str_t mds_request_get(const mds_request_t *request, mds_str_t name);

/* The same of one that is known. */
static inline mds_str_t
mds_request_attr(const mds_request_t *request, mds_attr_id_t known)
{
    uint8_t number = request->known[known];

    return number == 0 ? mds_null_str : request->attributes[number - 1].value;
}

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
