/*
 * Parses a manifest.
 */

#include "client/mds_client_manifest.h"

#include "base/mds_version.h"

/* The first failure sticks: the readers below go on, and what they read of a
 * wrong member is empty. */
typedef struct {
    mds_error_t *err;
    mds_status_t status;
} mds_manifest_reader_t;

/* Fails for a member. object is the key of the object that it is in, "" for the
 * manifest itself. */
static void
mds_manifest_wrong(mds_manifest_reader_t *r, const char *object,
                   const char *key, const char *want)
{
    if (r->status == MDS_OK) {
        r->status = mds_fail(r->err, MDS_INVALID, "manifest: /%s%s%s is not %s",
                             object, object[0] != '\0' ? "/" : "", key, want);
    }
}

static mds_str_t
mds_manifest_read_str(mds_manifest_reader_t *r, const mds_json_t *json,
                      const char *object, const char *key)
{
    const mds_json_t *member = mds_json_get(json, key);

    if (!mds_json_is_string(member)) {
        mds_manifest_wrong(r, object, key, "a string");
    }

    return mds_json_string(member);
}

static void
mds_manifest_read_digest(mds_manifest_reader_t *r, const mds_json_t *json,
                         const char *object, const char *key,
                         mds_sha256_t *digest)
{
    if (!mds_sha256_parse(mds_manifest_read_str(r, json, object, key), digest))
    {
        mds_manifest_wrong(r, object, key, "a SHA-256");
    }
}

/* Returns whether the path stays below the service's URL, and needs no escapes.
 */
static bool
mds_manifest_path_is_valid(mds_str_t path)
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

static void
mds_manifest_read_file(mds_manifest_reader_t *r, const mds_json_t *json,
                       const char *object, mds_client_file_t *file)
{
    const mds_json_t *size = mds_json_get(json, "size");
    mds_str_t         path;

    if (!mds_json_is_object(json)) {
        mds_manifest_wrong(r, "", object, "an object");
    }

    path = mds_manifest_read_str(r, json, object, "path");
    if (!mds_manifest_path_is_valid(path)) {
        mds_manifest_wrong(r, object, "path", "a relative path");
    }

    if (!mds_json_is_integer(size) || mds_json_integer(size) < 0) {
        mds_manifest_wrong(r, object, "size", "a number of bytes");
    }

    file->path = path.data;
    file->size_bytes = (uint64_t) mds_json_integer(size);
    mds_manifest_read_digest(r, json, object, "sha256", &file->sha256);
}

static void
mds_manifest_read_delta(mds_manifest_reader_t *r, mds_client_manifest_t *m)
{
    const mds_json_t *json = mds_json_get(m->json, "delta");

    if (json == NULL) {
        return;
    }

    mds_manifest_read_file(r, json, "delta", &m->delta);
    m->delta_from = mds_manifest_read_str(r, json, "delta", "from");
    mds_manifest_read_digest(r, json, "delta", "from_sha256",
                             &m->delta_from_sha256);
    m->has_delta = mds_str_eq(mds_manifest_read_str(r, json, "delta", "format"),
                              mds_str(MDS_DELTA_FORMAT));
}

static void
mds_manifest_read_action(mds_manifest_reader_t *r, mds_client_manifest_t *m)
{
    mds_str_t action = mds_manifest_read_str(r, m->json, "", "action");

    m->rollback = mds_str_eq(action, mds_str("rollback"));

    if (m->rollback) {
        m->from = mds_manifest_read_str(r, m->json, "", "from");

    } else if (!mds_str_eq(action, mds_str("install"))) {
        mds_manifest_wrong(r, "", "action", "\"install\" or \"rollback\"");
    }
}

/* The signature by the app's key has a name of its own, since other apps may
 * have the same file. Manifests of older servers lack it. */
static void
mds_manifest_read_minisig(mds_manifest_reader_t *r, mds_client_manifest_t *m)
{
    const mds_json_t *json
        = mds_json_get(mds_json_get(m->json, "full"), "minisig");

    if (json == NULL) {
        return;
    }

    if (!mds_manifest_path_is_valid(mds_json_string(json))) {
        mds_manifest_wrong(r, "full", "minisig", "a relative path");
    }

    m->minisig = mds_json_string(json).data;
}

/* Reads the version and its files; a rollback to none has neither. */
static void
mds_manifest_read_version(mds_manifest_reader_t *r, mds_client_manifest_t *m)
{
    const mds_json_t *version = mds_json_get(m->json, "version");
    mds_version_t     parsed;

    if (m->rollback && mds_json_is_null(version)) {
        return;
    }

    m->version = mds_json_string(version);
    if (!mds_version_parse(m->version, &parsed)) {
        mds_manifest_wrong(r, "", "version", "a version");
    }

    m->has_full = true;
    mds_manifest_read_file(r, mds_json_get(m->json, "full"), "full", &m->full);
    mds_manifest_read_minisig(r, m);
    mds_manifest_read_delta(r, m);
}

static void
mds_manifest_read(mds_manifest_reader_t *r, mds_client_manifest_t *m)
{
    const mds_json_t *serial = mds_json_get(m->json, "serial");

    m->app = mds_manifest_read_str(r, m->json, "", "app");
    m->kind = mds_manifest_read_str(r, m->json, "", "kind");
    m->name = mds_manifest_read_str(r, m->json, "", "name");
    m->release = mds_manifest_read_str(r, m->json, "", "release");
    m->serial = mds_json_integer(serial);

    if (!mds_json_is_integer(serial)) {
        mds_manifest_wrong(r, "", "serial", "a number");
    }

    mds_manifest_read_action(r, m);
    mds_manifest_read_version(r, m);
}

mds_status_t
mds_client_manifest_parse(mds_str_t text, mds_error_t *err,
                          mds_client_manifest_t *manifest)
{
    mds_client_manifest_t read = { 0 };
    mds_manifest_reader_t r = { .err = err };

    r.status = mds_json_parse(text, "manifest", err, &read.json);

    if (r.status == MDS_OK) {
        mds_manifest_read(&r, &read);
    }

    if (r.status != MDS_OK) {
        mds_client_manifest_free(&read);
        return r.status;
    }

    *manifest = read;
    return MDS_OK;
}

void
mds_client_manifest_free(mds_client_manifest_t *manifest)
{
    mds_json_release(manifest->json);
    *manifest = (mds_client_manifest_t){ 0 };
}
