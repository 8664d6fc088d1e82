/*
 * Reads, writes and signs DSSE envelopes.
 */

#include "trust/mds_envelope.h"

#include <stdlib.h>

#include "base/mds_digest.h"

mds_status_t
mds_envelope_init(mds_envelope_t *envelope, const char *type, mds_str_t payload,
                  mds_error_t *err)
{
    char *copy = malloc(payload.len + 1);

    if (copy == NULL) {
        return mds_fail_memory(err);
    }

    if (payload.len > 0) {
        memcpy(copy, payload.data, payload.len);
    }

    copy[payload.len] = '\0';
    *envelope = (mds_envelope_t){ .type = type,
                                  .payload = copy,
                                  .payload_len = payload.len };

    return MDS_OK;
}

void
mds_envelope_free(mds_envelope_t *envelope)
{
    free(envelope->payload);
    *envelope = (mds_envelope_t){ 0 };
}

/* Decodes "payload". */
static mds_status_t
mds_envelope_read_payload(const mds_json_t *json, const char *what,
                          mds_error_t *err, mds_envelope_t *envelope)
{
    mds_str_t base64 = mds_json_get_string(json, "payload");
    size_t    max = base64.len / 4 * 3;
    char     *payload = malloc(max + 1);
    size_t    len;

    if (payload == NULL) {
        return mds_fail_memory(err);
    }

    if (base64.len == 0 || !mds_base64_parse(base64, payload, max, &len)) {
        free(payload);
        return mds_fail(err, MDS_INVALID, "%s: /payload is not base64", what);
    }

    payload[len] = '\0';
    envelope->payload = payload;
    envelope->payload_len = len;

    return MDS_OK;
}

static mds_status_t
mds_envelope_read_signature(const mds_json_t *json, const char *what, size_t i,
                            mds_error_t              *err,
                            mds_envelope_signature_t *signature)
{
    size_t len;

    if (!mds_keyid_parse(mds_json_get_string(json, "keyid"), signature->keyid))
    {
        return mds_fail(err, MDS_INVALID,
                        "%s: /signatures/%zu/keyid is not 16 upper-case hex"
                        " digits",
                        what, i);
    }

    if (!mds_base64_parse(mds_json_get_string(json, "sig"), signature->bytes,
                          sizeof(signature->bytes), &len)
        || len != sizeof(signature->bytes))
    {
        return mds_fail(err, MDS_INVALID,
                        "%s: /signatures/%zu/sig is not 64 bytes in base64",
                        what, i);
    }

    return MDS_OK;
}

static mds_status_t
mds_envelope_read_signatures(const mds_json_t *json, const char *what,
                             mds_error_t *err, mds_envelope_t *envelope)
{
    const mds_json_t *items = mds_json_get(json, "signatures");
    size_t            count = mds_json_size(items);
    mds_status_t      status = MDS_OK;

    if (!mds_json_is_array(items) || count > MDS_ENVELOPE_SIGNATURES_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "%s: /signatures must be an array of at most %d", what,
                        MDS_ENVELOPE_SIGNATURES_MAX);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = mds_envelope_read_signature(mds_json_at(items, i), what, i,
                                             err, &envelope->signatures[i]);
    }

    envelope->count = (unsigned) count;

    return status;
}

mds_status_t
mds_envelope_read(const mds_json_t *json, const char *type, const char *what,
                  mds_error_t *err, mds_envelope_t *envelope)
{
    mds_str_t      has = mds_json_get_string(json, "payloadType");
    mds_envelope_t read = { .type = type };
    mds_status_t   status;

    if (!mds_str_eq(has, mds_str_of(type))) {
        return mds_fail(err, MDS_INVALID,
                        "%s: /payloadType must be \"%s\", and is \"%.*s\"",
                        what, type, MDS_STR(has));
    }

    if ((status = mds_envelope_read_payload(json, what, err, &read)) != MDS_OK
        || (status = mds_envelope_read_signatures(json, what, err, &read))
               != MDS_OK)
    {
        mds_envelope_free(&read);
        return status;
    }

    *envelope = read;
    return MDS_OK;
}

mds_status_t
mds_envelope_parse(mds_str_t text, const char *type, const char *what,
                   mds_error_t *err, mds_envelope_t *envelope)
{
    mds_json_t  *json;
    mds_status_t status;

    if (text.len > MDS_ENVELOPE_BYTES_MAX) {
        return mds_fail(err, MDS_INVALID, "%s: must have at most %zu bytes",
                        what, MDS_ENVELOPE_BYTES_MAX);
    }

    status = mds_json_parse(text, what, err, &json);
    if (status != MDS_OK) {
        return status;
    }

    status = mds_envelope_read(json, type, what, err, envelope);
    mds_json_release(json);

    return status;
}

static mds_json_t *
mds_envelope_signature_to_json(const mds_envelope_signature_t *signature)
{
    char keyid[MDS_KEYID_HEX + 1];
    char base64[mds_base64_len(MDS_RAW_SIGNATURE_BYTES) + 1];

    return mds_json_pack("{s:s, s:s}", "keyid",
                         mds_keyid_hex(signature->keyid, keyid), "sig",
                         mds_base64(signature->bytes, sizeof(signature->bytes),
                                    base64));
}

mds_json_t *
mds_envelope_to_json(const mds_envelope_t *envelope)
{
    char       *base64 = malloc(mds_base64_len(envelope->payload_len) + 1);
    mds_json_t *signatures = mds_json_array_new();
    mds_json_t *json = NULL;

    for (unsigned i = 0; i < envelope->count; i++) {
        if (mds_json_append(signatures, mds_envelope_signature_to_json(
                                            &envelope->signatures[i]))
            != MDS_OK)
        {
            goto done;
        }
    }

    if (base64 != NULL) {
        json = mds_json_pack("{s:s, s:s, s:O}", "payload",
                             mds_base64(envelope->payload,
                                        envelope->payload_len, base64),
                             "payloadType", envelope->type, "signatures",
                             signatures);
    }

done:
    mds_json_release(signatures);
    free(base64);

    return json;
}

mds_status_t
mds_envelope_dump(const mds_envelope_t *envelope, mds_error_t *err, char **text,
                  size_t *len)
{
    mds_json_t  *json = mds_envelope_to_json(envelope);
    mds_status_t status = mds_json_dump(json, MDS_JSON_COMPACT, err, text, len);

    mds_json_release(json);
    return status;
}

mds_status_t
mds_envelope_sign(mds_envelope_t *envelope, const mds_key_t *key,
                  mds_error_t *err)
{
    unsigned     place = 0;
    char        *pae;
    size_t       len;
    mds_status_t status
        = mds_dsse_pae(mds_str_of(envelope->type),
                       mds_envelope_payload(envelope), err, &pae, &len);

    if (status != MDS_OK) {
        return status;
    }

    while (place < envelope->count
           && memcmp(envelope->signatures[place].keyid, key->keyid,
                     sizeof(key->keyid))
                  != 0)
    {
        place++;
    }

    if (place == MDS_ENVELOPE_SIGNATURES_MAX) {
        free(pae);
        return mds_fail(err, MDS_NO_SPACE, "there are %d signatures already",
                        MDS_ENVELOPE_SIGNATURES_MAX);
    }

    memcpy(envelope->signatures[place].keyid, key->keyid, sizeof(key->keyid));
    mds_raw_sign(key, (mds_str_t){ len, pae },
                 envelope->signatures[place].bytes);
    envelope->count += place == envelope->count ? 1 : 0;
    free(pae);

    return MDS_OK;
}

/* Returns whether one of the signatures is a valid one of the key. */
static bool
mds_envelope_has_signer(const mds_envelope_t *envelope, const mds_public_t *key,
                        mds_str_t pae)
{
    for (unsigned i = 0; i < envelope->count; i++) {
        const mds_envelope_signature_t *signature = &envelope->signatures[i];

        if (memcmp(signature->keyid, key->keyid, sizeof(key->keyid)) == 0
            && mds_raw_verify(key, pae, signature->bytes))
        {
            return true;
        }
    }

    return false;
}

mds_status_t
mds_envelope_count_signers(const mds_envelope_t      *envelope,
                           const mds_public_t *const *keys, size_t count,
                           mds_error_t *err, size_t *signers)
{
    size_t       found = 0;
    char        *pae;
    size_t       len;
    mds_status_t status
        = mds_dsse_pae(mds_str_of(envelope->type),
                       mds_envelope_payload(envelope), err, &pae, &len);

    if (status != MDS_OK) {
        return status;
    }

    for (size_t i = 0; i < count; i++) {
        found += mds_envelope_has_signer(envelope, keys[i],
                                         (mds_str_t){ len, pae })
                     ? 1
                     : 0;
    }

    free(pae);
    *signers = found;

    return MDS_OK;
}
