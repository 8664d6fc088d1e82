/* rsa: signs by libcrypto. */

#include "expo/rsa.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/mds_digest.h"
#include "base/mds_file.h"

#define KEY_FILE_MAX 65536
#define SIGNATURE_MAX 2048 /* bytes: a key of 16,384 bits */

static mds_status_t
load_key(const char *file, mds_error_t *err, EVP_PKEY **key)
{
    char        *data;
    size_t       len;
    BIO         *bio;
    mds_status_t status = mds_file_read(file, KEY_FILE_MAX, err, &data, &len);

    if (status != MDS_OK) {
        return status;
    }

    bio = BIO_new_mem_buf(data, (int) len);
    *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

    (void) BIO_free(bio);
    explicit_bzero(data, len);
    free(data);

    if (*key != NULL && EVP_PKEY_get_base_id(*key) == EVP_PKEY_RSA) {
        return MDS_OK;
    }

    EVP_PKEY_free(*key);
    return mds_fail(err, MDS_INVALID,
                    "\"%s\" does not hold an RSA key in PEM, as `openssl"
                    " genpkey -algorithm RSA` writes it",
                    file);
}

static mds_status_t
sign(EVP_PKEY *key, mds_str_t text, mds_error_t *err, char **signature)
{
    uint8_t     raw[SIGNATURE_MAX];
    size_t      len = sizeof(raw);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool        done = ctx != NULL
                && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1
                && EVP_DigestSign(ctx, raw, &len,
                                  (const unsigned char *) text.data, text.len)
                       == 1;
    char *base64;

    EVP_MD_CTX_free(ctx);

    if (!done) {
        return mds_fail(err, MDS_INVALID, "failed to sign with the RSA key");
    }

    base64 = malloc(mds_base64_len(len) + 1);
    if (base64 == NULL) {
        return mds_fail_memory(err);
    }

    (void) mds_base64(raw, len, base64);
    *signature = base64;

    return MDS_OK;
}

mds_status_t
mdsctl_rsa_sign(const char *file, mds_str_t text, mds_error_t *err,
                char **signature)
{
    EVP_PKEY    *key;
    mds_status_t status = load_key(file, err, &key);

    if (status != MDS_OK) {
        return status;
    }

    status = sign(key, text, err, signature);
    EVP_PKEY_free(key);

    return status;
}
