/*
 * Builds manifests as JSON. docs/client.md describes their members.
 */

#define _GNU_SOURCE /* memmem() */

#include "compile/mds_manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sign/mds_sign.h"

/* Returns platforms or channels: "*", the only one, or a list. */
static mds_json_t *
mds_manifest_scope(const mds_strs_t *scope)
{
    mds_json_t  *array;
    mds_status_t status = MDS_OK;

    if (scope->count <= 1) {
        return mds_json_string_new(scope->count == 0 ? mds_str("*")
                                                     : scope->items[0]);
    }

    array = mds_json_array_new();

    for (size_t i = 0; status == MDS_OK && i < scope->count; i++) {
        status = mds_json_append(array, mds_json_string_new(scope->items[i]));
    }

    if (status != MDS_OK) {
        mds_json_release(array);
        return NULL;
    }

    return array;
}

/* Returns path, size and sha256, which both "full" and "delta" have. */
static mds_json_t *
mds_manifest_file(const mds_sha256_t *sha256, uint64_t size_bytes)
{
    char hex[MDS_SHA256_HEX + 1];
    char path[sizeof("files/") + MDS_SHA256_HEX];

    (void) mds_sha256_hex(sha256, hex);
    snprintf(path, sizeof(path), "files/%s", hex);

    return mds_json_pack("{s:s, s:I, s:s}", "path", path, "size",
                         (int64_t) size_bytes, "sha256", hex);
}

static mds_json_t *
mds_manifest_delta(const mds_delta_fact_t *delta)
{
    char        hex[MDS_SHA256_HEX + 1];
    mds_json_t *file
        = mds_manifest_file(&delta->file.sha256, delta->file.size_bytes);

    (void) mds_sha256_hex(&delta->from->sha256, hex);

    if (mds_json_set_str(file, "from", delta->from->version) != MDS_OK
        || mds_json_set_str(file, "from_sha256", mds_str_of(hex)) != MDS_OK
        || mds_json_set_str(file, "format", delta->format) != MDS_OK)
    {
        mds_json_release(file);
        return NULL;
    }

    return file;
}

/* Returns the package's meta, overridden by the release's. */
static mds_json_t *
mds_manifest_meta(const mds_release_t *release, const mds_package_t *package,
                  bool forced)
{
    mds_json_t *meta = package->meta != NULL ? mds_json_copy(package->meta)
                                             : mds_json_object_new();
    mds_json_member_t *member;

    for (member = mds_json_first(release->meta); member != NULL;
         member = mds_json_next(release->meta, member))
    {
        if (mds_json_put(meta, mds_json_key(member),
                         mds_json_copy(mds_json_value(member)))
            != MDS_OK)
        {
            mds_json_release(meta);
            return NULL;
        }
    }

    if (forced && mds_json_set_str(meta, "prompt", mds_str("force")) != MDS_OK)
    {
        mds_json_release(meta);
        return NULL;
    }

    return meta;
}

/* Returns the members that both actions have first. */
static mds_json_t *
mds_manifest_new(mds_str_t app, const mds_release_t *release,
                 const mds_strs_t *platforms, const mds_strs_t *channels,
                 const char *action)
{
    mds_str_t name = release->name.len > 0 ? release->name : mds_str("");

    /* clang-format off */
    return mds_json_pack("{s:o, s:o, s:o, s:o, s:o, s:s}",
                         "app", mds_json_string_new(app),
                         "kind", mds_json_string_new(release->kind),
                         "name", mds_json_string_new(name),
                         "platform", mds_manifest_scope(platforms),
                         "channel", mds_manifest_scope(channels),
                         "action", action);
    /* clang-format on */
}

mds_json_t *
mds_manifest_install(mds_str_t app, const mds_release_t *release,
                     const mds_package_t *package, uint64_t size_bytes,
                     const mds_delta_fact_t *delta, bool forced)
{
    mds_json_t *json = mds_manifest_new(app, release, &package->platforms,
                                        &package->channels, "install");

    if (mds_json_set_str(json, "version", package->version) != MDS_OK
        || mds_json_set_str(json, "release", release->id) != MDS_OK
        || mds_json_set_integer(json, "serial", 0) != MDS_OK
        || mds_json_set(json, "full",
                        mds_manifest_file(&package->sha256, size_bytes))
               != MDS_OK
        || (delta != NULL
            && mds_json_set(json, "delta", mds_manifest_delta(delta)) != MDS_OK)
        || mds_json_set(json, "meta",
                        mds_manifest_meta(release, package, forced))
               != MDS_OK)
    {
        mds_json_release(json);
        return NULL;
    }

    return json;
}

mds_json_t *
mds_manifest_rollback(mds_str_t app, const mds_release_t *release,
                      const mds_package_t *package, uint64_t size_bytes)
{
    const mds_strs_t *platforms
        = package != NULL ? &package->platforms : &release->platforms;
    const mds_strs_t *channels
        = package != NULL ? &package->channels : &release->channels;
    mds_json_t *json
        = mds_manifest_new(app, release, platforms, channels, "rollback");

    if (mds_json_set_str(json, "from", release->version) != MDS_OK
        || mds_json_set(json, "version",
                        package != NULL ? mds_json_string_new(package->version)
                                        : mds_json_null_new())
               != MDS_OK
        || mds_json_set_str(json, "release", release->id) != MDS_OK
        || mds_json_set_integer(json, "serial", 0) != MDS_OK
        || (package != NULL
            && mds_json_set(json, "full",
                            mds_manifest_file(&package->sha256, size_bytes))
                   != MDS_OK)
        || (release->meta != NULL
            && mds_json_set(json, "meta", mds_json_copy(release->meta))
                   != MDS_OK))
    {
        mds_json_release(json);
        return NULL;
    }

    return json;
}

bool
mds_manifest_remove_rollback_meta(mds_json_t *manifest)
{
    bool has = mds_json_get(manifest, "meta") != NULL
               && mds_str_eq(mds_json_get_string(manifest, "action"),
                             mds_str("rollback"));

    if (has) {
        mds_json_delete(manifest, "meta");
    }

    return has;
}

/* Sets "minisig" of "full"; a manifest without "full" is not changed. */
static mds_status_t
mds_manifest_set_minisig(mds_json_t *manifest, mds_str_t keyid)
{
    mds_json_t *full = mds_json_get(manifest, "full");
    mds_str_t   path = mds_json_get_string(full, "path");
    char        text[sizeof("files/") + MDS_SHA256_HEX + 1 + MDS_KEYID_HEX
              + sizeof(".minisig")];

    if (full == NULL) {
        return MDS_OK;
    }

    if (keyid.len == 0) {
        mds_json_delete(full, "minisig");
        return MDS_OK;
    }

    snprintf(text, sizeof(text), "%.*s.%.*s.minisig", MDS_STR(path),
             MDS_STR(keyid));
    return mds_json_set_str(full, "minisig", mds_str_of(text));
}

mds_status_t
mds_manifest_write(mds_json_t *manifest, mds_str_t keyid, mds_error_t *err,
                   mds_str_t *text)
{
    char        *dumped;
    mds_status_t status;

    if (mds_manifest_set_minisig(manifest, keyid) != MDS_OK
        || mds_json_set_integer(manifest, "serial", 0) != MDS_OK)
    {
        return mds_fail_memory(err);
    }

    status
        = mds_json_dump(manifest, MDS_JSON_COMPACT, err, &dumped, &text->len);

    if (status == MDS_OK) {
        text->data = dumped;
    }

    return status;
}

/* The first such text is the member of the manifest itself: a quote within a
 * string is escaped, and no object is before that member. */
mds_status_t
mds_manifest_set_serial(mds_str_t text, uint64_t serial, mds_error_t *err,
                        mds_str_t *with)
{
    static const char member[] = ",\"serial\":0";
    const char *at = memmem(text.data, text.len, member, sizeof(member) - 1);
    char        digits[24];
    size_t      before, count;
    char       *bytes;

    if (at == NULL) {
        return mds_fail(err, MDS_INVALID, "the manifest has no serial");
    }

    before = (size_t) (at - text.data) + sizeof(member) - 2;
    count = (size_t) snprintf(digits, sizeof(digits), "%" PRIu64, serial);
    bytes = malloc(text.len + count);

    if (bytes == NULL) {
        return mds_fail_memory(err);
    }

    memcpy(bytes, text.data, before);
    memcpy(bytes + before, digits, count);
    memcpy(bytes + before + count, text.data + before + 1,
           text.len - before - 1);
    *with = (mds_str_t){ text.len - 1 + count, bytes };
    return MDS_OK;
}

mds_status_t
mds_manifest_digest(mds_json_t *manifest, mds_str_t keyid, mds_error_t *err,
                    mds_sha256_t *digest)
{
    mds_str_t    text;
    mds_status_t status = mds_manifest_write(manifest, keyid, err, &text);

    if (status == MDS_OK) {
        mds_sha256(text.data, text.len, digest);
        free((char *) text.data);
    }

    return status;
}
