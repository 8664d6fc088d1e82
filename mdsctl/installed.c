/* installed: counts the devices that run the version of a release. */

#include "installed.h"

#include <stdio.h>

#include "base/mds_kind.h"
#include "mdsctl.h"

mds_registry_versions_t *
mdsctl_installed_read(const char *depot)
{
    mds_registry_t          *registry;
    mds_registry_versions_t *versions = NULL;
    mds_error_t              err;

    if (mds_registry_open(depot, &err, &registry) != MDS_OK) {
        return NULL;
    }

    if (mds_registry_count_versions(registry, MDS_REGISTRY_SAMPLE_MAX, &err,
                                    &versions)
        != MDS_OK)
    {
        versions = NULL;
    }

    mds_registry_close(registry);
    return versions;
}

/* Returns whether the release is for the platform: it names one, a list, or
 * none, which is all. */
static bool
has_platform(const mds_json_t *release, mds_str_t platform)
{
    const mds_json_t *names = mds_json_get(release, "platform");

    if (names == NULL) {
        return true;
    }

    if (mds_json_is_string(names)) {
        return mds_str_eq(mds_json_string(names), platform);
    }

    for (size_t i = 0; i < mds_json_size(names); i++) {
        if (mds_str_eq(mds_json_string(mds_json_at(names, i)), platform)) {
            return true;
        }
    }

    return false;
}

bool
mdsctl_installed_has_kind(const mds_json_t *release)
{
    return mds_kind_has(mds_json_get_string(release, "kind"), MDS_KIND_IS_APP);
}

uint64_t
mdsctl_installed_count(const mds_registry_versions_t *versions, mds_str_t app,
                       const mds_json_t *release)
{
    mds_str_t version = mds_json_get_string(release, "version");
    uint64_t  count = 0;

    if (versions == NULL || version.len == 0
        || !mdsctl_installed_has_kind(release)) {
        return 0;
    }

    for (size_t i = 0; i < versions->count; i++) {
        const mds_registry_version_t *v = &versions->versions[i];

        if (mds_str_eq(v->app, app) && mds_str_eq(v->version, version)
            && has_platform(release, v->platform))
        {
            count += v->devices;
        }
    }

    return count;
}

const char *
mdsctl_installed_words(const mds_registry_versions_t *versions, uint64_t count,
                       char words[MDSCTL_INSTALLED_BYTES])
{
    char digits[MDSCTL_COUNT_BYTES];

    snprintf(words, MDSCTL_INSTALLED_BYTES, "%s%s %s it",
             versions->exact ? "" : "about ",
             mdsctl_format_count(count, digits),
             count == 1 ? "device has" : "devices have");
    return words;
}
