/*
 * The edit that publishes a package. A build is published once: the same file
 * again, even under another spelling of its version, finds its twin.
 */

#include "base/mds_digest.h"
#include "base/mds_version.h"
#include "loader/mds_edit_internal.h"

static bool
mds_package_same_member(const mds_json_t *a, const mds_json_t *b,
                        const char *key)
{
    return mds_str_eq(mds_json_get_string(a, key), mds_json_get_string(b, key));
}

/* Returns whether two packages have the same "platform" or "channel", which is
 * absent, a name, or a list of names. */
static bool
mds_package_same_scope(const mds_json_t *a, const mds_json_t *b,
                       const char *key)
{
    return mds_json_equal(mds_json_get(a, key), mds_json_get(b, key));
}

static bool
mds_package_same_version(const mds_json_t *a, const mds_json_t *b)
{
    mds_str_t     x = mds_json_get_string(a, "version");
    mds_str_t     y = mds_json_get_string(b, "version");
    mds_version_t vx, vy;

    return mds_version_parse(x, &vx) && mds_version_parse(y, &vy)
           && mds_version_cmp(&vx, &vy) == 0
           && mds_str_eq(mds_version_build(x), mds_version_build(y));
}

/* Returns whether the condition of the twin holds where the package's does. */
static bool
mds_package_hides(const mds_json_t *twin, const mds_json_t *package,
                  const char *key)
{
    return mds_json_get(twin, key) == NULL
           || mds_json_equal(mds_json_get(twin, key),
                             mds_json_get(package, key));
}

/* Returns the build that would hide the package from every device, or NULL: one
 * without rules and range, or with the same ones, that is not embedded. */
static mds_json_t *
mds_package_find_twin(const mds_json_t *packages, const mds_json_t *package)
{
    for (size_t i = 0; i < mds_json_size(packages); i++) {
        mds_json_t *twin = mds_json_at(packages, i);

        if (mds_package_same_member(twin, package, "kind")
            && mds_package_same_member(twin, package, "name")
            && mds_package_same_scope(twin, package, "platform")
            && mds_package_same_scope(twin, package, "channel")
            && mds_package_same_version(twin, package)
            && mds_package_hides(twin, package, "rules")
            && mds_package_hides(twin, package, "app_version")
            && mds_json_get(twin, "delivery") == NULL)
        {
            return twin;
        }
    }

    return NULL;
}

static mds_status_t
mds_package_check_file(const mds_json_t *twin, const mds_json_t *package,
                       mds_error_t *err)
{
    mds_sha256_t published, digest;
    uint64_t     size_bytes;
    mds_status_t status
        = mds_sha256_file(mds_json_get_string(package, "file").data, NULL, err,
                          &digest, &size_bytes);

    if (status != MDS_OK
        || (mds_sha256_parse(mds_json_get_string(twin, "sha256"), &published)
            && mds_sha256_eq(&published, &digest)))
    {
        return status;
    }

    return mds_fail(err, MDS_EXISTS,
                    "version %.*s is published already, as another file, and"
                    " what is published stays as it is; want a higher version",
                    MDS_STR(mds_json_get_string(package, "version")));
}

/* Updates a build that is published again with the same file: only the members
 * that are given with it change. */
static mds_status_t
mds_package_update(mds_json_t *twin, const mds_json_t *package,
                   mds_error_t *err)
{
    static const char *const keys[] = { "deltas", "meta" };
    mds_status_t status = mds_package_check_file(twin, package, err);

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(keys); i++) {
        const mds_json_t *value = mds_json_get(package, keys[i]);

        if (value != NULL) {
            status = mds_json_done(mds_json_set(twin, keys[i],
                                                mds_json_copy(value)),
                                   err);
        }
    }

    return status;
}

mds_status_t
mds_edit_publish(mds_loader_t *loader, void *data, mds_json_t *state,
                 mds_error_t *err)
{
    mds_publication_t *publication = data;
    mds_json_t        *packages = mds_edit_array(state, "packages");
    mds_json_t  *twin = mds_package_find_twin(packages, publication->package);
    mds_status_t status;

    (void) loader;

    if (twin != NULL) {
        status = mds_package_update(twin, publication->package, err);
    } else {
        twin = mds_json_copy(publication->package);
        status = mds_json_done(mds_json_append(packages, twin), err);
    }

    if (status == MDS_OK) {
        publication->version = mds_json_get_string(twin, "version");
    }

    return status;
}
