/*
 * mds_store: the packages and differences of a depot, by content.
 *
 *   DIR/files/SHA256                0444, never changed under that name
 *   DIR/files/SHA256.KEYID.minisig  0444, its signature by one key
 *   DIR/files/SHA256.minisig        0444, one of these signatures, for clients
 *                                   that do not know which key they want
 *   DIR/files/.tmp-*                unfinished; a killed loader left it behind
 *
 * DIR/files has to be there (MDS_NOT_FOUND). Adding one file twice, at once
 * even, is fine.
 */

#ifndef MDS_STORE_H
#define MDS_STORE_H

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "sign/mds_sign.h"

mds_status_t mds_store_path(const char *depot, const mds_sha256_t *sha256,
                            mds_error_t *err, mds_path_t *path) MDS_MUST_CHECK;

/*
 * Copies a regular file into the store, durably; sha256 and size are the
 * copy's own, should the source change meanwhile. progress may be NULL.
 */
mds_status_t
mds_store_add(const char *depot, const char *source, mds_progress_t *progress,
              mds_error_t *err, mds_sha256_t *sha256,
              uint64_t *size_bytes) MDS_MUST_CHECK;

/* MDS_NOT_FOUND: it is not in the store. */
mds_status_t
mds_store_has(const char *depot, const mds_sha256_t *sha256, mds_error_t *err,
              uint64_t *size_bytes) MDS_MUST_CHECK;

/* What a name in DIR/files/ stands for. */
typedef enum {
    MDS_STORE_OTHER,         /* nothing that the store has made */
    MDS_STORE_FILE,          /* SHA256 */
    MDS_STORE_SIGNATURE,     /* SHA256.minisig */
    MDS_STORE_KEY_SIGNATURE, /* SHA256.KEYID.minisig */
} mds_store_name_t;

/* sha256 is set unless it is MDS_STORE_OTHER, keyid where the name has one. */
mds_store_name_t mds_store_name(mds_str_t name, mds_sha256_t *sha256,
                                uint8_t keyid[MDS_KEYID_BYTES]);

/* keyid NULL: of SHA256.minisig. */
mds_status_t
mds_store_signature_path(const char *depot, const mds_sha256_t *sha256,
                         const uint8_t keyid[MDS_KEYID_BYTES], mds_error_t *err,
                         mds_path_t *path) MDS_MUST_CHECK;

/*
 * Signs a stored file (mds_minisign_sign()), unless the key has done so. Where
 * there is no SHA256.minisig, or it is broken, the signature becomes that too.
 */
mds_status_t mds_store_minisign(const char *depot, const mds_sha256_t *sha256,
                                const mds_key_t *key, const char *label,
                                mds_error_t *err) MDS_MUST_CHECK;

/*
 * Whether the key has signed the file: MDS_NOT_FOUND, it has not. A signature
 * that only SHA256.minisig has, as older depots do, gets its own name.
 */
mds_status_t mds_store_signed(const char *depot, const mds_sha256_t *sha256,
                              const uint8_t keyid[MDS_KEYID_BYTES],
                              mds_error_t  *err) MDS_MUST_CHECK;

/* By which key SHA256.minisig is. MDS_NOT_FOUND, MDS_INVALID: it is none. */
mds_status_t mds_store_signer(const char *depot, const mds_sha256_t *sha256,
                              mds_error_t *err,
                              uint8_t keyid[MDS_KEYID_BYTES]) MDS_MUST_CHECK;

/* Makes SHA256.minisig what SHA256.KEYID.minisig is. */
mds_status_t
mds_store_set_signature(const char *depot, const mds_sha256_t *sha256,
                        const uint8_t keyid[MDS_KEYID_BYTES],
                        mds_error_t  *err) MDS_MUST_CHECK;

/*
 * Makes the difference between two stored files (mds_delta_make()) into the
 * store. compressed_bytes is the new file's mds_compressed_size(). Where it is
 * not worth it (mds_delta_worth()), nothing is kept, *worth is false, and the
 * two out-parameters before it are untouched.
 */
mds_status_t
mds_store_delta(const char *depot, const mds_sha256_t *old_sha256,
                const mds_sha256_t *new_sha256, uint64_t compressed_bytes,
                mds_progress_t *progress, mds_error_t *err,
                mds_sha256_t *sha256, uint64_t *size_bytes,
                bool *worth) MDS_MUST_CHECK;

/*
 * Removes what a killed loader left unfinished. Only for whoever has locked
 * other loaders out: their unfinished files look the same.
 */
mds_status_t
mds_store_sweep(const char *depot, mds_error_t *err) MDS_MUST_CHECK;

#endif
