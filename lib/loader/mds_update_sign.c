/*
 * Signs the manifests of a generation. A manifest that was signed before keeps
 * its signature, and the serial with which it was signed.
 */

#include <stdlib.h>

#include "base/mds_endian.h"
#include "compile/mds_manifest.h"
#include "loader/mds_update.h"

/* Gets the signature that is recorded, unless it is of another key than the
 * app's. */
static bool
mds_signing_get(const mds_signing_t *s, const mds_sha256_t *digest,
                mds_manifest_signature_t *made)
{
    char    hex[MDS_KEYID_HEX + 1];
    uint8_t keyid[MDS_KEYID_BYTES], raw[MDS_RAW_SIGNATURE_BYTES];

    if (!mds_journal_get_signature(s->journal, digest, made)) {
        return false;
    }

    return s->signer.keyid[0] == '\0'
           || (mds_dsse_parse((mds_str_t){ sizeof(made->signature),
                                           made->signature },
                              NULL, keyid, raw)
                   == MDS_OK
               && strcmp(mds_keyid_hex(keyid, hex), s->signer.keyid) == 0);
}

/* Returns the digest by which the signature of the written manifest is
 * recorded.
 */
static mds_sha256_t
mds_signing_digest(const mds_signing_t *s)
{
    mds_sha256_t digest;

    mds_sha256(s->text.data, s->text.len, &digest);
    return digest;
}

/* Writes the manifest without its serial; the text is s->text. */
static mds_status_t
mds_signing_write(mds_signing_t *s, mds_json_t *manifest, mds_str_t keyid,
                  mds_error_t *err)
{
    mds_str_t    text;
    mds_status_t status = mds_manifest_write(manifest, keyid, err, &text);

    if (status == MDS_OK) {
        free((char *) s->text.data);
        s->text = text;
    }

    return status;
}

/* Makes the manifest that was written, with its serial; the text is s->body. */
static mds_status_t
mds_signing_set_serial(mds_signing_t *s, uint64_t serial, mds_error_t *err)
{
    mds_str_t    body;
    mds_status_t status = mds_manifest_set_serial(s->text, serial, err, &body);

    if (status == MDS_OK) {
        free((char *) s->body.data);
        s->body = body;
    }

    return status;
}

/* Writes the manifest, and takes over a recorded signature. MDS_NOT_FOUND:
 * there is none. */
static mds_status_t
mds_signing_reuse(mds_signing_t *s, mds_json_t *manifest, mds_str_t keyid,
                  mds_error_t *err, mds_sha256_t *digest, char *signature)
{
    mds_manifest_signature_t made;
    mds_status_t status = mds_signing_write(s, manifest, keyid, err);

    if (status != MDS_OK) {
        return status;
    }

    *digest = mds_signing_digest(s);

    if (!mds_signing_get(s, digest, &made)) {
        return MDS_NOT_FOUND;
    }

    status = mds_signing_set_serial(s, mds_load_be64(made.serial), err);

    if (status == MDS_OK) {
        memcpy(signature, made.signature, sizeof(made.signature));
    }

    return status;
}

/* Makes the manifest of a preview, with dashes for its signature. */
static mds_status_t
mds_signing_set_preview(mds_signing_t *s, mds_json_t *manifest,
                        mds_error_t *err, char *signature)
{
    mds_status_t status;

    memset(signature, '-', MDS_SIGNATURE_BYTES);
    signature[MDS_SIGNATURE_BYTES] = '\0';

    /* Names the package's signature, as the change would. */
    status = mds_signing_write(s, manifest, mds_str_of(s->signer.keyid), err);

    return status == MDS_OK ? mds_signing_set_serial(s, s->serial, err)
                            : status;
}

/* Signs the manifest that was written; digest is what its signature is recorded
 * by. */
static mds_status_t
mds_signing_sign(mds_signing_t *s, mds_json_t *manifest,
                 const mds_sha256_t *digest, mds_error_t *err, char *signature)
{
    const mds_signer_t      *signer = &s->signer;
    mds_manifest_signature_t made;
    mds_status_t             status;

    if (s->is_preview) {
        return mds_signing_set_preview(s, manifest, err, signature);
    }

    if (signer->key == NULL) {
        return mds_fail(err, MDS_DENIED,
                        "release \"%.*s\" must be signed: give --key FILE,"
                        " or its path in MDS_KEY%s%s",
                        MDS_STR(mds_json_get_string(manifest, "release")),
                        signer->keyid[0] != '\0' ? "; the app's key is " : "",
                        signer->keyid);
    }

    status = mds_signing_set_serial(s, s->serial, err);

    if (status == MDS_OK) {
        status = mds_dsse_sign(signer->key, s->body, err, signature);
    }

    if (status == MDS_OK) {
        mds_store_be64(made.serial, s->serial);
        memcpy(made.signature, signature, sizeof(made.signature));
        mds_journal_put_signature(s->journal, digest, &made);
    }

    return status;
}

mds_status_t
mds_signing_get_or_sign(mds_signing_t *s, mds_json_t *manifest,
                        mds_error_t *err, mds_str_t *body, char *signature)
{
    mds_sha256_t digest;
    mds_str_t    keyid = mds_str_of(s->signer.keyid);
    mds_status_t status
        = mds_signing_reuse(s, manifest, keyid, err, &digest, signature);

    /* A manifest of an older program has no meta of a rollback, and does not
     * name the package's signature. It is good until a change comes with the
     * key. */
    if (status == MDS_NOT_FOUND && s->signer.key == NULL
        && mds_manifest_remove_rollback_meta(manifest))
    {
        status = mds_signing_reuse(s, manifest, keyid, err, &digest, signature);
    }

    if (status == MDS_NOT_FOUND && s->signer.key == NULL) {
        status = mds_signing_reuse(s, manifest, mds_str(""), err, &digest,
                                   signature);
    }

    if (status == MDS_NOT_FOUND) {
        status = mds_signing_sign(s, manifest, &digest, err, signature);
    }

    if (status == MDS_OK) {
        *body = s->body;
    }

    return status;
}

void
mds_signing_free(mds_signing_t *s)
{
    free((char *) s->text.data);
    free((char *) s->body.data);
}
