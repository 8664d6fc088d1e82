/* mds_registry_versions: counts versions, and scales the counts of a sample. */

#include "registry/mds_registry_versions.h"

#include <stdlib.h>

#include "registry/mds_registry_internal.h"

typedef struct {
    mds_registry_versions_t *versions;
    uint64_t                 most;
    uint64_t                 last; /* hash of the last device */
} mds_versions_count_t;

/* Copies a text to *p and moves it on. */
static mds_str_t
mds_versions_copy(char **p, mds_str_t text)
{
    mds_str_t copy = { text.len, *p };

    if (text.len > 0) {
        memcpy(*p, text.data, text.len);
        *p += text.len;
    }

    return copy;
}

/* Returns the entry of a device's version; NULL: there is no room for it. */
static mds_status_t
mds_versions_find(mds_registry_versions_t *versions, const mds_device_t *device,
                  mds_error_t *err, mds_registry_version_t **found)
{
    mds_registry_version_t *version;
    char                   *p;

    for (size_t i = 0; i < versions->count; i++) {
        version = &versions->versions[i];

        if (mds_str_eq(version->version, device->version)
            && mds_str_eq(version->platform, device->platform)
            && mds_str_eq(version->app, device->app))
        {
            *found = version;
            return MDS_OK;
        }
    }

    if (versions->count == MDS_REGISTRY_VERSIONS_MAX) {
        *found = NULL;
        return MDS_OK;
    }

    p = malloc(device->app.len + device->platform.len + device->version.len
               + 1);
    if (p == NULL) {
        return mds_fail_memory(err);
    }

    version = &versions->versions[versions->count++];
    version->texts = p;
    version->app = mds_versions_copy(&p, device->app);
    version->platform = mds_versions_copy(&p, device->platform);
    version->version = mds_versions_copy(&p, device->version);
    *found = version;

    return MDS_OK;
}

/* Counts a device. Returns MDS_AGAIN if there are more than the sample has. */
static mds_status_t
mds_versions_add(void *data, const mds_device_t *device, mds_error_t *err)
{
    mds_versions_count_t    *count = data;
    mds_registry_versions_t *versions = count->versions;
    mds_registry_version_t  *version;
    mds_status_t             status;

    if (versions->devices == count->most) {
        return MDS_AGAIN;
    }

    status = mds_versions_find(versions, device, err, &version);
    if (status != MDS_OK) {
        return status;
    }

    if (version == NULL) {
        versions->other++;
    } else {
        version->devices++;
    }

    versions->devices++;
    count->last = mds_device_hash(device->app, device->device);

    return MDS_OK;
}

static int
mds_versions_cmp(const void *a, const void *b)
{
    const mds_registry_version_t *x = a, *y = b;

    return x->devices < y->devices ? 1 : x->devices > y->devices ? -1 : 0;
}

/* Multiplies the counts by what the hashes of the sample are of all. */
static void
mds_versions_scale(mds_registry_versions_t *versions, uint64_t last)
{
    double scale = 18446744073709551616.0 / ((double) last + 1); /* 2^64 */

    versions->devices = (uint64_t) ((double) versions->devices * scale);
    versions->other = (uint64_t) ((double) versions->other * scale);

    for (size_t i = 0; i < versions->count; i++) {
        versions->versions[i].devices
            = (uint64_t) ((double) versions->versions[i].devices * scale);
    }
}

mds_status_t
mds_registry_count_versions(mds_registry_t *registry, uint64_t most,
                            mds_error_t              *err,
                            mds_registry_versions_t **versions)
{
    mds_registry_versions_t *counted = calloc(1, sizeof(*counted));
    mds_versions_count_t     count = { .versions = counted, .most = most };
    mds_status_t             status;

    if (counted == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_registry_visit_devices(registry, mds_null_str,
                                        mds_versions_add, &count, err);
    counted->exact = status == MDS_OK;
    counted->read_ms = registry->now_ms;

    if (status == MDS_AGAIN) {
        mds_versions_scale(counted, count.last);

    } else if (status != MDS_OK) {
        mds_registry_versions_free(counted);
        return status;
    }

    qsort(counted->versions, counted->count, sizeof(counted->versions[0]),
          mds_versions_cmp);
    *versions = counted;

    return MDS_OK;
}

void
mds_registry_versions_free(mds_registry_versions_t *versions)
{
    if (versions == NULL) {
        return;
    }

    for (size_t i = 0; i < versions->count; i++) {
        free(versions->versions[i].texts);
    }

    free(versions);
}
