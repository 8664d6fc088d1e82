/* Packages that stand in each other's way. */

#include "base/mds_version.h"
#include "command/publish.h"

static bool
same_member(const mds_json_t *a, const mds_json_t *b, const char *key)
{
    return mds_str_eq(mds_json_string(mds_json_get(a, key)),
                      mds_json_string(mds_json_get(b, key)));
}

/* "platform" and "channel": absent, a name, or a list of names. */
static bool
same_scope(const mds_json_t *a, const mds_json_t *b, const char *key)
{
    const mds_json_t *x = mds_json_get(a, key);
    const mds_json_t *y = mds_json_get(b, key);

    return x == NULL || y == NULL ? x == y : mds_json_equal(x, y);
}

static bool
same_version(const mds_json_t *a, const mds_json_t *b)
{
    mds_version_t va, vb;

    return mds_version_parse(mds_json_string(mds_json_get(a, "version")), &va)
           && mds_version_parse(mds_json_string(mds_json_get(b, "version")),
                                &vb)
           && mds_version_cmp(&va, &vb) == 0
           && mds_str_eq(
               mds_version_build(mds_json_string(mds_json_get(a, "version"))),
               mds_version_build(mds_json_string(mds_json_get(b, "version"))));
}

mds_json_t *
mdsctl_package_twin(const mds_json_t *packages, const mds_json_t *package)
{
    for (size_t i = 0; i < mds_json_size(packages); i++) {
        mds_json_t *twin = mds_json_at(packages, i);

        if (same_member(twin, package, "kind")
            && same_member(twin, package, "name")
            && same_scope(twin, package, "platform")
            && same_scope(twin, package, "channel")
            && same_version(twin, package)
            && mds_json_get(twin, "rules") == NULL
            && mds_json_get(twin, "app_version") == NULL
            && mds_json_get(twin, "delivery") == NULL)
        {
            return twin;
        }
    }

    return NULL;
}
