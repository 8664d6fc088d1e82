#include "client/mds_client_manifest.h"

#include "base/mds_kind.h"
#include "base/mds_terms.h"
#include "base/mds_version.h"

#define MDS_ORDER_WHAT "manifest"

static mds_status_t
mds_client_manifest_wrong(const char *object, const char *key, const char *want,
                          mds_error_t *err)
{
    return mds_fail(err, MDS_INVALID, MDS_ORDER_WHAT ": /%s%s%s is not %s",
                    object, object[0] != '\0' ? "/" : "", key, want);
}

/* A string member; object names where json is, "" for the manifest itself. */
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

/* Stays below the service's URL, and is safe to put behind it. */
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
mds_client_manifest_read_delta(mds_client_manifest_t *order, mds_error_t *err)
{
    const mds_json_t *json = mds_json_get(order->json, "delta");
    mds_str_t         format = mds_null_str;
    mds_status_t      status;

    if (json == NULL) {
        return MDS_OK;
    }

    status = mds_client_manifest_read_file(json, "delta", err, &order->delta);
    if (status != MDS_OK) {
        return status;
    }

    status = mds_client_manifest_str(json, "delta", "from", err,
                                     &order->delta_from);
    if (status != MDS_OK) {
        return status;
    }

    status = mds_client_manifest_digest(json, "delta", "from_sha256", err,
                                        &order->delta_from_sha256);
    if (status != MDS_OK) {
        return status;
    }

    status = mds_client_manifest_str(json, "delta", "format", err, &format);
    if (status == MDS_OK) {
        order->has_delta = mds_str_eq(format, mds_str(MDS_DELTA_FORMAT));
    }

    return status;
}

static mds_status_t
mds_client_manifest_read_action(mds_client_manifest_t *order, mds_error_t *err)
{
    mds_str_t    action = mds_null_str;
    mds_status_t status;

    status = mds_client_manifest_str(order->json, "", "action", err, &action);
    if (status != MDS_OK) {
        return status;
    }

    order->rollback = mds_str_eq(action, mds_str("rollback"));
    if (order->rollback) {
        return mds_client_manifest_str(order->json, "", "from", err,
                                       &order->from);
    }

    if (!mds_str_eq(action, mds_str("install"))) {
        return mds_client_manifest_wrong("", "action",
                                         "\"install\" or \"rollback\"", err);
    }

    return MDS_OK;
}

/* The signature by the app's key has a name of its own, since other apps may
 * have the same file. Manifests of older servers do not tell it. */
static mds_status_t
mds_client_manifest_read_minisig(mds_client_manifest_t *order, mds_error_t *err)
{
    const mds_json_t *json
        = mds_json_get(mds_json_get(order->json, "full"), "minisig");

    if (json == NULL) {
        return MDS_OK;
    }

    if (!mds_json_is_string(json)
        || !mds_client_manifest_path_valid(mds_json_string(json)))
    {
        return mds_client_manifest_wrong("full", "minisig", "a relative path",
                                         err);
    }

    order->minisig = mds_json_string(json).data;
    return MDS_OK;
}

static mds_status_t
mds_client_manifest_read_version(mds_client_manifest_t *order, mds_error_t *err)
{
    const mds_json_t *version = mds_json_get(order->json, "version");
    mds_version_t     parsed;

    if (order->rollback && mds_json_is_null(version)) {
        return MDS_OK;
    }

    order->version = mds_json_string(version);
    if (!mds_version_parse(order->version, &parsed)) {
        return mds_client_manifest_wrong("", "version", "a version", err);
    }

    order->has_full = true;
    return mds_client_manifest_read_file(mds_json_get(order->json, "full"),
                                         "full", err, &order->full);
}

static mds_status_t
mds_client_manifest_read(mds_client_manifest_t *order, mds_error_t *err)
{
    const mds_json_t *serial = mds_json_get(order->json, "serial");
    mds_status_t      status;
    struct {
        const char *key;
        mds_str_t  *to;
    } strings[] = { { "app", &order->app },
                    { "kind", &order->kind },
                    { "name", &order->name },
                    { "release", &order->release } };

    for (size_t i = 0; i < mds_nelems(strings); i++) {
        status = mds_client_manifest_str(order->json, "", strings[i].key, err,
                                         strings[i].to);
        if (status != MDS_OK) {
            return status;
        }
    }

    if (!mds_json_is_integer(serial)) {
        return mds_client_manifest_wrong("", "serial", "a number", err);
    }
    order->serial = mds_json_integer(serial);

    status = mds_client_manifest_read_action(order, err);
    if (status == MDS_OK) {
        status = mds_client_manifest_read_version(order, err);
    }
    if (status == MDS_OK && order->has_full) {
        status = mds_client_manifest_read_minisig(order, err);
    }
    if (status == MDS_OK && order->has_full) {
        status = mds_client_manifest_read_delta(order, err);
    }

    return status;
}

mds_status_t
mds_client_manifest_parse(mds_str_t manifest, mds_error_t *err,
                          mds_client_manifest_t *order)
{
    mds_client_manifest_t o = { 0 };
    mds_status_t          status;

    status = mds_json_parse(manifest, MDS_ORDER_WHAT, err, &o.json);
    if (status == MDS_OK) {
        status = mds_client_manifest_read(&o, err);
    }

    if (status != MDS_OK) {
        mds_client_manifest_free(&o);
        return status;
    }

    *order = o;
    return MDS_OK;
}

void
mds_client_manifest_free(mds_client_manifest_t *order)
{
    mds_json_release(order->json);
    *order = (mds_client_manifest_t){ 0 };
}

/* "*", the platform, or a list that has it. */
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
mds_client_manifest_check_resource(const mds_client_manifest_t *order,
                                   const mds_request_t         *request,
                                   mds_error_t                 *err)
{
    mds_str_t platform = mds_request_attr(request, MDS_ATTR_PLATFORM);
    struct {
        mds_str_t what;
        mds_str_t told;
    } names[] = { { mds_str("app"), order->app },
                  { mds_str("kind"), order->kind },
                  { mds_str("name"), order->name } };

    for (size_t i = 0; i < mds_nelems(names); i++) {
        mds_str_t asked = mds_request_get(request, names[i].what);

        if (!mds_str_eq(asked, names[i].told)) {
            return mds_fail(err, MDS_CONFLICT,
                            MDS_ORDER_WHAT
                            ": it is for %.*s \"%.*s\", asked was \"%.*s\"",
                            MDS_STR(names[i].what), MDS_STR(names[i].told),
                            MDS_STR(asked));
        }
    }

    if (platform.len > 0
        && !mds_client_manifest_is_for(mds_json_get(order->json, "platform"),
                                       platform))
    {
        return mds_fail(err, MDS_CONFLICT,
                        MDS_ORDER_WHAT ": it is not for platform \"%.*s\"",
                        MDS_STR(platform));
    }

    return MDS_OK;
}

/* "*", or a list that has the channel. A build for every channel is fine for a
 * device that has none; one for certain channels is not. */
static mds_status_t
mds_client_manifest_check_channel(const mds_client_manifest_t *order,
                                  const mds_request_t         *request,
                                  mds_error_t                 *err)
{
    mds_str_t   channel = mds_request_attr(request, MDS_ATTR_CHANNEL);
    mds_json_t *channels = mds_json_get(order->json, "channel");

    if (channels == NULL
        || (channel.len == 0
                ? mds_str_eq(mds_json_string(channels), mds_str("*"))
                : mds_client_manifest_is_for(channels, channel)))
    {
        return MDS_OK;
    }

    return channel.len > 0
               ? mds_fail(err, MDS_CONFLICT,
                          MDS_ORDER_WHAT ": it is not for channel \"%.*s\"",
                          MDS_STR(channel))
               : mds_fail(err, MDS_CONFLICT,
                          MDS_ORDER_WHAT
                          ": it is for certain channels, and no channel was"
                          " asked for");
}

/* What the device has refused, it does not take all the same. */
static mds_status_t
mds_client_manifest_check_refused(const mds_client_manifest_t *order,
                                  const mds_request_t         *request,
                                  mds_error_t                 *err)
{
    mds_str_t     list = mds_request_attr(request, MDS_ATTR_REFUSE);
    mds_version_t refused, gets;

    if (!order->has_full || !mds_version_parse(order->version, &gets)) {
        return MDS_OK;
    }

    while (list.len > 0) {
        mds_str_t word = mds_str_cut(&list, ',');

        if (mds_version_parse(word, &refused)
            && mds_version_cmp(&refused, &gets) == 0) {
            return mds_fail(err, MDS_CONFLICT,
                            MDS_ORDER_WHAT
                            ": version \"%.*s\" is one that the request"
                            " refuses (refuse=%.*s)",
                            MDS_STR(order->version),
                            MDS_STR(
                                mds_request_attr(request, MDS_ATTR_REFUSE)));
        }
    }

    return MDS_OK;
}

static mds_status_t
mds_client_manifest_check_rollback(const mds_client_manifest_t *order,
                                   mds_str_t installed, mds_error_t *err)
{
    mds_version_t has, from, to;

    if (!mds_version_parse(installed, &has)
        || !mds_version_parse(order->from, &from)
        || mds_version_cmp(&has, &from) != 0)
    {
        return mds_fail(err, MDS_CONFLICT,
                        MDS_ORDER_WHAT
                        ": it takes back version \"%.*s\", installed is"
                        " \"%.*s\"",
                        MDS_STR(order->from), MDS_STR(installed));
    }

    if (order->has_full
        && (!mds_version_parse(order->version, &to)
            || mds_version_cmp(&to, &has) >= 0))
    {
        return mds_fail(err, MDS_CONFLICT,
                        MDS_ORDER_WHAT
                        ": it goes back to \"%.*s\", which is not below the"
                        " installed \"%.*s\"",
                        MDS_STR(order->version), MDS_STR(installed));
    }

    return MDS_OK;
}

mds_status_t
mds_client_manifest_check(const mds_client_manifest_t *order,
                          const mds_request_t *request, mds_error_t *err)
{
    mds_str_t     installed = mds_request_attr(request, MDS_ATTR_VERSION);
    mds_version_t has, gets;
    mds_status_t  status;

    status = mds_client_manifest_check_resource(order, request, err);
    if (status == MDS_OK) {
        status = mds_client_manifest_check_channel(order, request, err);
    }
    if (status == MDS_OK) {
        status = mds_client_manifest_check_refused(order, request, err);
    }
    if (status != MDS_OK) {
        return status;
    }

    if (order->rollback) {
        return mds_client_manifest_check_rollback(order, installed, err);
    }

    if (installed.len > 0
        && (!mds_version_parse(installed, &has)
            || !mds_version_parse(order->version, &gets)
            || mds_version_cmp(&gets, &has) <= 0))
    {
        return mds_fail(err, MDS_CONFLICT,
                        MDS_ORDER_WHAT
                        ": version \"%.*s\" is not above the installed"
                        " \"%.*s\"; an old answer sent again?%s",
                        MDS_STR(order->version), MDS_STR(installed),
                        mds_kind_has(order->kind, MDS_KIND_IS_HOTFIX)
                            ? " Or the hotfix is of another version of the app:"
                              " then leave version out"
                            : "");
    }

    return MDS_OK;
}
