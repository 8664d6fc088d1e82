/*
 * mds_request: the attributes of a request, as views of bytes that the caller
 * owns. Nothing here allocates.
 *
 * An attribute is trusted if the operator sets it (nginx's mds_attribute): what
 * the device claims under its name is dropped. An empty value is an absent
 * attribute.
 *
 * Names that mds itself reads have an id, which is looked up once, when the
 * attribute is added.
 */

#ifndef MDS_REQUEST_H
#define MDS_REQUEST_H

#include "base/mds_base.h"
#include "base/mds_terms.h"

#define MDS_ATTRIBUTES_MAX 64 /* in a request; one more is MDS_INVALID */
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
    MDS_ATTR_OTHER /* any other; the number of those above */
} mds_attr_id_t;

typedef struct {
    mds_str_t name;
    mds_str_t value;
    bool      trusted; /* set by the operator */
    bool      claimed; /* named by the device, which may name it once */
} mds_attribute_t;

/* A window that is taken for closed, whatever the state says. */
typedef struct mds_closed_window_s mds_closed_window_t;

struct mds_closed_window_s {
    mds_str_t                  window; /* app 00 release; empty: every one */
    const mds_closed_window_t *next;
};

/* A request that is all zero has no attributes. */
typedef struct {
    size_t  count;
    bool    may_admit;             /* a window may admit the device */
    bool    any_app_version;       /* rules about app_version hold */
    uint8_t known[MDS_ATTR_OTHER]; /* index in attributes plus 1, by id;
                                    * 0: absent */
    bool            has_closed;    /* closed is set */
    mds_attribute_t attributes[MDS_ATTRIBUTES_MAX];

    const mds_closed_window_t *closed; /* neither cleared nor copied */
} mds_request_t;

/* Makes an empty request; the array of attributes is not cleared. */
static inline void
mds_request_init(mds_request_t *request)
{
    memset(request, 0, offsetof(mds_request_t, attributes));
}

/* Returns the id of a name. */
mds_attr_id_t mds_attr_id(mds_str_t name);

/* Returns the name of an id. */
mds_str_t mds_attribute_name(mds_attr_id_t known);

/* Returns the name that was probably meant by an unknown one; it is empty if
 * the name is known, or none is similar. */
mds_str_t mds_attribute_nearest(mds_str_t name);

/*
 * Adds an attribute of the operator; these come before the device's.
 * MDS_INVALID: the value is too long or is not valid UTF-8, or there are more
 * than MDS_ATTRIBUTES_MAX.
 */
mds_status_t
mds_request_set_trusted(mds_request_t *request, mds_str_t name, mds_str_t value,
                        mds_error_t *err) MDS_MUST_CHECK;

/* Adds an attribute of the device. It has the same errors, and MDS_INVALID if
 * the name comes twice. */
mds_status_t
mds_request_set_claimed(mds_request_t *request, mds_str_t name, mds_str_t value,
                        mds_error_t *err) MDS_MUST_CHECK;

/* Adds an attribute of the device whose number is known, and whose value is
 * known to be UTF-8. */
mds_status_t
mds_request_set_claimed_by_id(mds_request_t *request, mds_attr_id_t known,
                              mds_str_t name, mds_str_t value,
                              mds_error_t *err) MDS_MUST_CHECK;

/* Copies a request with its attributes. */
void mds_request_copy(mds_request_t *request, const mds_request_t *from);

/* Lets the device claim again every attribute that it has claimed so far. */
void mds_request_allow_override(mds_request_t *request);

/*
 * Claims all parameters of a query (application/x-www-form-urlencoded, WHATWG
 * URL standard, 5.1). Escaped ones are decoded to buffer, which has room for
 * query.len bytes; both outlive the request. MDS_INVALID says which parameter
 * is wrong, and why.
 */
mds_status_t mds_request_parse(mds_request_t *request, mds_str_t query,
                               char *buffer, mds_error_t *err) MDS_MUST_CHECK;

/* Returns whether the request names the attribute, be it with an empty value.
 */
bool mds_request_has(const mds_request_t *request, mds_str_t name);

/* Returns the value, which is empty if the attribute is absent. */
mds_str_t mds_request_get(const mds_request_t *request, mds_str_t name);

/* Returns the value of an attribute by its id. */
static inline mds_str_t
mds_request_attr(const mds_request_t *request, mds_attr_id_t known)
{
    uint8_t number = request->known[known];

    return number == 0 ? mds_null_str : request->attributes[number - 1].value;
}

/* Checks that version, app_version and each item of refuse (comma-separated)
 * are versions, where they are there. */
mds_status_t mds_request_validate_versions(const mds_request_t *request,
                                           mds_error_t *err) MDS_MUST_CHECK;

/* Checks the attributes that every request needs: an app, and valid versions.
 */
mds_status_t mds_request_validate_app(const mds_request_t *request,
                                      mds_error_t         *err) MDS_MUST_CHECK;

/* Checks the attributes that a report needs: app and device. */
mds_status_t mds_request_validate_report(const mds_request_t *request,
                                         mds_error_t *err) MDS_MUST_CHECK;

/* Checks the attributes that a check needs: app and kind, and valid versions.
 */
mds_status_t mds_request_validate(const mds_request_t *request,
                                  mds_error_t         *err) MDS_MUST_CHECK;

#endif
