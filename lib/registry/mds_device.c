/* mds_device: hashes and compares devices. */

#include "registry/mds_device.h"

#include "base/mds_siphash.h"

static bool
mds_device_text_is_valid(mds_str_t text, size_t max)
{
    return text.len == 0 || (text.len <= max && mds_str_is_utf8(text));
}

bool
mds_device_is_valid(const mds_device_t *device)
{
    return device->app.len > 0 && device->device.len > 0
           && mds_device_text_is_valid(device->app, MDS_APP_MAX)
           && mds_device_text_is_valid(device->device, MDS_VALUE_MAX)
           && mds_device_text_is_valid(device->user, MDS_VALUE_MAX)
           && mds_device_text_is_valid(device->platform, MDS_VALUE_MAX)
           && mds_device_text_is_valid(device->version, MDS_VALUE_MAX);
}

/* Hashes app, a zero byte and text; a text that is too long for a device is
 * cut. */
static uint64_t
mds_device_hash_pair(const uint8_t key[MDS_SIPHASH_KEY], mds_str_t app,
                     mds_str_t text)
{
    char   bytes[MDS_APP_MAX + 1 + MDS_VALUE_MAX];
    size_t app_len = app.len < MDS_APP_MAX ? app.len : MDS_APP_MAX;
    size_t len = text.len < MDS_VALUE_MAX ? text.len : MDS_VALUE_MAX;

    if (app_len > 0) {
        memcpy(bytes, app.data, app_len);
    }

    bytes[app_len] = '\0';

    if (len > 0) {
        memcpy(bytes + app_len + 1, text.data, len);
    }

    return mds_siphash(key, (mds_str_t){ app_len + 1 + len, bytes });
}

uint64_t
mds_device_hash(mds_str_t app, mds_str_t device)
{
    static const uint8_t key[MDS_SIPHASH_KEY] = "mds device order";

    return mds_device_hash_pair(key, app, device);
}

uint32_t
mds_device_user_hash(mds_str_t app, mds_str_t user)
{
    static const uint8_t key[MDS_SIPHASH_KEY] = "mds device users";

    return (uint32_t) (mds_device_hash_pair(key, app, user) >> 32);
}

int
mds_device_cmp(const mds_device_t *a, const mds_device_t *b)
{
    int order = mds_str_cmp(a->app, b->app);

    return order != 0 ? order : mds_str_cmp(a->device, b->device);
}

bool
mds_device_eq(const mds_device_t *a, const mds_device_t *b)
{
    return mds_str_eq(a->app, b->app) && mds_str_eq(a->device, b->device)
           && mds_str_eq(a->user, b->user)
           && mds_str_eq(a->platform, b->platform)
           && mds_str_eq(a->version, b->version);
}
