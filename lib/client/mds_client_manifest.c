/*
 * Parses a manifest, and checks that it answers the request of the device.
 */

#include "client/mds_client_manifest.h"

#include "base/mds_kind.h"
#include "base/mds_terms.h"
#include "base/mds_version.h"

static mds_status_t
mds_client_manifest_wrong(const char *object, const char *key, const char *want,
                          mds_error_t *err)
{
    return mds_fail(err, MDS_INVALID, "manifest: /%s%s%s is not %s", object,
                    object[0] != '\0' ? "/" : "", key, want);
}

/* Reads a string member. object is the key of json, "" for the manifest. */
static mds_status_t
mds_client_manifest_str(const mds_json_t *json, const char *object,
                        const char *key, mds_error_t *err, mds_str_t *value)
{
    const mds_json_t *member = mds_json_get(json, key);

    if (!mds_json_is_string(member)) {
        return mds_client_manifest_wrong(object, key, "a string", err);
    }

    *value = mds_json_string(member);
    return MDS_OK;
}

static mds_status_t
mds_client_manifest_digest(const mds_json_t *json, const char *object,
                           const char *key, mds_error_t *err,
                           mds_sha256_t *digest)
{
    mds_str_t    text = mds_null_str;
    mds_status_t status
        = mds_client_manifest_str(json, object, key, err, &text);

    if (status == MDS_OK && !mds_sha256_parse(text, digest)) {
        status = mds_client_manifest_wrong(object, key, "a SHA-256", err);
    }

    return status;
}

/* Returns whether the path stays below the service's URL, and needs no escapes.
 */
static bool
mds_client_manifest_path_valid(mds_str_t path)
{
    if (path.len == 0 || path.data[0] == '/' || path.data[0] == '.') {
        return false;
    }

    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || strchr("-_./", c) != NULL))
        {
            return false;
        }
        if (c == '.' && path.data[i - 1] == '/') {
            return false;
        }
    }

    return true;
}

static mds_status_t
mds_client_manifest_read_file(const mds_json_t *json, const char *object,
                              mds_error_t *err, mds_client_file_t *file)
{
    const mds_json_t *size;
    mds_str_t         path = mds_null_str;
    mds_status_t      status;

    if (!mds_json_is_object(json)) {
        return mds_client_manifest_wrong("", object, "an object", err);
    }

    status = mds_client_manifest_str(json, object, "path", err, &path);
    if (status != MDS_OK) {
        return status;
    }
    if (!mds_client_manifest_path_valid(path)) {
        return mds_client_manifest_wrong(object, "path", "a relative path",
                                         err);
    }

    size = mds_json_get(json, "size");
    if (!mds_json_is_integer(size) || mds_json_integer(size) < 0) {
        return mds_client_manifest_wrong(object, "size", "a number of bytes",
                                         err);
    }

    file->path = path.data;
    file->size_bytes = (uint64_t) mds_json_integer(size);
    return mds_client_manifest_digest(json, object, "sha256", err,
                                      &file->sha256);
}

static mds_status_t
mds_client_manifest_read_delta(mds_client_manifest_t *manifest,
                               mds_error_t           *err)
{
    const mds_json_t *json = mds_json_get(manifest->json, "delta");
    mds_str_t         format = mds_null_str;
    mds_status_t      status;

    if (json == NULL) {
        return MDS_OK;
    }

    status
        = mds_client_manifest_read_file(json, "delta", err, &manifest->delta);
    if (status != MDS_OK) {
        return status;
    }

    status = mds_client_manifest_str(json, "delta", "from", err,
                                     &manifest->delta_from);
    if (status != MDS_OK) {
        return status;
    }

    status = mds_client_manifest_digest(json, "delta", "from_sha256", err,
                                        &manifest->delta_from_sha256);
    if (status != MDS_OK) {
        return status;
    }

    status = mds_client_manifest_str(json, "delta", "format", err, &format);
    if (status == MDS_OK) {
        manifest->has_delta = mds_str_eq(format, mds_str(MDS_DELTA_FORMAT));
    }

    return status;
}

static mds_status_t
mds_client_manifest_read_action(mds_client_manifest_t *manifest,
                                mds_error_t           *err)
{
    mds_str_t    action = mds_null_str;
    mds_status_t status;

    status
        = mds_client_manifest_str(manifest->json, "", "action", err, &action);
    if (status != MDS_OK) {
        return status;
    }

    manifest->rollback = mds_str_eq(action, mds_str("rollback"));
    if (manifest->rollback) {
        return mds_client_manifest_str(manifest->json, "", "from", err,
                                       &manifest->from);
    }

    if (!mds_str_eq(action, mds_str("install"))) {
        return mds_client_manifest_wrong("", "action",
                                         "\"install\" or \"rollback\"", err);
    }

    return MDS_OK;
}

/* The signature by the app's key has a name of its own, since other apps may
 * have the same file. Manifests of older servers lack it. */
static mds_status_t
mds_client_manifest_read_minisig(mds_client_manifest_t *manifest,
                                 mds_error_t           *err)
{
    const mds_json_t *json
        = mds_json_get(mds_json_get(manifest->json, "full"), "minisig");

    if (json == NULL) {
        return MDS_OK;
    }

    if (!mds_json_is_string(json)
        || !mds_client_manifest_path_valid(mds_json_string(json)))
    {
        return mds_client_manifest_wrong("full", "minisig", "a relative path",
                                         err);
    }

    manifest->minisig = mds_json_string(json).data;
    return MDS_OK;
}

static mds_status_t
mds_client_manifest_read_version(mds_client_manifest_t *manifest,
                                 mds_error_t           *err)
{
    const mds_json_t *version = mds_json_get(manifest->json, "version");
    mds_version_t     parsed;

    if (manifest->rollback && mds_json_is_null(version)) {
        return MDS_OK;
    }

    manifest->version = mds_json_string(version);
    if (!mds_version_parse(manifest->version, &parsed)) {
        return mds_client_manifest_wrong("", "version", "a version", err);
    }

    manifest->has_full = true;
    return mds_client_manifest_read_file(mds_json_get(manifest->json, "full"),
                                         "full", err, &manifest->full);
}

static mds_status_t
mds_client_manifest_read(mds_client_manifest_t *manifest, mds_error_t *err)
{
    const mds_json_t *serial = mds_json_get(manifest->json, "serial");
    mds_status_t      status;
    struct {
        const char *key;
        mds_str_t  *to;
    } strings[] = { { "app", &manifest->app },
                    { "kind", &manifest->kind },
                    { "name", &manifest->name },
                    { "release", &manifest->release } };

    for (size_t i = 0; i < mds_nelems(strings); i++) {
        status = mds_client_manifest_str(manifest->json, "", strings[i].key,
                                         err, strings[i].to);
        if (status != MDS_OK) {
            return status;
        }
    }

    if (!mds_json_is_integer(serial)) {
        return mds_client_manifest_wrong("", "serial", "a number", err);
    }
    manifest->serial = mds_json_integer(serial);

    status = mds_client_manifest_read_action(manifest, err);
    if (status == MDS_OK) {
        status = mds_client_manifest_read_version(manifest, err);
    }
    if (status == MDS_OK && manifest->has_full) {
        status = mds_client_manifest_read_minisig(manifest, err);
    }
    if (status == MDS_OK && manifest->has_full) {
        status = mds_client_manifest_read_delta(manifest, err);
    }

    return status;
}

mds_status_t
mds_client_manifest_parse(mds_str_t text, mds_error_t *err,
                          mds_client_manifest_t *manifest)
{
    mds_client_manifest_t o = { 0 };
    mds_status_t          status;

    status = mds_json_parse(text, "manifest", err, &o.json);
    if (status == MDS_OK) {
        status = mds_client_manifest_read(&o, err);
    }

    if (status != MDS_OK) {
        mds_client_manifest_free(&o);
        return status;
    }

    *manifest = o;
    return MDS_OK;
}

void
mds_client_manifest_free(mds_client_manifest_t *manifest)
{
    mds_json_release(manifest->json);
    *manifest = (mds_client_manifest_t){ 0 };
}

/* Returns whether platforms is "*", the platform, or a list that has it. */
static bool
mds_client_manifest_is_for(const mds_json_t *platforms, mds_str_t platform)
{
    for (size_t i = 0; i < mds_json_size(platforms); i++) {
        if (mds_str_eq(mds_json_string(mds_json_at(platforms, i)), platform)) {
            return true;
        }
    }

    return mds_str_eq(mds_json_string(platforms), mds_str("*"))
           || mds_str_eq(mds_json_string(platforms), platform);
}

static mds_status_t
mds_client_manifest_check_resource(const mds_client_manifest_t *manifest,
                                   const mds_request_t         *request,
                                   mds_error_t                 *err)
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
                "manifest: it is for %.*s \"%.*s\", asked was \"%.*s\"",
                MDS_STR(names[i].what), MDS_STR(names[i].found),
                MDS_STR(asked));
        }
    }

    if (platform.len > 0
        && !mds_client_manifest_is_for(mds_json_get(manifest->json, "platform"),
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
mds_client_manifest_check_channel(const mds_client_manifest_t *manifest,
                                  const mds_request_t         *request,
                                  mds_error_t                 *err)
{
    mds_str_t   channel = mds_request_attr(request, MDS_ATTR_CHANNEL);
    mds_json_t *channels = mds_json_get(manifest->json, "channel");

    if (channels == NULL
        || (channel.len == 0
                ? mds_str_eq(mds_json_string(channels), mds_str("*"))
                : mds_client_manifest_is_for(channels, channel)))
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
                   " asked for");
}

/* Fails if the request refuses the version. */
static mds_status_t
mds_client_manifest_check_refused(const mds_client_manifest_t *manifest,
                                  const mds_request_t         *request,
                                  mds_error_t                 *err)
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
mds_client_manifest_check_rollback(const mds_client_manifest_t *manifest,
                                   mds_str_t installed, mds_error_t *err)
{
    mds_version_t has, from, to;

    if (!mds_version_parse(installed, &has)
        || !mds_version_parse(manifest->from, &from)
        || mds_version_cmp(&has, &from) != 0)
    {
        return mds_fail(err, MDS_CONFLICT,
                        "manifest: it takes back version \"%.*s\", installed is"
                        " \"%.*s\"",
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

    status = mds_client_manifest_check_resource(manifest, request, err);
    if (status == MDS_OK) {
        status = mds_client_manifest_check_channel(manifest, request, err);
    }
    if (status == MDS_OK) {
        status = mds_client_manifest_check_refused(manifest, request, err);
    }
    if (status != MDS_OK) {
        return status;
    }

    if (manifest->rollback) {
        return mds_client_manifest_check_rollback(manifest, installed, err);
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
