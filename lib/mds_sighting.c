#include "mds_sighting.h"

bool
mds_sighting_of(const mds_request_t *request, char bytes[MDS_SIGHTING_KEY_MAX],
                mds_sighting_t *sighting)
{
    mds_str_t app = mds_request_known(request, MDS_ATTRIBUTE_APP);
    mds_str_t device = mds_request_known(request, MDS_ATTRIBUTE_DEVICE);
    mds_str_t version = mds_request_known(request, MDS_ATTRIBUTE_APP_VERSION);

    if (version.len == 0
        && mds_str_eq(mds_request_known(request, MDS_ATTRIBUTE_KIND),
                      mds_str("upgrade")))
    {
        version = mds_request_known(request, MDS_ATTRIBUTE_VERSION);
    }

    if (app.len == 0 || app.len > MDS_APP_MAX || device.len == 0
        || device.len > MDS_VALUE_MAX || version.len == 0)
    {
        return false;
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    memcpy(bytes + app.len + 1, device.data, device.len);

    *sighting = (mds_sighting_t){
        .device = { app.len + 1 + device.len, bytes },
        .user = mds_request_known(request, MDS_ATTRIBUTE_USER),
        .platform = mds_request_known(request, MDS_ATTRIBUTE_PLATFORM),
        .version = version,
    };

    return true;
}

bool
mds_sighting_eq(const mds_sighting_t *a, const mds_sighting_t *b)
{
    return mds_str_eq(a->device, b->device) && mds_str_eq(a->user, b->user)
           && mds_str_eq(a->platform, b->platform)
           && mds_str_eq(a->version, b->version);
}
