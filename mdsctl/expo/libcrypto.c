/*
 * The functions of OpenSSL's libcrypto that mdsctl calls; the library is loaded
 * with the first call (lazy.h). libsodium, which does the rest, has no RSA.
 */

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "lazy.h"

static mdsctl_lazy_library_t libcrypto = { "libcrypto.so.3", "libssl3", NULL };

MDSCTL_LAZY_2(libcrypto, BIO *, BIO_new_mem_buf, const void *, int)
MDSCTL_LAZY_1(libcrypto, int, BIO_free, BIO *)
MDSCTL_LAZY_4(libcrypto, EVP_PKEY *, PEM_read_bio_PrivateKey, BIO *,
              EVP_PKEY **, pem_password_cb *, void *)
MDSCTL_LAZY_1(libcrypto, int, EVP_PKEY_get_base_id, const EVP_PKEY *)
MDSCTL_LAZY_1(libcrypto, void, EVP_PKEY_free, EVP_PKEY *)
MDSCTL_LAZY_0(libcrypto, const EVP_MD *, EVP_sha256)
MDSCTL_LAZY_0(libcrypto, EVP_MD_CTX *, EVP_MD_CTX_new)
MDSCTL_LAZY_1(libcrypto, void, EVP_MD_CTX_free, EVP_MD_CTX *)
MDSCTL_LAZY_5(libcrypto, int, EVP_DigestSignInit, EVP_MD_CTX *, EVP_PKEY_CTX **,
              const EVP_MD *, ENGINE *, EVP_PKEY *)
MDSCTL_LAZY_5(libcrypto, int, EVP_DigestSign, EVP_MD_CTX *, unsigned char *,
              size_t *, const unsigned char *, size_t)
