/*
 * Signs stored files, and finds the key of a signature.
 */

#include "files/mds_store.h"

#include <stdlib.h>

#define MDS_STORE_SIGNATURE_MAX 16384 /* bytes; one has some 300 */

/* Gives the path of a key's signature, SHA256.KEYID.minisig. */
static mds_status_t
mds_store_key_path(const char *depot, const mds_sha256_t *sha256,
                   const uint8_t keyid[MDS_KEYID_BYTES], mds_error_t *err,
                   mds_path_t *path)
{
    char hex[MDS_SHA256_HEX + 1], id[MDS_KEYID_HEX + 1];

    return mds_path(path, err, "%s/files/%s.%s.minisig", depot,
                    mds_sha256_hex(sha256, hex), mds_keyid_hex(keyid, id));
}

/* Gives the path of the signature for clients that use no key id. */
static mds_status_t
mds_store_common_path(const char *depot, const mds_sha256_t *sha256,
                      mds_error_t *err, mds_path_t *path)
{
    char hex[MDS_SHA256_HEX + 1];

    return mds_path(path, err, "%s/files/%s.minisig", depot,
                    mds_sha256_hex(sha256, hex));
}

mds_status_t
mds_store_signature_path(const char *depot, const mds_sha256_t *sha256,
                         const uint8_t keyid[MDS_KEYID_BYTES], mds_error_t *err,
                         mds_path_t *path)
{
    return keyid != NULL ? mds_store_key_path(depot, sha256, keyid, err, path)
                         : mds_store_common_path(depot, sha256, err, path);
}

/* Reads a signature, and gives the id of its key. The caller frees *text. */
static mds_status_t
mds_store_read_signature(const char *path, mds_error_t *err, char **text,
                         size_t *len, uint8_t keyid[MDS_KEYID_BYTES])
{
    char        *read;
    size_t       bytes;
    mds_status_t status = mds_file_read_regular(path, MDS_STORE_SIGNATURE_MAX,
                                                err, &read, &bytes);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_minisign_keyid((mds_str_t){ bytes, read }, err, keyid);

    if (status != MDS_OK) {
        free(read);
        return status;
    }

    *text = read;
    *len = bytes;
    return MDS_OK;
}

/* Copies a signature, if it is by this key. */
static mds_status_t
mds_store_copy_signature(const char *from, const char *to,
                         const uint8_t keyid[MDS_KEYID_BYTES], mds_error_t *err)
{
    char        *text;
    char         hex[MDS_KEYID_HEX + 1];
    size_t       len;
    uint8_t      found[MDS_KEYID_BYTES];
    mds_status_t status
        = mds_store_read_signature(from, err, &text, &len, found);

    if (status != MDS_OK) {
        return status;
    }

    status
        = memcmp(found, keyid, sizeof(found)) == 0
              ? mds_file_write(to, 0444, text, len, err)
              : mds_fail(err, MDS_NOT_FOUND, "\"%s\" was not signed by key %s",
                         from, mds_keyid_hex(keyid, hex));
    free(text);
    return status;
}

/* Reads only the key id of a signature. */
static mds_status_t
mds_store_read_keyid(const char *path, mds_error_t *err,
                     uint8_t keyid[MDS_KEYID_BYTES])
{
    char        *text;
    size_t       len;
    mds_status_t status
        = mds_store_read_signature(path, err, &text, &len, keyid);

    if (status == MDS_OK) {
        free(text);
    }

    return status;
}

/* Gives the two paths of a file's signature: the key's own, and the common one.
 */
static mds_status_t
mds_store_signature_paths(const char *depot, const mds_sha256_t *sha256,
                          const uint8_t keyid[MDS_KEYID_BYTES],
                          mds_error_t *err, mds_path_t *own, mds_path_t *common)
{
    mds_status_t status = mds_store_key_path(depot, sha256, keyid, err, own);

    return status == MDS_OK ? mds_store_common_path(depot, sha256, err, common)
                            : status;
}

mds_status_t
mds_store_check_signature(const char *depot, const mds_sha256_t *sha256,
                          const uint8_t keyid[MDS_KEYID_BYTES],
                          mds_error_t  *err)
{
    uint8_t      found[MDS_KEYID_BYTES];
    mds_path_t   own, common;
    mds_status_t status
        = mds_store_signature_paths(depot, sha256, keyid, err, &own, &common);

    if (status != MDS_OK
        || (mds_store_read_keyid(own.text, NULL, found) == MDS_OK
            && memcmp(found, keyid, sizeof(found)) == 0))
    {
        return status;
    }

    status = mds_store_copy_signature(common.text, own.text, keyid, err);

    /* A malformed signature is not one by this key. */
    return status == MDS_INVALID
               ? mds_fail(err, MDS_NOT_FOUND, "\"%s\" is not a signature",
                          common.text)
               : status;
}

mds_status_t
mds_store_signer(const char *depot, const mds_sha256_t *sha256,
                 mds_error_t *err, uint8_t keyid[MDS_KEYID_BYTES])
{
    mds_path_t   path;
    mds_status_t status = mds_store_common_path(depot, sha256, err, &path);

    return status == MDS_OK ? mds_store_read_keyid(path.text, err, keyid)
                            : status;
}

mds_status_t
mds_store_set_signature(const char *depot, const mds_sha256_t *sha256,
                        const uint8_t keyid[MDS_KEYID_BYTES], mds_error_t *err)
{
    mds_path_t   own, common;
    mds_status_t status
        = mds_store_signature_paths(depot, sha256, keyid, err, &own, &common);

    return status == MDS_OK
               ? mds_store_copy_signature(own.text, common.text, keyid, err)
               : status;
}

mds_status_t
mds_store_minisign(const char *depot, const mds_sha256_t *sha256,
                   const mds_key_t *key, const char *label, mds_error_t *err)
{
    uint8_t      signer[MDS_KEYID_BYTES];
    mds_path_t   path, signature;
    mds_status_t status = mds_store_path(depot, sha256, err, &path);

    if (status == MDS_OK) {
        status = mds_store_key_path(depot, sha256, key->keyid, err, &signature);
    }

    if (status == MDS_OK) {
        status = mds_store_check_signature(depot, sha256, key->keyid, err);
    }

    if (status == MDS_NOT_FOUND) {
        status = mds_minisign_sign(key, path.text, label, signature.text, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    status = mds_store_signer(depot, sha256, err, signer);

    return status == MDS_NOT_FOUND || status == MDS_INVALID
               ? mds_store_set_signature(depot, sha256, key->keyid, err)
               : status;
}
