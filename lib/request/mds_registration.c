/*
 * Makes the registry's record from the attributes of a check.
 */

#include "request/mds_registration.h"

#include "base/mds_kind.h"

bool
mds_registration_from_request(const mds_request_t *request,
                              mds_device_t        *device)
{
    mds_str_t app = mds_request_attr(request, MDS_ATTR_APP);
    mds_str_t id = mds_request_attr(request, MDS_ATTR_DEVICE);
    mds_str_t version;

    if (id.len == 0) {
        return false;
    }

    version = mds_request_attr(request, MDS_ATTR_APP_VERSION);

    if (version.len == 0
        && mds_kind_has(mds_request_attr(request, MDS_ATTR_KIND),
                        MDS_KIND_IS_APP))
    {
        version = mds_request_attr(request, MDS_ATTR_VERSION);
    }

    if (app.len == 0 || app.len > MDS_APP_MAX || version.len == 0) {
        return false;
    }

    *device = (mds_device_t){
        .app = app,
        .device = id,
        .user = mds_request_attr(request, MDS_ATTR_USER),
        .platform = mds_request_attr(request, MDS_ATTR_PLATFORM),
        .version = version,
    };

    return true;
}
