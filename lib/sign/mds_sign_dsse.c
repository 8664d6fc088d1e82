/*
 * Signatures of manifests: DSSE v1, as a structured field of HTTP.
 */

#include <stdio.h>
#include <stdlib.h>

#include "base/mds_digest.h"
#include "sign/mds_sign.h"

/* The rest of a structured field (RFC 8941), to be read. */
typedef struct {
    const char *next;
    const char *end;
} mds_field_t;

typedef enum {
    MDS_ITEM_STRING,
    MDS_ITEM_BYTES,
    MDS_ITEM_OTHER /* a number, token or boolean, of which none is used */
} mds_item_type_t;

typedef struct {
    mds_item_type_t type;
    mds_str_t       text; /* without the delimiters */
} mds_item_t;

mds_status_t
mds_dsse_pae(mds_str_t type, mds_str_t body, mds_error_t *err, char **pae,
             size_t *len)
{
    int   n;
    char  head[64 + MDS_DSSE_TYPE_MAX];
    char *bytes;

    if (type.len > MDS_DSSE_TYPE_MAX) {
        return mds_fail(err, MDS_INVALID, "the payload type is too long");
    }

    n = snprintf(head, sizeof(head), "DSSEv1 %zu %.*s %zu ", type.len,
                 MDS_STR(type), body.len);

    bytes = malloc((size_t) n + body.len);
    if (bytes == NULL) {
        return mds_fail_memory(err);
    }

    memcpy(bytes, head, (size_t) n);

    if (body.len > 0) {
        memcpy(bytes + n, body.data, body.len);
    }

    *pae = bytes;
    *len = (size_t) n + body.len;
    return MDS_OK;
}

mds_status_t
mds_dsse_sign(const mds_key_t *key, mds_str_t body, mds_error_t *err,
              char header[MDS_SIGNATURE_BYTES + 1])
{
    char        *pae = NULL;
    char         keyid[MDS_KEYID_HEX + 1];
    char         base64[mds_base64_len(MDS_RAW_SIGNATURE_BYTES) + 1];
    size_t       len = 0;
    uint8_t      signature[MDS_RAW_SIGNATURE_BYTES];
    mds_status_t status
        = mds_dsse_pae(mds_str(MDS_DSSE_TYPE), body, err, &pae, &len);

    if (status != MDS_OK) {
        return status;
    }

    mds_raw_sign(key, (mds_str_t){ len, pae }, signature);
    free(pae);

    snprintf(header, MDS_SIGNATURE_BYTES + 1,
             "keyid=\"%s\", sig=:%s:", mds_keyid_hex(key->keyid, keyid),
             mds_base64(signature, sizeof(signature), base64));
    return MDS_OK;
}

static bool
mds_field_take(mds_field_t *field, char c)
{
    if (field->next == field->end || *field->next != c) {
        return false;
    }

    field->next++;
    return true;
}

static void
mds_field_skip(mds_field_t *field, const char *characters)
{
    while (field->next < field->end && *field->next != '\0'
           && strchr(characters, *field->next) != NULL)
    {
        field->next++;
    }
}

/* Reads a key (RFC 8941, 3.1.2); empty: there is none. */
static mds_str_t
mds_field_key(mds_field_t *field)
{
    const char *start = field->next;

    if (field->next < field->end
        && (*start == '*' || (*start >= 'a' && *start <= 'z')))
    {
        mds_field_skip(field, "abcdefghijklmnopqrstuvwxyz0123456789_-.*");
    }

    return (mds_str_t){ (size_t) (field->next - start), start };
}

/* Reads a string (RFC 8941, 3.3.3) behind its opening quote. Escapes stay. */
static bool
mds_field_string(mds_field_t *field, mds_str_t *text)
{
    const char *start = field->next;

    for (; field->next < field->end; field->next++) {
        char c = *field->next;

        if (c == '"') {
            *text = (mds_str_t){ (size_t) (field->next - start), start };
            field->next++;
            return true;
        }

        if (c == '\\') {
            field->next++;

            if (field->next == field->end
                || (*field->next != '"' && *field->next != '\\')) {
                return false;
            }

        } else if (c < ' ' || c > '~') {
            return false;
        }
    }

    return false;
}

static bool
mds_field_item(mds_field_t *field, mds_item_t *item)
{
    const char *start;

    if (mds_field_take(field, '"')) {
        item->type = MDS_ITEM_STRING;
        return mds_field_string(field, &item->text);
    }

    item->type = mds_field_take(field, ':') ? MDS_ITEM_BYTES : MDS_ITEM_OTHER;
    start = field->next;

    if (item->type == MDS_ITEM_BYTES) {
        mds_field_skip(field, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                              "tuvwxyz0123456789+/=");
    } else {
        mds_field_skip(field, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                              "tuvwxyz0123456789!#$%&'*+-.^_`|~:/?");
    }

    item->text = (mds_str_t){ (size_t) (field->next - start), start };

    return item->type == MDS_ITEM_BYTES ? mds_field_take(field, ':')
                                        : item->text.len > 0;
}

/* Reads a member with its parameters, and the comma if another one follows. */
static bool
mds_field_member(mds_field_t *field, mds_str_t *key, mds_item_t *item)
{
    mds_item_t ignored;

    *key = mds_field_key(field);
    *item = (mds_item_t){ MDS_ITEM_OTHER, mds_null_str };

    if (key->len == 0
        || (mds_field_take(field, '=') && !mds_field_item(field, item)))
    {
        return false;
    }

    while (mds_field_take(field, ';')) {
        mds_field_skip(field, " ");

        if (mds_field_key(field).len == 0
            || (mds_field_take(field, '=') && !mds_field_item(field, &ignored)))
        {
            return false;
        }
    }

    mds_field_skip(field, " \t");

    if (field->next == field->end) {
        return true;
    }

    if (!mds_field_take(field, ',')) {
        return false;
    }

    mds_field_skip(field, " \t");
    return field->next < field->end;
}

/* Finds the two members. The last one with a key counts, as in RFC 8941. */
static bool
mds_dsse_members(mds_str_t header, mds_item_t *keyid, mds_item_t *sig)
{
    mds_str_t   key;
    mds_item_t  item;
    mds_field_t field = { header.data, header.data + header.len };

    mds_field_skip(&field, " ");

    while (field.next < field.end) {
        if (!mds_field_member(&field, &key, &item)) {
            return false;
        }

        if (mds_str_eq(key, mds_str("keyid"))) {
            *keyid = item;

        } else if (mds_str_eq(key, mds_str("sig"))) {
            *sig = item;
        }
    }

    return true;
}

mds_status_t
mds_dsse_parse(mds_str_t header, mds_error_t *err,
               uint8_t keyid[MDS_KEYID_BYTES],
               uint8_t signature[MDS_RAW_SIGNATURE_BYTES])
{
    size_t     len;
    uint8_t    id[MDS_KEYID_BYTES];
    uint8_t    raw[MDS_RAW_SIGNATURE_BYTES];
    mds_item_t id_item = { MDS_ITEM_OTHER, mds_null_str };
    mds_item_t sig_item = { MDS_ITEM_OTHER, mds_null_str };

    if (header.len == 0 || !mds_dsse_members(header, &id_item, &sig_item)) {
        return mds_fail(err, MDS_INVALID,
                        "the signature is not a structured field");
    }

    if (id_item.type != MDS_ITEM_STRING || !mds_keyid_parse(id_item.text, id)) {
        return mds_fail(err, MDS_INVALID,
                        "the signature names no key: keyid=\"16 upper-case hex "
                        "digits\" is missing");
    }

    if (sig_item.type != MDS_ITEM_BYTES
        || !mds_base64_parse(sig_item.text, raw, sizeof(raw), &len)
        || len != sizeof(raw))
    {
        return mds_fail(err, MDS_INVALID,
                        "the signature has no sig=:64 bytes in base64:");
    }

    memcpy(keyid, id, sizeof(id));
    memcpy(signature, raw, sizeof(raw));
    return MDS_OK;
}

mds_status_t
mds_dsse_verify(const mds_public_t *public_key, mds_str_t body,
                mds_str_t header, mds_error_t *err)
{
    bool         good;
    char        *pae = NULL;
    char         theirs[MDS_KEYID_HEX + 1], ours[MDS_KEYID_HEX + 1];
    size_t       len = 0;
    uint8_t      keyid[MDS_KEYID_BYTES];
    uint8_t      signature[MDS_RAW_SIGNATURE_BYTES];
    mds_status_t status = mds_dsse_parse(header, err, keyid, signature);

    if (status != MDS_OK) {
        return status;
    }

    if (memcmp(keyid, public_key->keyid, sizeof(keyid)) != 0) {
        return mds_fail(err, MDS_INCOMPATIBLE, "signed by key %s, not by %s",
                        mds_keyid_hex(keyid, theirs),
                        mds_keyid_hex(public_key->keyid, ours));
    }

    status = mds_dsse_pae(mds_str(MDS_DSSE_TYPE), body, err, &pae, &len);
    if (status != MDS_OK) {
        return status;
    }

    good = mds_raw_verify(public_key, (mds_str_t){ len, pae }, signature);
    free(pae);

    return good ? MDS_OK
                : mds_fail(err, MDS_DAMAGED,
                           "the signature of key %s does not fit the %zu bytes "
                           "that came with it",
                           mds_keyid_hex(keyid, ours), body.len);
}
