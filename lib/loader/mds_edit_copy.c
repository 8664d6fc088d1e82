/*
 * The edit that copies a release to another app, or to another channel, with
 * the packages that are missing there: files are stored once, so that only
 * their entries are copied.
 */

#include "base/mds_version.h"
#include "loader/mds_app_state.h"
#include "loader/mds_edit_internal.h"

static bool
mds_copy_same(const mds_json_t *a, const mds_json_t *b, const char *key)
{
    return mds_json_equal(mds_json_get(a, key), mds_json_get(b, key));
}

static bool
mds_copy_same_version(const mds_json_t *a, const mds_json_t *b)
{
    mds_version_t x, y;

    return mds_version_parse(mds_json_get_string(a, "version"), &x)
           && mds_version_parse(mds_json_get_string(b, "version"), &y)
           && mds_version_cmp(&x, &y) == 0;
}

/* Returns whether the package is one of the release's version. */
static bool
mds_copy_is_of(const mds_json_t *package, const mds_json_t *release)
{
    return mds_copy_same(package, release, "kind")
           && mds_str_eq(mds_json_get_string(package, "name"),
                         mds_json_get_string(release, "name"))
           && mds_copy_same_version(package, release);
}

/* Returns whether the app has a package for the same devices. */
static bool
mds_copy_has_package(const mds_json_t *packages, const mds_json_t *package)
{
    for (size_t i = 0; i < mds_json_size(packages); i++) {
        const mds_json_t *other = mds_json_at(packages, i);

        if (mds_copy_is_of(other, package)
            && mds_copy_same(other, package, "platform")
            && mds_copy_same(other, package, "channel")
            && mds_copy_same(other, package, "rules")
            && mds_copy_same(other, package, "app_version"))
        {
            return true;
        }
    }

    return false;
}

/* Sets the channel, if one is given. */
static mds_status_t
mds_copy_set_channel(const mds_release_copy_t *copy, mds_json_t *object)
{
    return copy->channel == NULL || object == NULL
               ? MDS_OK
               : mds_json_set_str(object, "channel", mds_str_of(copy->channel));
}

/*
 * Copies one package, unless it is there. A package for every channel needs no
 * copy for one; of the others, those for the release's own channels become
 * packages of the new one. Lists of deltas name versions that may be missing.
 */
static mds_status_t
mds_copy_package(const mds_release_copy_t *copy, const mds_json_t *release,
                 const mds_json_t *package, mds_json_t *packages)
{
    bool         has_channel = mds_json_get(package, "channel") != NULL;
    mds_json_t  *made;
    mds_status_t status = MDS_OK;

    if (copy->channel != NULL && has_channel
        && !mds_copy_same(package, release, "channel"))
    {
        return MDS_OK;
    }

    made = mds_json_copy(package);

    if (mds_json_is_array(mds_json_get(made, "deltas"))) {
        mds_json_delete(made, "deltas");
    }

    if (has_channel) {
        status = mds_copy_set_channel(copy, made);
    }

    if (status != MDS_OK || mds_copy_has_package(packages, made)) {
        mds_json_release(made);
        return status;
    }

    return mds_json_append(packages, made);
}

static mds_status_t
mds_copy_packages(const mds_release_copy_t *copy, const mds_json_t *release,
                  const mds_json_t *source, mds_json_t *packages)
{
    size_t       count = mds_json_size(source);
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        const mds_json_t *package = mds_json_at(source, i);

        if (mds_copy_is_of(package, release)) {
            status = mds_copy_package(copy, release, package, packages);
        }
    }

    return status;
}

/* Adds the copy of a release, which is running. */
static mds_status_t
mds_copy_add(const mds_release_copy_t *copy, const mds_json_t *release,
             mds_json_t *releases)
{
    mds_json_t  *made = mds_json_copy(release);
    mds_status_t status
        = mds_json_set_str(made, "id", mds_str_of(copy->new_id));

    if (status == MDS_OK) {
        mds_json_delete(made, "state");
        status = mds_copy_set_channel(copy, made);
    }

    if (status != MDS_OK) {
        mds_json_release(made);
        return status;
    }

    return mds_json_append(releases, made);
}

static mds_status_t
mds_copy_from(mds_release_copy_t *copy, const mds_json_t *source,
              mds_json_t *state, mds_error_t *err)
{
    const mds_json_t *release = mds_edit_find_release(source, copy->id, err);
    mds_error_t       none;
    mds_status_t      status;

    if (release == NULL) {
        return MDS_NOT_FOUND;
    }

    copy->recalled = mds_str_eq(mds_json_get_string(release, "state"),
                                mds_str("rolled_back"));

    if (mds_edit_find_release(state, copy->new_id, &none) != NULL) {
        return mds_fail(err, MDS_EXISTS,
                        "there is a release \"%s\" already; --id gives the copy"
                        " another id",
                        copy->new_id);
    }

    status = mds_copy_packages(copy, release,
                               mds_app_state_get(source, "packages"),
                               mds_edit_array(state, "packages"));

    if (status == MDS_OK) {
        status = mds_copy_add(copy, release, mds_edit_array(state, "releases"));
    }

    return mds_json_done(status, err);
}

mds_status_t
mds_edit_copy_release(mds_loader_t *loader, void *data, mds_json_t *state,
                      mds_error_t *err)
{
    mds_release_copy_t *copy = data;
    mds_json_t         *source = NULL;
    mds_status_t        status;

    if (mds_str_eq(copy->from_app,
                   mds_json_string(mds_app_state_get(state, "app"))))
    {
        return mds_copy_from(copy, state, state, err);
    }

    status
        = mds_loader_check_app(loader, copy->from_app, MDS_NEW_APP_NEVER, err);

    if (status == MDS_OK) {
        status = mds_app_state_get_whole(mds_loader_journal(loader),
                                         copy->from_app, err, &source);
    }

    if (status == MDS_OK) {
        status = mds_copy_from(copy, source, state, err);
    }

    mds_json_release(source);
    return status;
}
