/*
 * update: writes manifests. The id of an update is a UUID of version 8 that has
 * the version's numbers as decimal digits, 00000001-0002-8003-8... for 1.2.3,
 * so that nginx finds the installed version in what the app sends. Its last
 * digits are of the manifest's SHA-256.
 */

#include "expo/update.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/mds_digest.h"
#include "base/mds_time.h"

#define EXPO_TIME_BYTES (MDS_TIME_BYTES + 4)
#define EXPO_HASH_BYTES (mds_base64_len(sizeof(mds_sha256_t)) + 1)
#define EXPO_UUID_BYTES 37
#define EXPO_VERSION_NUMBERS 3

typedef struct {
    const char *extension;
    const char *type;
} media_type_t;

static const media_type_t media_types[] = {
    { "css", "text/css" },          { "gif", "image/gif" },
    { "html", "text/html" },        { "jpeg", "image/jpeg" },
    { "jpg", "image/jpeg" },        { "js", "application/javascript" },
    { "json", "application/json" }, { "mp3", "audio/mpeg" },
    { "mp4", "video/mp4" },         { "otf", "font/otf" },
    { "png", "image/png" },         { "svg", "image/svg+xml" },
    { "ttf", "font/ttf" },          { "txt", "text/plain" },
    { "wav", "audio/wav" },         { "webp", "image/webp" },
    { "woff", "font/woff" },        { "woff2", "font/woff2" },
    { "xml", "application/xml" },
};

static const char *
find_media_type(mds_str_t extension)
{
    for (size_t i = 0; i < mds_nelems(media_types); i++) {
        if (mds_str_eq(extension, mds_str_of(media_types[i].extension))) {
            return media_types[i].type;
        }
    }

    return "application/octet-stream";
}

/* Writes a time with milliseconds, which apps expect. */
static const char *
format_time(int64_t ms, char text[EXPO_TIME_BYTES])
{
    size_t len;

    (void) mds_time_format(ms, text);
    len = strlen(text) - 1;
    (void) snprintf(text + len, EXPO_TIME_BYTES - len, ".%03dZ",
                    (int) (ms % 1000));

    return text;
}

/* Writes the digest in base64url without padding. */
static const char *
format_hash(const mds_sha256_t *digest, char text[EXPO_HASH_BYTES])
{
    (void) mds_base64(digest->bytes, sizeof(digest->bytes), text);

    for (char *p = text; *p != '\0'; p++) {
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p == '=' ? '\0' : *p;
    }

    return text;
}

/* Reads up to three numbers of at most 8, 4 and 3 digits. */
static bool
parse_version(mds_str_t text, unsigned numbers[EXPO_VERSION_NUMBERS])
{
    static const size_t most[EXPO_VERSION_NUMBERS] = { 8, 4, 3 };

    (void) (text.len > 0 && text.data[0] == 'v' ? (text.data++, text.len--)
                                                : 0);

    for (size_t i = 0; i < EXPO_VERSION_NUMBERS; i++) {
        mds_str_t digits = mds_str_cut(&text, '.');

        numbers[i] = 0;

        if (digits.len > most[i] || (digits.len == 0 && i == 0)) {
            return false;
        }

        for (size_t k = 0; k < digits.len; k++) {
            if (!isdigit((unsigned char) digits.data[k])) {
                return false;
            }

            numbers[i] = numbers[i] * 10 + (unsigned) (digits.data[k] - '0');
        }
    }

    return text.len == 0;
}

static mds_status_t
format_id(mds_str_t version, const mds_sha256_t *digest, mds_error_t *err,
          char uuid[EXPO_UUID_BYTES])
{
    unsigned numbers[EXPO_VERSION_NUMBERS];
    char     hex[MDS_SHA256_HEX + 1];

    if (!parse_version(version, numbers)) {
        return mds_fail(err, MDS_INVALID,
                        "/version: \"%.*s\": the version of an Expo update must"
                        " be up to three numbers, of at most 8, 4 and 3 digits",
                        MDS_STR(version));
    }

    (void) mds_sha256_hex(digest, hex);
    (void) snprintf(uuid, EXPO_UUID_BYTES, "%08u-%04u-8%03u-8%.3s-%.12s",
                    numbers[0], numbers[1], numbers[2], hex, hex + 3);

    return MDS_OK;
}

/* Returns whether the path of an asset stays in the folder. */
static bool
is_inside(mds_str_t path)
{
    if (path.len == 0 || path.data[0] == '/'
        || memchr(path.data, '\0', path.len) != NULL)
    {
        return false;
    }

    while (path.len > 0) {
        if (mds_str_eq(mds_str_cut(&path, '/'), mds_str(".."))) {
            return false;
        }
    }

    return true;
}

/* Returns the name of the file without its extension: bundlers put a hash
 * there, and assets that are embedded in the app have it as their key. */
static mds_str_t
find_key(mds_str_t path)
{
    mds_str_t name, key;

    do {
        name = mds_str_cut(&path, '/');
    } while (path.len > 0);

    key = name;
    key = mds_str_cut(&key, '.');

    return key.len > 0 ? key : name;
}

/* Adds the package of an asset; the same file may be several assets. */
static mds_status_t
add_asset(mds_json_t *assets, const char *hex, const char *file,
          mds_error_t *err)
{
    for (size_t i = 0; i < mds_json_size(assets); i++) {
        if (mds_str_eq(mds_json_get_string(mds_json_at(assets, i), "name"),
                       mds_str_of(hex)))
        {
            return MDS_OK;
        }
    }

    return mds_json_done(
        mds_json_append(assets,
                        mds_json_pack("{s:s, s:s, s:s, s:s, s:i}", "kind",
                                      MDSCTL_EXPO_ASSET, "name", hex, "version",
                                      "1", "file", file, "deltas", 0)),
        err);
}

/* Gives the entry of an asset in the manifest, a new value. */
static mds_status_t
describe_asset(const mdsctl_expo_export_t *export, mds_str_t path,
               const char *type, const char *extension, mds_json_t *assets,
               mds_error_t *err, mds_json_t **entry)
{
    size_t       url_len = strlen(export->options->url);
    mds_str_t    key;
    mds_path_t   file, url;
    mds_sha256_t digest;
    uint64_t     bytes;
    char         hex[MDS_SHA256_HEX + 1], hash[EXPO_HASH_BYTES];
    mds_status_t status;

    if (!is_inside(path)) {
        return mds_fail(err, MDS_INVALID,
                        "metadata.json: \"%.*s\" must be a path in \"%s\"",
                        MDS_STR(path), export->folder);
    }

    status = mds_path(&file, err, "%s/%.*s", export->folder, MDS_STR(path));

    if (status == MDS_OK) {
        status = mds_sha256_file(file.text, NULL, err, &digest, &bytes);
    }

    if (status == MDS_OK) {
        status
            = add_asset(assets, mds_sha256_hex(&digest, hex), file.text, err);
    }

    while (url_len > 0 && export->options->url[url_len - 1] == '/') {
        url_len--;
    }

    if (status == MDS_OK) {
        status = mds_path(&url, err, "%.*s/files/%s", (int) url_len,
                          export->options->url, hex);
    }

    if (status != MDS_OK) {
        return status;
    }

    key = find_key(path);
    *entry = mds_json_pack("{s:s, s:o, s:s, s:s, s:s}", "hash",
                           format_hash(&digest, hash), "key",
                           mds_json_string_new(key), "contentType", type,
                           "fileExtension", extension, "url", url.text);

    return *entry == NULL ? mds_fail_memory(err) : MDS_OK;
}

/* Gives the entries of the assets, a new array. */
static mds_status_t
describe_assets(const mdsctl_expo_export_t *export, const mds_json_t *list,
                mds_json_t *assets, mds_error_t *err, mds_json_t **entries)
{
    mds_json_t  *array = mds_json_array_new();
    mds_status_t status
        = mds_json_done(array == NULL ? MDS_NO_MEMORY : MDS_OK, err);

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(list); i++) {
        const mds_json_t *asset = mds_json_at(list, i);
        mds_str_t         ext = mds_json_get_string(asset, "ext");
        mds_json_t       *entry;
        mds_path_t        dotted;

        status = mds_path(&dotted, err, ".%.*s", MDS_STR(ext));

        if (status == MDS_OK) {
            status = describe_asset(export, mds_json_get_string(asset, "path"),
                                    find_media_type(ext), dotted.text, assets,
                                    err, &entry);
        }

        if (status == MDS_OK) {
            status = mds_json_done(mds_json_append(array, entry), err);
        }
    }

    if (status != MDS_OK) {
        mds_json_release(array);
        return status;
    }

    *entries = array;
    return MDS_OK;
}

/* Gives the manifest with an empty id, a new value. */
static mds_status_t
make_manifest(const mdsctl_expo_export_t *export, const mds_json_t *files,
              mds_json_t *assets, mds_error_t *err, mds_json_t **manifest)
{
    char         time[EXPO_TIME_BYTES];
    mds_json_t  *launch, *entries, *config = NULL;
    mds_status_t status
        = describe_asset(export, mds_json_get_string(files, "bundle"),
                         "application/javascript", ".bundle", assets, err,
                         &launch);

    if (status != MDS_OK) {
        return status;
    }

    status = describe_assets(export, mds_json_get(files, "assets"), assets, err,
                             &entries);
    if (status != MDS_OK) {
        mds_json_release(launch);
        return status;
    }

    if (export->config != NULL) {
        config = mds_json_copy(export->config);
    }

    *manifest
        = mds_json_pack("{s:s, s:s, s:s, s:o, s:o, s:{}, s:{s:o*}}", "id", "",
                        "createdAt", format_time(export->created_ms, time),
                        "runtimeVersion", export->options->runtime,
                        "launchAsset", launch, "assets", entries, "metadata",
                        "extra", "expoClient", config);

    return *manifest == NULL ? mds_fail_memory(err) : MDS_OK;
}

/* Sets the id, which has a part of the digest of the manifest without it. */
static mds_status_t
set_id(mds_json_t *manifest, mds_str_t version, mds_error_t *err)
{
    mds_sha256_t digest;
    char        *text, uuid[EXPO_UUID_BYTES];
    size_t       len;
    mds_status_t status
        = mds_json_dump(manifest, MDS_JSON_COMPACT, err, &text, &len);

    if (status != MDS_OK) {
        return status;
    }

    mds_sha256(text, len, &digest);
    free(text);
    status = format_id(version, &digest, err, uuid);

    return status == MDS_OK ? mds_json_done(mds_json_set_str(manifest, "id",
                                                             mds_str_of(uuid)),
                                            err)
                            : status;
}

mds_status_t
mdsctl_expo_manifest(const mdsctl_expo_export_t *export,
                     const mds_json_t *files, mds_json_t *assets,
                     mds_error_t *err, char **text, size_t *len)
{
    mds_json_t  *manifest;
    mds_status_t status = make_manifest(export, files, assets, err, &manifest);

    if (status != MDS_OK) {
        return status;
    }

    status = set_id(manifest, export->version, err);

    if (status == MDS_OK) {
        status = mds_json_dump(manifest, MDS_JSON_COMPACT, err, text, len);
    }

    mds_json_release(manifest);
    return status;
}

mds_status_t
mdsctl_expo_directive(const mdsctl_expo_export_t *export, mds_error_t *err,
                      char **text, size_t *len)
{
    char        time[EXPO_TIME_BYTES];
    mds_json_t *directive
        = mds_json_pack("{s:s, s:{s:s}}", "type", "rollBackToEmbedded",
                        "parameters", "commitTime",
                        format_time(export->created_ms, time));
    mds_status_t status;

    if (directive == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_json_dump(directive, MDS_JSON_COMPACT, err, text, len);
    mds_json_release(directive);

    return status;
}
