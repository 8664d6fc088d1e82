/*
 * Keys in minisign's files, and raw signatures.
 */

#include "sign/mds_sign.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "sign/mds_sign_internal.h"

#define MDS_KEY_COMMENT "untrusted comment: "
#define MDS_KEY_FILE_MAX 4096

/* Offsets in the file of a public key, and its length. */
#define MDS_PUBLIC_KEYID 2
#define MDS_PUBLIC_KEY 10
#define MDS_PUBLIC_BYTES 42

_Static_assert(sizeof(((mds_key_t *) 0)->secret) == crypto_sign_SECRETKEYBYTES
                   && sizeof(((mds_public_t *) 0)->key)
                          == crypto_sign_PUBLICKEYBYTES
                   && MDS_RAW_SIGNATURE_BYTES == crypto_sign_BYTES,
               "sizes as in libsodium");

/* Decodes the second line of a key file. False: the text is not one. */
static bool
mds_key_file_parse(mds_str_t text, uint8_t bytes[MDS_SECRET_BYTES], size_t *len)
{
    mds_str_t   line;
    const char *end;
    const char *start
        = text.len == 0 ? NULL : memchr(text.data, '\n', text.len);

    if (start == NULL || !mds_str_starts(text, mds_str(MDS_KEY_COMMENT))) {
        return false;
    }

    line.data = start + 1;
    line.len = text.len - (size_t) (line.data - text.data);
    end = memchr(line.data, '\n', line.len);

    if (end != NULL) {
        line.len = (size_t) (end - line.data);
    }

    if (line.len > 0 && line.data[line.len - 1] == '\r') {
        line.len--;
    }

    return mds_base64_parse(line, bytes, MDS_SECRET_BYTES, len)
           && (*len == MDS_SECRET_BYTES || *len == MDS_PUBLIC_BYTES)
           && memcmp(bytes, "Ed", 2) == 0;
}

/* Decrypts the bytes in place, if they are encrypted. */
static mds_status_t
mds_key_open(uint8_t bytes[MDS_SECRET_BYTES], const char *path,
             mds_password_read_t read_password, void *data, mds_error_t *err)
{
    char         password[MDS_PASSWORD_MAX];
    size_t       len = 0;
    mds_status_t status;

    if (memcmp(bytes + MDS_SECRET_CHECKSUM, "B2", 2) != 0
        || (memcmp(bytes + MDS_SECRET_KDF, "Sc", 2) != 0
            && memcmp(bytes + MDS_SECRET_KDF, "\0\0", 2) != 0))
    {
        return mds_fail(
            err, MDS_INCOMPATIBLE,
            "key \"%s\" uses an algorithm that mds does not support", path);
    }

    if (memcmp(bytes + MDS_SECRET_KDF, "Sc", 2) != 0) {
        return MDS_OK;
    }

    if (read_password == NULL) {
        return mds_fail(err, MDS_INCOMPATIBLE,
                        "key \"%s\" is encrypted with a password", path);
    }

    status = read_password(data, path, err, password, &len);

    if (status == MDS_OK) {
        status
            = mds_key_decrypt(bytes, path, (mds_str_t){ len, password }, err);
    }

    sodium_memzero(password, sizeof(password));
    return status;
}

static mds_status_t
mds_key_parse(uint8_t bytes[MDS_SECRET_BYTES], const char *path,
              mds_password_read_t read_password, void *data, mds_error_t *err,
              mds_key_t *key)
{
    uint8_t      public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t      secret[crypto_sign_SECRETKEYBYTES];
    bool         belongs;
    mds_status_t status = mds_key_open(bytes, path, read_password, data, err);

    if (status != MDS_OK) {
        return status;
    }

    crypto_sign_seed_keypair(public_key, secret, bytes + MDS_SECRET_KEY);
    belongs = memcmp(secret, bytes + MDS_SECRET_KEY, sizeof(secret)) == 0;
    sodium_memzero(secret, sizeof(secret));

    if (!belongs) {
        return mds_fail(err, MDS_DAMAGED,
                        "key \"%s\" is damaged: its two halves do not belong "
                        "together",
                        path);
    }

    memcpy(key->keyid, bytes + MDS_SECRET_KEYID, sizeof(key->keyid));
    memcpy(key->secret, bytes + MDS_SECRET_KEY, sizeof(key->secret));
    return MDS_OK;
}

mds_status_t
mds_key_load(const char *path, mds_error_t *err, mds_key_t *key)
{
    return mds_key_load_encrypted(path, NULL, NULL, err, key);
}

mds_status_t
mds_key_load_encrypted(const char *path, mds_password_read_t read_password,
                       void *data, mds_error_t *err, mds_key_t *key)
{
    char        *text;
    size_t       text_len, len;
    uint8_t      bytes[MDS_SECRET_BYTES];
    mds_status_t status
        = mds_file_read(path, MDS_KEY_FILE_MAX, err, &text, &text_len);

    if (status != MDS_OK) {
        return status;
    }

    if (!mds_key_file_parse((mds_str_t){ text_len, text }, bytes, &len)) {
        status
            = mds_fail(err, MDS_INCOMPATIBLE,
                       "\"%s\" is not a secret key in minisign's format", path);

    } else if (len == MDS_PUBLIC_BYTES) {
        status = mds_fail(err, MDS_INCOMPATIBLE,
                          "\"%s\" is a public key; the secret one is needed",
                          path);

    } else {
        status = mds_key_parse(bytes, path, read_password, data, err, key);
    }

    sodium_memzero(text, text_len);
    free(text);
    sodium_memzero(bytes, sizeof(bytes));
    return status;
}

void
mds_key_wipe(mds_key_t *key)
{
    sodium_memzero(key, sizeof(*key));
}

void
mds_secret_wipe(void *secret, size_t len)
{
    sodium_memzero(secret, len);
}

void
mds_key_public(const mds_key_t *key, mds_public_t *public_key)
{
    memcpy(public_key->keyid, key->keyid, sizeof(public_key->keyid));
    crypto_sign_ed25519_sk_to_pk(public_key->key, key->secret);
}

mds_status_t
mds_public_parse(mds_str_t text, const char *what, mds_error_t *err,
                 mds_public_t *public_key)
{
    size_t       len;
    uint8_t      bytes[MDS_SECRET_BYTES];
    mds_status_t status = MDS_OK;

    if (!mds_key_file_parse(text, bytes, &len)) {
        status
            = mds_fail(err, MDS_INCOMPATIBLE,
                       "\"%s\" is not a public key in minisign's format", what);

    } else if (len == MDS_SECRET_BYTES) {
        status = mds_fail(err, MDS_INCOMPATIBLE,
                          "\"%s\" is a secret key; the public one is needed",
                          what);

    } else {
        memcpy(public_key->keyid, bytes + MDS_PUBLIC_KEYID,
               sizeof(public_key->keyid));
        memcpy(public_key->key, bytes + MDS_PUBLIC_KEY,
               sizeof(public_key->key));
    }

    sodium_memzero(bytes, sizeof(bytes));
    return status;
}

mds_status_t
mds_public_load(const char *path, mds_error_t *err, mds_public_t *public_key)
{
    char        *text;
    size_t       len;
    mds_status_t status
        = mds_file_read(path, MDS_KEY_FILE_MAX, err, &text, &len);

    if (status == MDS_OK) {
        status
            = mds_public_parse((mds_str_t){ len, text }, path, err, public_key);
        sodium_memzero(text, len);
        free(text);
    }

    return status;
}

/* Writes a secret key, encrypted if there is a password. */
static mds_status_t
mds_key_write(const char *path, const mds_key_t *key, mds_str_t password,
              mds_error_t *err)
{
    int          n;
    char         text[MDS_KEY_FILE_MAX];
    char         base64[mds_base64_len(MDS_SECRET_BYTES) + 1];
    uint8_t      bytes[MDS_SECRET_BYTES] = "Ed\0\0B2";
    mds_status_t status = MDS_OK;

    memcpy(bytes + MDS_SECRET_KEYID, key->keyid, sizeof(key->keyid));
    memcpy(bytes + MDS_SECRET_KEY, key->secret, sizeof(key->secret));

    if (password.len > 0) {
        status = mds_key_encrypt(bytes, path, password, err);
    }

    if (status == MDS_OK) {
        mds_base64(bytes, sizeof(bytes), base64);
        n = snprintf(text, sizeof(text), MDS_KEY_COMMENT "minisign %s\n%s\n",
                     password.len > 0 ? "encrypted secret key"
                                      : "secret key, not encrypted",
                     base64);
        status = mds_file_create(path, 0600, text, (size_t) n, err);
    }

    sodium_memzero(bytes, sizeof(bytes));
    sodium_memzero(base64, sizeof(base64));
    sodium_memzero(text, sizeof(text));
    return status;
}

static mds_status_t
mds_public_write(const char *path, const mds_public_t *public_key,
                 mds_error_t *err)
{
    int     n;
    char    text[MDS_KEY_FILE_MAX];
    char    base64[mds_base64_len(MDS_PUBLIC_BYTES) + 1];
    char    keyid[MDS_KEYID_HEX + 1];
    uint8_t bytes[MDS_PUBLIC_BYTES] = "Ed";

    memcpy(bytes + MDS_PUBLIC_KEYID, public_key->keyid,
           sizeof(public_key->keyid));
    memcpy(bytes + MDS_PUBLIC_KEY, public_key->key, sizeof(public_key->key));

    n = snprintf(text, sizeof(text),
                 MDS_KEY_COMMENT "minisign public key %s\n%s\n",
                 mds_keyid_hex(public_key->keyid, keyid),
                 mds_base64(bytes, sizeof(bytes), base64));

    return mds_file_create(path, 0644, text, (size_t) n, err);
}

mds_status_t
mds_key_generate(const char *name, mds_error_t *err,
                 char keyid_hex[MDS_KEYID_HEX + 1])
{
    return mds_key_generate_encrypted(name, mds_str(""), err, keyid_hex);
}

mds_status_t
mds_key_generate_encrypted(const char *name, mds_str_t password,
                           mds_error_t *err, char keyid_hex[MDS_KEYID_HEX + 1])
{
    mds_key_t    key;
    mds_path_t   key_path, public_path;
    mds_public_t public_key;
    mds_status_t status = mds_path(&key_path, err, "%s.key", name);

    if (status == MDS_OK) {
        status = mds_path(&public_path, err, "%s.pub", name);
    }

    if (status != MDS_OK) {
        return status;
    }

    mds_sodium_init();
    mds_random(key.keyid, sizeof(key.keyid));
    crypto_sign_keypair(public_key.key, key.secret);
    mds_key_public(&key, &public_key);

    /* The public key first: a secret one without it would be of no use. */
    status = mds_public_write(public_path.text, &public_key, err);

    if (status == MDS_OK) {
        status = mds_key_write(key_path.text, &key, password, err);

        if (status != MDS_OK) {
            remove(public_path.text);
        }
    }

    mds_key_wipe(&key);

    if (status == MDS_OK) {
        mds_keyid_hex(public_key.keyid, keyid_hex);
    }

    return status;
}

const char *
mds_keyid_hex(const uint8_t keyid[MDS_KEYID_BYTES],
              char          text[MDS_KEYID_HEX + 1])
{
    /* minisign reads the bytes as a little-endian number. */
    for (size_t i = 0; i < MDS_KEYID_BYTES; i++) {
        snprintf(text + 2 * i, 3, "%02X", keyid[MDS_KEYID_BYTES - 1 - i]);
    }

    return text;
}

bool
mds_keyid_parse(mds_str_t text, uint8_t keyid[MDS_KEYID_BYTES])
{
    uint8_t bytes[MDS_KEYID_BYTES];

    if (text.len != MDS_KEYID_HEX) {
        return false;
    }

    for (size_t i = 0; i < MDS_KEYID_HEX; i++) {
        int digit = mds_hex_digit(text.data[i]);

        if (digit < 0 || (text.data[i] >= 'a' && text.data[i] <= 'f')) {
            return false;
        }

        bytes[MDS_KEYID_BYTES - 1 - i / 2]
            = (uint8_t) (i % 2 == 0
                             ? digit << 4
                             : bytes[MDS_KEYID_BYTES - 1 - i / 2] | digit);
    }

    memcpy(keyid, bytes, sizeof(bytes));
    return true;
}

void
mds_raw_sign(const mds_key_t *key, mds_str_t message,
             uint8_t signature[MDS_RAW_SIGNATURE_BYTES])
{
    crypto_sign_detached(signature, NULL, (const uint8_t *) message.data,
                         message.len, key->secret);
}

bool
mds_raw_verify(const mds_public_t *public_key, mds_str_t message,
               const uint8_t signature[MDS_RAW_SIGNATURE_BYTES])
{
    return crypto_sign_verify_detached(signature,
                                       (const uint8_t *) message.data,
                                       message.len, public_key->key)
           == 0;
}
