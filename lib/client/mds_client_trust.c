/*
 * Follows roots, and verifies heads and proofs, as a device does.
 */

#include "client/mds_client_trust.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mds_file.h"
#include "base/mds_time.h"

/* Takes a root whose own keys have signed it. */
static mds_status_t
mds_client_trust_read_root(mds_str_t text, const char *what, mds_error_t *err,
                           mds_envelope_t *envelope, mds_root_t *root)
{
    mds_status_t status = mds_root_open(text, what, err, envelope, root);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_root_check_own(envelope, root, what, err);

    if (status != MDS_OK) {
        mds_envelope_free(envelope);
    }

    return status;
}

/* Forgets the serials of heads: a thief of a head key can sign any serial. */
static mds_status_t
mds_client_trust_forget_heads(mds_client_trust_t *trust, mds_error_t *err)
{
    return mds_json_done(mds_json_set(trust->seen, "heads",
                                      mds_json_object_new()),
                         err);
}

/* Makes a root the newest. */
static mds_status_t
mds_client_trust_adopt(mds_client_trust_t *trust, const mds_root_t *root,
                       const mds_envelope_t *envelope, mds_error_t *err)
{
    mds_status_t status = mds_json_done(
        mds_json_set(trust->seen, "root", mds_envelope_to_json(envelope)), err);

    if (status == MDS_OK
        && !mds_root_is_same_role(&trust->root, root, MDS_ROLE_HEAD))
    {
        status = mds_client_trust_forget_heads(trust, err);
    }

    if (status == MDS_OK) {
        trust->root = *root;
    }

    return status;
}

/* Goes on from the root that was built in to the one that was followed, unless
 * a newer one is built in by now. */
static mds_status_t
mds_client_trust_resume(mds_client_trust_t *trust, const char *what,
                        mds_error_t *err)
{
    mds_envelope_t envelope = { 0 };
    mds_root_t     root = { 0 };
    mds_status_t   status
        = mds_envelope_read(mds_json_get(trust->seen, "root"), MDS_ROOT_TYPE,
                            what, err, &envelope);

    if (status == MDS_OK) {
        status
            = mds_root_parse(mds_envelope_payload(&envelope), what, err, &root);
    }

    if (status == MDS_OK) {
        status = mds_root_check_own(&envelope, &root, what, err);
    }

    if (status == MDS_OK && root.version >= trust->root.version) {
        trust->root = root;

    } else if (status == MDS_OK
               && !mds_root_is_same_role(&trust->root, &root, MDS_ROLE_HEAD))
    {
        status = mds_client_trust_forget_heads(trust, err);
    }

    mds_envelope_free(&envelope);
    return status;
}

/* Reads what was seen; nothing was where there is no file. */
static mds_status_t
mds_client_trust_read_seen(mds_client_trust_t *trust, mds_error_t *err)
{
    const char  *path = trust->seen_path.text;
    char        *text = NULL;
    size_t       len;
    mds_status_t status
        = mds_file_read(path, 4 * MDS_ENVELOPE_BYTES_MAX, err, &text, &len);

    if (status == MDS_NOT_FOUND) {
        trust->seen = mds_json_pack("{s:o}", "heads", mds_json_object_new());
        return trust->seen == NULL ? mds_fail_memory(err) : MDS_OK;
    }

    if (status == MDS_OK) {
        status
            = mds_json_parse((mds_str_t){ len, text }, path, err, &trust->seen);
    }

    free(text);

    if (status == MDS_OK && mds_json_get(trust->seen, "root") != NULL) {
        status = mds_client_trust_resume(trust, path, err);
    }

    if (status == MDS_OK && mds_json_get(trust->seen, "heads") == NULL) {
        status = mds_client_trust_forget_heads(trust, err);
    }

    return status;
}

mds_status_t
mds_client_trust_open(const char *path, mds_error_t *err,
                      mds_client_trust_t *trust)
{
    mds_path_t   seen;
    mds_status_t status = mds_path(&seen, err, "%s.seen", path);

    return status == MDS_OK
               ? mds_client_trust_open_with(path, seen.text, err, trust)
               : status;
}

mds_status_t
mds_client_trust_open_with(const char *path, const char *seen, mds_error_t *err,
                           mds_client_trust_t *trust)
{
    mds_client_trust_t opened = { 0 };
    mds_envelope_t     envelope;
    char              *text;
    size_t             len;
    mds_status_t       status = mds_path(&opened.seen_path, err, "%s", seen);

    if (status == MDS_OK) {
        status
            = mds_file_read(path, 2 * MDS_ENVELOPE_BYTES_MAX, err, &text, &len);
    }

    if (status != MDS_OK) {
        return status;
    }

    status = mds_client_trust_read_root((mds_str_t){ len, text }, path, err,
                                        &envelope, &opened.root);
    free(text);

    if (status != MDS_OK) {
        return status;
    }

    mds_envelope_free(&envelope);
    status = mds_client_trust_read_seen(&opened, err);

    if (status != MDS_OK) {
        mds_client_trust_free(&opened);
        return status;
    }

    *trust = opened;
    return MDS_OK;
}

void
mds_client_trust_free(mds_client_trust_t *trust)
{
    mds_json_release(trust->seen);
    trust->seen = NULL;
}

mds_status_t
mds_client_trust_follow(mds_client_trust_t *trust, mds_str_t text,
                        mds_error_t *err)
{
    mds_envelope_t envelope;
    mds_root_t     root;
    mds_status_t   status
        = mds_root_open(text, "the next root", err, &envelope, &root);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_root_check_next(&trust->root, &envelope, &root,
                                 "the next root", err);

    if (status == MDS_OK) {
        status = mds_client_trust_adopt(trust, &root, &envelope, err);
    }

    mds_envelope_free(&envelope);
    return status;
}

mds_status_t
mds_client_trust_check_root(const mds_client_trust_t *trust, int64_t now_ms,
                            mds_error_t *err)
{
    char time[MDS_TIME_BYTES];

    return trust->root.expires_ms > now_ms
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "root version %" PRId64 " expired on %s, and there"
                          " is no newer one",
                          trust->root.version,
                          mds_time_format(trust->root.expires_ms, time));
}

/* Compares a head with the request, the time, and what was seen. */
static mds_status_t
mds_client_trust_check_head(const mds_client_trust_t *trust, mds_str_t app,
                            const mds_head_t *head, int64_t now_ms,
                            mds_error_t *err)
{
    char    time[MDS_TIME_BYTES];
    int64_t seen = mds_json_integer(
        mds_json_find(mds_json_get(trust->seen, "heads"), app));

    if (!mds_str_eq(head->app, app)) {
        return mds_fail(err, MDS_INVALID,
                        "the head is of app \"%.*s\", not of \"%.*s\"",
                        MDS_STR(head->app), MDS_STR(app));
    }

    if (head->expires_ms <= now_ms) {
        return mds_fail(err, MDS_INVALID,
                        "the head expired on %s: newer changes are held back",
                        mds_time_format(head->expires_ms, time));
    }

    if (head->serial < seen) {
        return mds_fail(err, MDS_INVALID,
                        "the head has serial %" PRId64 ", and one with %" PRId64
                        " was seen before",
                        head->serial, seen);
    }

    return head->root <= trust->root.version
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "the head is made under root version %" PRId64
                          ", which is held back",
                          head->root);
}

mds_status_t
mds_client_trust_take_head(mds_client_trust_t *trust, mds_str_t app,
                           mds_str_t text, int64_t now_ms, mds_error_t *err,
                           mds_head_t *head)
{
    mds_head_t   opened;
    mds_status_t status
        = mds_head_open(text, &trust->root, "the head", err, &opened);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_client_trust_check_head(trust, app, &opened, now_ms, err);

    if (status == MDS_OK) {
        status
            = mds_json_done(mds_json_put(mds_json_get(trust->seen, "heads"),
                                         app,
                                         mds_json_integer_new(opened.serial)),
                            err);
    }

    if (status != MDS_OK) {
        mds_head_free(&opened);
        return status;
    }

    *head = opened;
    return MDS_OK;
}

mds_status_t
mds_client_trust_check_proof(const mds_head_t *head, mds_str_t manifest,
                             mds_str_t proof, mds_error_t *err)
{
    mds_proof_t  parsed;
    mds_status_t status = mds_proof_parse(proof, err, &parsed);

    if (status != MDS_OK) {
        return status;
    }

    return mds_proof_verify(&parsed, manifest, (uint64_t) head->count,
                            &head->sha256)
               ? MDS_OK
               : mds_fail(err, MDS_CONFLICT,
                          "the manifest is not in the tree of the head with"
                          " serial %" PRId64,
                          head->serial);
}

mds_status_t
mds_client_trust_save(const mds_client_trust_t *trust, mds_error_t *err)
{
    char        *text;
    size_t       len;
    mds_status_t status
        = mds_json_dump(trust->seen, MDS_JSON_PRETTY, err, &text, &len);

    if (status == MDS_OK) {
        status = mds_file_write(trust->seen_path.text, 0644, text, len, err);
        free(text);
    }

    return status;
}
