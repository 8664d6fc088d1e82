/*
 * Makes the registry's record from the attributes of a check.
 */

#include "request/mds_registration.h"

#include "base/mds_kind.h"

bool
mds_registration_from_request(const mds_request_t *request,
                              char                 bytes[MDS_DEVICE_KEY_MAX],
                              mds_registration_t  *registration)
{
    mds_str_t app = mds_request_attr(request, MDS_ATTR_APP);
    mds_str_t device = mds_request_attr(request, MDS_ATTR_DEVICE);
    mds_str_t version = mds_request_attr(request, MDS_ATTR_APP_VERSION);
    mds_str_t key;

    if (version.len == 0
        && mds_kind_has(mds_request_attr(request, MDS_ATTR_KIND),
                        MDS_KIND_IS_APP))
    {
        version = mds_request_attr(request, MDS_ATTR_VERSION);
    }

    if (app.len == 0 || device.len == 0 || version.len == 0) {
        return false;
    }

    key = mds_device_key(app, device, bytes);
    if (key.len == 0) {
        return false;
    }

    *registration = (mds_registration_t){
        .device = key,
        .user = mds_request_attr(request, MDS_ATTR_USER),
        .platform = mds_request_attr(request, MDS_ATTR_PLATFORM),
        .version = version,
    };

    return true;
}

bool
mds_registration_eq(const mds_registration_t *a, const mds_registration_t *b)
{
    return mds_str_eq(a->device, b->device) && mds_str_eq(a->user, b->user)
           && mds_str_eq(a->platform, b->platform)
           && mds_str_eq(a->version, b->version);
}
