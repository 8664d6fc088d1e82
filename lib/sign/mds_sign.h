/*
 * mds_sign: Ed25519 keys, and the two kinds of signature made with them.
 *
 *   mds_sign.c           keys, in minisign's files; raw signatures
 *   mds_sign_dsse.c      manifests: DSSE v1, in a header (RFC 8941)
 *   mds_sign_minisign.c  packages: minisign's .minisig files
 *
 * Key files are minisign's: a comment line, then base64 of
 *
 *   NAME.key  "Ed" 00 00 "B2", 48 bytes that only encrypted keys use,
 *             keyid[8] seed[32] public[32], 32 bytes of checksum (zero)
 *   NAME.pub  "Ed" keyid[8] public[32]
 */

#ifndef MDS_SIGN_H
#define MDS_SIGN_H

#include "base/mds_base.h"

#define MDS_KEYID_BYTES 8
#define MDS_KEYID_HEX 16 /* characters, without a zero byte */
#define MDS_RAW_SIGNATURE_BYTES 64

#define MDS_DSSE_TYPE "application/vnd.mds.manifest+json"

/* keyid="9F86D081884C7D65", sig=:BASE64: without a zero byte */
#define MDS_SIGNATURE_BYTES 120

/* A secret key: keep it where mds_key_wipe() is sure to be reached. */
typedef struct {
    uint8_t keyid[MDS_KEYID_BYTES];
    uint8_t secret[64]; /* seed, then public key */
} mds_key_t;

typedef struct {
    uint8_t keyid[MDS_KEYID_BYTES];
    uint8_t key[32];
} mds_public_t;

/*
 * Makes NAME.key (0600) and NAME.pub (0644), durably. Neither may be there
 * yet: MDS_EXISTS. keyid_hex as from mds_keyid_hex().
 */
mds_status_t mds_key_generate(const char *name, mds_error_t *err,
                              char keyid_hex[MDS_KEYID_HEX + 1]) MDS_MUST_CHECK;

/*
 * MDS_INCOMPATIBLE: an encrypted key, a public one, or no key file at all;
 * MDS_DAMAGED: its public half does not belong to its seed.
 */
mds_status_t
mds_key_load(const char *path, mds_error_t *err, mds_key_t *key) MDS_MUST_CHECK;
void mds_key_wipe(mds_key_t *key);
void mds_key_public(const mds_key_t *key, mds_public_t *public_key);

/* MDS_INCOMPATIBLE: a secret key, or no key file at all. */
mds_status_t mds_public_load(const char *path, mds_error_t *err,
                             mds_public_t *public_key) MDS_MUST_CHECK;

/* The same from a file's text; what names it in messages. */
mds_status_t
mds_public_parse(mds_str_t text, const char *what, mds_error_t *err,
                 mds_public_t *public_key) MDS_MUST_CHECK;

/* As minisign prints it: 16 upper-case digits; returns text. */
const char *mds_keyid_hex(const uint8_t keyid[MDS_KEYID_BYTES],
                          char          text[MDS_KEYID_HEX + 1]);

/* False: not 16 upper-case hexadecimal digits; keyid is untouched. */
bool
mds_keyid_parse(mds_str_t text, uint8_t keyid[MDS_KEYID_BYTES]) MDS_MUST_CHECK;

/* Pure Ed25519 (RFC 8032, 5.1). */
void mds_raw_sign(const mds_key_t *key, mds_str_t message,
                  uint8_t signature[MDS_RAW_SIGNATURE_BYTES]);
bool
mds_raw_verify(const mds_public_t *public_key, mds_str_t message,
               const uint8_t signature[MDS_RAW_SIGNATURE_BYTES]) MDS_MUST_CHECK;

/*
 * DSSE's pre-authentication encoding, the bytes that are signed:
 *
 *   DSSEv1 SP length of type SP type SP length of body SP body
 *
 * with lengths in decimal bytes and MDS_DSSE_TYPE as type. The caller frees
 * *pae. MDS_NO_MEMORY.
 */
mds_status_t mds_dsse_pae(mds_str_t body, mds_error_t *err, char **pae,
                          size_t *len) MDS_MUST_CHECK;

/* The value of MDS-Signature for a manifest, with a zero byte behind it. */
mds_status_t
mds_dsse_sign(const mds_key_t *key, mds_str_t body, mds_error_t *err,
              char header[MDS_SIGNATURE_BYTES + 1]) MDS_MUST_CHECK;

/*
 * Parts of such a value, which is read as RFC 8941, 4.2.2 has it: any order,
 * unknown members and parameters are passed over. The signature in base64 (for
 * DSSE's envelope) is mds_base64() of the bytes.
 * MDS_INVALID: no such value.
 */
mds_status_t
mds_dsse_parse(mds_str_t header, mds_error_t *err,
               uint8_t keyid[MDS_KEYID_BYTES],
               uint8_t signature[MDS_RAW_SIGNATURE_BYTES]) MDS_MUST_CHECK;

/*
 * MDS_OK: body is what the holder of the key signed. MDS_INCOMPATIBLE: signed
 * by another key; MDS_DAMAGED: body or signature were changed; MDS_INVALID: the
 * header is no signature.
 */
mds_status_t mds_dsse_verify(const mds_public_t *public_key, mds_str_t body,
                             mds_str_t header, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Writes out_path (0444, atomically): the signature of the file at path, over
 * its BLAKE2b-512, with "file:LABEL" as trusted comment. Bytes of label that
 * are no printable ASCII become '?'. MDS_INVALID: label over 512 bytes.
 */
mds_status_t
mds_minisign_sign(const mds_key_t *key, const char *path, const char *label,
                  const char *out_path, mds_error_t *err) MDS_MUST_CHECK;

/* Statuses as in mds_dsse_verify(); text is that of a .minisig file. */
mds_status_t
mds_minisign_verify(const mds_public_t *public_key, const char *path,
                    mds_str_t text, mds_error_t *err) MDS_MUST_CHECK;

/* Whose signature it says it is. MDS_INVALID: no .minisig file. */
mds_status_t mds_minisign_keyid(mds_str_t text, mds_error_t *err,
                                uint8_t keyid[MDS_KEYID_BYTES]) MDS_MUST_CHECK;

#endif
