/*
 * The file of a secret key, as mds_sign.c and mds_sign_password.c share it.
 */

#ifndef MDS_SIGN_INTERNAL_H
#define MDS_SIGN_INTERNAL_H

#include "sign/mds_sign.h"

/* Offsets in the file, and its length. */
#define MDS_SECRET_KDF 2
#define MDS_SECRET_CHECKSUM 4
#define MDS_SECRET_SALT 6
#define MDS_SECRET_OPERATIONS 38
#define MDS_SECRET_MEMORY 46
#define MDS_SECRET_KEYID 54
#define MDS_SECRET_KEY 62
#define MDS_SECRET_SUM 126
#define MDS_SECRET_BYTES 158

/* Encrypts a key's bytes in place; path is for messages. */
mds_status_t
mds_key_encrypt(uint8_t bytes[MDS_SECRET_BYTES], const char *path,
                mds_str_t password, mds_error_t *err) MDS_MUST_CHECK;

/* Decrypts them. MDS_DENIED: the password is wrong. MDS_INCOMPATIBLE: they
 * were encrypted at a cost that no machine should pay. */
mds_status_t
mds_key_decrypt(uint8_t bytes[MDS_SECRET_BYTES], const char *path,
                mds_str_t password, mds_error_t *err) MDS_MUST_CHECK;

#endif
