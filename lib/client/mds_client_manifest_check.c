/*
 * Checks that a manifest answers the request of the device: a valid signature
 * may be on an old answer, or on one for another device.
 */

#include "client/mds_client_manifest.h"

#include "base/mds_kind.h"
#include "base/mds_version.h"

/* Returns whether platforms (or channels) is "*", the name, or a list that has
 * it. */
static bool
mds_manifest_is_for(const mds_json_t *names, mds_str_t name)
{
    for (size_t i = 0; i < mds_json_size(names); i++) {
        if (mds_str_eq(mds_json_string(mds_json_at(names, i)), name)) {
            return true;
        }
    }

    return mds_str_eq(mds_json_string(names), mds_str("*"))
           || mds_str_eq(mds_json_string(names), name);
}

static mds_status_t
mds_manifest_check_resource(const mds_client_manifest_t *manifest,
                            const mds_request_t *request, mds_error_t *err)
{
    mds_str_t platform = mds_request_attr(request, MDS_ATTR_PLATFORM);
    struct {
        mds_str_t what;
        mds_str_t found;
    } names[] = { { mds_str("app"), manifest->app },
                  { mds_str("kind"), manifest->kind },
                  { mds_str("name"), manifest->name } };

    for (size_t i = 0; i < mds_nelems(names); i++) {
        mds_str_t asked = mds_request_get(request, names[i].what);

        if (!mds_str_eq(asked, names[i].found)) {
            return mds_fail(
                err, MDS_CONFLICT,
                "manifest: it is for %.*s \"%.*s\", and \"%.*s\" was requested",
                MDS_STR(names[i].what), MDS_STR(names[i].found),
                MDS_STR(asked));
        }
    }

    if (platform.len > 0
        && !mds_manifest_is_for(mds_json_get(manifest->json, "platform"),
                                platform))
    {
        return mds_fail(err, MDS_CONFLICT,
                        "manifest: it is not for platform \"%.*s\"",
                        MDS_STR(platform));
    }

    return MDS_OK;
}

/* Fails unless the manifest is for the channel. A device without a channel
 * takes only a build for every channel. */
static mds_status_t
mds_manifest_check_channel(const mds_client_manifest_t *manifest,
                           const mds_request_t *request, mds_error_t *err)
{
    mds_str_t   channel = mds_request_attr(request, MDS_ATTR_CHANNEL);
    mds_json_t *channels = mds_json_get(manifest->json, "channel");

    if (channels == NULL
        || (channel.len == 0
                ? mds_str_eq(mds_json_string(channels), mds_str("*"))
                : mds_manifest_is_for(channels, channel)))
    {
        return MDS_OK;
    }

    return channel.len > 0
               ? mds_fail(err, MDS_CONFLICT,
                          "manifest: it is not for channel \"%.*s\"",
                          MDS_STR(channel))
               : mds_fail(
                   err, MDS_CONFLICT,
                   "manifest: it is for certain channels, and no channel was"
                   " requested");
}

/* Fails if the request refuses the version. */
static mds_status_t
mds_manifest_check_refuse(const mds_client_manifest_t *manifest,
                          const mds_request_t *request, mds_error_t *err)
{
    mds_str_t     list = mds_request_attr(request, MDS_ATTR_REFUSE);
    mds_version_t refused, gets;

    if (!manifest->has_full || !mds_version_parse(manifest->version, &gets)) {
        return MDS_OK;
    }

    while (list.len > 0) {
        mds_str_t word = mds_str_cut(&list, ',');

        if (mds_version_parse(word, &refused)
            && mds_version_cmp(&refused, &gets) == 0) {
            return mds_fail(err, MDS_CONFLICT,
                            "manifest: version \"%.*s\" is one that the request"
                            " refuses (refuse=%.*s)",
                            MDS_STR(manifest->version),
                            MDS_STR(
                                mds_request_attr(request, MDS_ATTR_REFUSE)));
        }
    }

    return MDS_OK;
}

static mds_status_t
mds_manifest_check_rollback(const mds_client_manifest_t *manifest,
                            mds_str_t installed, mds_error_t *err)
{
    mds_version_t has, from, to;

    if (!mds_version_parse(installed, &has)
        || !mds_version_parse(manifest->from, &from)
        || mds_version_cmp(&has, &from) != 0)
    {
        return mds_fail(err, MDS_CONFLICT,
                        "manifest: it takes back version \"%.*s\", and"
                        " \"%.*s\" is installed",
                        MDS_STR(manifest->from), MDS_STR(installed));
    }

    if (manifest->has_full
        && (!mds_version_parse(manifest->version, &to)
            || mds_version_cmp(&to, &has) >= 0))
    {
        return mds_fail(
            err, MDS_CONFLICT,
            "manifest: it goes back to \"%.*s\", which is not below the"
            " installed \"%.*s\"",
            MDS_STR(manifest->version), MDS_STR(installed));
    }

    return MDS_OK;
}

mds_status_t
mds_client_manifest_check(const mds_client_manifest_t *manifest,
                          const mds_request_t *request, mds_error_t *err)
{
    mds_str_t     installed = mds_request_attr(request, MDS_ATTR_VERSION);
    mds_version_t has, gets;
    mds_status_t  status;

    if ((status = mds_manifest_check_resource(manifest, request, err)) != MDS_OK
        || (status = mds_manifest_check_channel(manifest, request, err))
               != MDS_OK
        || (status = mds_manifest_check_refuse(manifest, request, err))
               != MDS_OK)
    {
        return status;
    }

    if (manifest->rollback) {
        return mds_manifest_check_rollback(manifest, installed, err);
    }

    if (installed.len > 0
        && (!mds_version_parse(installed, &has)
            || !mds_version_parse(manifest->version, &gets)
            || mds_version_cmp(&gets, &has) <= 0))
    {
        return mds_fail(err, MDS_CONFLICT,
                        "manifest: version \"%.*s\" is not above the installed"
                        " \"%.*s\"; an old answer sent again?%s",
                        MDS_STR(manifest->version), MDS_STR(installed),
                        mds_kind_has(manifest->kind, MDS_KIND_IS_HOTFIX)
                            ? " Or the hotfix is of another version of the app:"
                              " then leave version out"
                            : "");
    }

    return MDS_OK;
}
