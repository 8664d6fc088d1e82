/*
 * mds_sign: Ed25519 keys, and the two kinds of signature made with them.
 *
 *   mds_sign.c           keys, in minisign's files; raw signatures
 *   mds_sign_password.c  secret keys that a password encrypts
 *   mds_sign_dsse.c      manifests: DSSE v1, in a header (RFC 8941)
 *   mds_sign_minisign.c  packages: minisign's .minisig files
 *
 * Key files are minisign's: a comment line, then base64 of
 *
 *   NAME.key  "Ed" 00 00 "B2", 48 bytes that only encrypted keys use,
 *             keyid[8] seed[32] public[32], 32 bytes of checksum (zero)
 *             or, encrypted:
 *             "Ed" "Sc" "B2", salt[32], operations and bytes of memory, each
 *             64 bits, little-endian; the same 104 bytes, with a checksum,
 *             xor scrypt(password, salt)
 *   NAME.pub  "Ed" keyid[8] public[32]
 */

#ifndef MDS_SIGN_H
#define MDS_SIGN_H

#include "base/mds_base.h"

#define MDS_KEYID_BYTES 8
#define MDS_KEYID_HEX 16 /* characters, without a zero byte */
#define MDS_RAW_SIGNATURE_BYTES 64

#define MDS_DSSE_TYPE "application/vnd.mds.manifest+json"
#define MDS_DSSE_TYPE_MAX 64 /* bytes of any payload type */

/* keyid="9F86D081884C7D65", sig=:BASE64: without a zero byte */
#define MDS_SIGNATURE_BYTES 120

/* A secret key. The caller wipes it by mds_key_wipe() in any case. */
typedef struct {
    uint8_t keyid[MDS_KEYID_BYTES];
    uint8_t secret[64]; /* seed, then public key */
} mds_key_t;

typedef struct {
    uint8_t keyid[MDS_KEYID_BYTES];
    uint8_t key[32];
} mds_public_t;

/*
 * Creates NAME.key (0600) and NAME.pub (0644), durably, and gives the id as
 * mds_keyid_hex() does. MDS_EXISTS: one of them exists already.
 */
mds_status_t mds_key_generate(const char *name, mds_error_t *err,
                              char keyid_hex[MDS_KEYID_HEX + 1]) MDS_MUST_CHECK;

#define MDS_PASSWORD_MAX 1024 /* bytes; as in minisign */

/* As mds_key_generate(); the password encrypts NAME.key, as minisign does. That
 * takes some seconds and, if the machine has it, 1 GiB of memory. */
mds_status_t
mds_key_generate_encrypted(const char *name, mds_str_t password,
                           mds_error_t *err,
                           char keyid_hex[MDS_KEYID_HEX + 1]) MDS_MUST_CHECK;

/*
 * Loads a secret key. MDS_INCOMPATIBLE: the key is encrypted or public, or the
 * file has no key. MDS_DAMAGED: its public half does not belong to its seed.
 */
mds_status_t
mds_key_load(const char *path, mds_error_t *err, mds_key_t *key) MDS_MUST_CHECK;

/* Gives the password of the key at that path. */
typedef mds_status_t (*mds_password_read_t)(void *data, const char *path,
                                            mds_error_t *err,
                                            char    password[MDS_PASSWORD_MAX],
                                            size_t *len);

/* As mds_key_load(), but reads the password of a key that is encrypted.
 * MDS_DENIED: the password is wrong. */
mds_status_t
mds_key_load_encrypted(const char *path, mds_password_read_t read_password,
                       void *data, mds_error_t *err,
                       mds_key_t *key) MDS_MUST_CHECK;

void mds_key_wipe(mds_key_t *key);

/* Wipes a password, or another secret. */
void mds_secret_wipe(void *secret, size_t len);

void mds_key_public(const mds_key_t *key, mds_public_t *public_key);

/* Loads a public key. MDS_INCOMPATIBLE: the key is secret, or the file has
 * none. */
mds_status_t mds_public_load(const char *path, mds_error_t *err,
                             mds_public_t *public_key) MDS_MUST_CHECK;

/* Parses a public key's file, which what names in messages. */
mds_status_t
mds_public_parse(mds_str_t text, const char *what, mds_error_t *err,
                 mds_public_t *public_key) MDS_MUST_CHECK;

/* Writes the id as minisign prints it: 16 upper-case digits. Returns text. */
const char *mds_keyid_hex(const uint8_t keyid[MDS_KEYID_BYTES],
                          char          text[MDS_KEYID_HEX + 1]);

/* Reads 16 upper-case hexadecimal digits. False: the text is something else. */
bool
mds_keyid_parse(mds_str_t text, uint8_t keyid[MDS_KEYID_BYTES]) MDS_MUST_CHECK;

/* Sign and verify by pure Ed25519 (RFC 8032, 5.1). */
void mds_raw_sign(const mds_key_t *key, mds_str_t message,
                  uint8_t signature[MDS_RAW_SIGNATURE_BYTES]);
bool
mds_raw_verify(const mds_public_t *public_key, mds_str_t message,
               const uint8_t signature[MDS_RAW_SIGNATURE_BYTES]) MDS_MUST_CHECK;

/*
 * Gives the bytes that are signed, DSSE's pre-authentication encoding:
 *
 *   DSSEv1 SP length of type SP type SP length of body SP body
 *
 * with lengths in decimal bytes. type is MDS_DSSE_TYPE for a manifest; it has
 * at most MDS_DSSE_TYPE_MAX bytes. The caller frees *pae.
 */
mds_status_t mds_dsse_pae(mds_str_t type, mds_str_t body, mds_error_t *err,
                          char **pae, size_t *len) MDS_MUST_CHECK;

/* Signs a manifest: gives the value of MDS-Signature, which a zero byte ends.
 */
mds_status_t
mds_dsse_sign(const mds_key_t *key, mds_str_t body, mds_error_t *err,
              char header[MDS_SIGNATURE_BYTES + 1]) MDS_MUST_CHECK;

/*
 * Parses a value of MDS-Signature as RFC 8941, 4.2.2, does: in any order, and
 * without regard to unknown members and parameters. MDS_INVALID: it is not such
 * a value.
 */
mds_status_t
mds_dsse_parse(mds_str_t header, mds_error_t *err,
               uint8_t keyid[MDS_KEYID_BYTES],
               uint8_t signature[MDS_RAW_SIGNATURE_BYTES]) MDS_MUST_CHECK;

/*
 * Verifies that the holder of the key has signed the body. MDS_INCOMPATIBLE:
 * another key has signed it. MDS_DAMAGED: the body or the signature was
 * changed. MDS_INVALID: the header is not a signature.
 */
mds_status_t mds_dsse_verify(const mds_public_t *public_key, mds_str_t body,
                             mds_str_t header, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Writes out_path (0444, atomically): the signature of the file's BLAKE2b-512,
 * with "file:LABEL" as trusted comment. Bytes of the label that are neither
 * printable ASCII nor tabs become '?'. MDS_INVALID: the label has more than
 * 1,024 bytes.
 */
mds_status_t
mds_minisign_sign(const mds_key_t *key, const char *path, const char *label,
                  const char *out_path, mds_error_t *err) MDS_MUST_CHECK;

/* Verifies the text of a .minisig file; statuses are as in mds_dsse_verify().
 */
mds_status_t
mds_minisign_verify(const mds_public_t *public_key, const char *path,
                    mds_str_t text, mds_error_t *err) MDS_MUST_CHECK;

/* Gives the key id that a .minisig file names. MDS_INVALID: the text is not
 * one. */
mds_status_t mds_minisign_keyid(mds_str_t text, mds_error_t *err,
                                uint8_t keyid[MDS_KEYID_BYTES]) MDS_MUST_CHECK;

#endif
