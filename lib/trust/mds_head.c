/*
 * Reads, writes and signs heads.
 */

#include "trust/mds_head.h"

#include <stdlib.h>

#include "base/mds_time.h"

/* Reads an integer that is not negative. */
static mds_status_t
mds_head_read_integer(const mds_json_t *json, const char *key, const char *what,
                      mds_error_t *err, int64_t *number)
{
    const mds_json_t *member = mds_json_get(json, key);

    if (!mds_json_is_integer(member) || mds_json_integer(member) < 0) {
        return mds_fail(err, MDS_INVALID,
                        "%s: \"%s\" is not an integer of at least 0", what,
                        key);
    }

    *number = mds_json_integer(member);
    return MDS_OK;
}

static mds_status_t
mds_head_read_time(const mds_json_t *json, const char *key, const char *what,
                   mds_error_t *err, int64_t *ms)
{
    return mds_time_parse(mds_json_get_string(json, key), ms)
               ? MDS_OK
               : mds_fail(err, MDS_INVALID, "%s: \"%s\" is not a time", what,
                          key);
}

static mds_status_t
mds_head_read(const char *what, mds_error_t *err, mds_head_t *head)
{
    const mds_json_t *json = head->json;
    const mds_json_t *manifests = mds_json_get(json, "manifests");
    mds_status_t      status;

    head->app = mds_json_get_string(json, "app");

    if (head->app.len == 0) {
        return mds_fail(err, MDS_INVALID, "%s: \"app\" is not a name", what);
    }

    if ((status
         = mds_head_read_integer(json, "serial", what, err, &head->serial))
            != MDS_OK
        || (status
            = mds_head_read_time(json, "issued", what, err, &head->issued_ms))
               != MDS_OK
        || (status
            = mds_head_read_time(json, "expires", what, err, &head->expires_ms))
               != MDS_OK
        || (status
            = mds_head_read_integer(json, "root", what, err, &head->root))
               != MDS_OK
        || (status = mds_head_read_integer(manifests, "count", what, err,
                                           &head->count))
               != MDS_OK)
    {
        return status;
    }

    return mds_sha256_parse(mds_json_get_string(manifests, "sha256"),
                            &head->sha256)
               ? MDS_OK
               : mds_fail(err, MDS_INVALID, "%s: \"sha256\" is not a SHA-256",
                          what);
}

mds_status_t
mds_head_parse(mds_str_t payload, const char *what, mds_error_t *err,
               mds_head_t *head)
{
    mds_head_t   read = { 0 };
    mds_status_t status = mds_json_parse(payload, what, err, &read.json);

    if (status == MDS_OK) {
        status = mds_head_read(what, err, &read);
    }

    if (status != MDS_OK) {
        mds_head_free(&read);
        return status;
    }

    *head = read;
    return MDS_OK;
}

void
mds_head_free(mds_head_t *head)
{
    mds_json_release(head->json);
    *head = (mds_head_t){ 0 };
}

static mds_status_t
mds_head_dump(const mds_head_t *head, mds_error_t *err, char **text,
              size_t *len)
{
    char        issued[MDS_TIME_BYTES], expires[MDS_TIME_BYTES];
    char        hex[MDS_SHA256_HEX + 1];
    mds_json_t *json
        = mds_json_pack("{s:o, s:I, s:s, s:s, s:I, s:{s:I, s:s}}", "app",
                        mds_json_string_new(head->app), "serial", head->serial,
                        "issued", mds_time_format(head->issued_ms, issued),
                        "expires", mds_time_format(head->expires_ms, expires),
                        "root", head->root, "manifests", "count", head->count,
                        "sha256", mds_sha256_hex(&head->sha256, hex));
    mds_status_t status = mds_json_dump(json, MDS_JSON_COMPACT, err, text, len);

    mds_json_release(json);
    return status;
}

mds_status_t
mds_head_sign(const mds_head_t *head, const mds_key_t *key, mds_error_t *err,
              char **text, size_t *len)
{
    mds_envelope_t envelope = { 0 };
    char          *payload = NULL;
    size_t         payload_len = 0;
    mds_status_t   status = mds_head_dump(head, err, &payload, &payload_len);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_envelope_init(&envelope, MDS_HEAD_TYPE,
                               (mds_str_t){ payload_len, payload }, err);
    free(payload);

    if (status == MDS_OK) {
        status = mds_envelope_sign(&envelope, key, err);
    }

    if (status == MDS_OK) {
        status = mds_envelope_dump(&envelope, err, text, len);
    }

    mds_envelope_free(&envelope);
    return status;
}

/* Checks that a head key of the root has signed the envelope. */
static mds_status_t
mds_head_check_signer(const mds_envelope_t *envelope, const mds_root_t *root,
                      const char *what, mds_error_t *err)
{
    const mds_root_role_t *role = &root->roles[MDS_ROLE_HEAD];
    const mds_public_t    *keys[MDS_ROOT_KEYS_MAX];
    size_t                 signers = 0;
    mds_status_t           status;

    for (unsigned i = 0; i < role->count; i++) {
        keys[i] = &root->keys[role->keys[i]];
    }

    status = mds_envelope_count_signers(envelope, keys, role->count, err,
                                        &signers);

    return status == MDS_OK && signers < role->threshold
               ? mds_fail(err, MDS_DENIED,
                          "%s: it is not signed by a head key of root version"
                          " %lld",
                          what, (long long) root->version)
               : status;
}

mds_status_t
mds_head_open(mds_str_t text, const mds_root_t *root, const char *what,
              mds_error_t *err, mds_head_t *head)
{
    mds_envelope_t envelope;
    mds_status_t   status
        = mds_envelope_parse(text, MDS_HEAD_TYPE, what, err, &envelope);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_head_check_signer(&envelope, root, what, err);

    if (status == MDS_OK) {
        status
            = mds_head_parse(mds_envelope_payload(&envelope), what, err, head);
    }

    mds_envelope_free(&envelope);
    return status;
}
