/*
 * mds_store: the packages and deltas of a depot, by digest.
 *
 *   DIR/files/SHA256                0444, never changed under that name
 *   DIR/files/SHA256.KEYID.minisig  0444, its signature by one key
 *   DIR/files/SHA256.minisig        0444, one of these signatures, for clients
 *                                   that do not know which key they want
 *   DIR/files/.tmp-*                unfinished, or left by a killed loader
 *
 * DIR/files must exist (MDS_NOT_FOUND). A file may be added twice, even at the
 * same time.
 */

#ifndef MDS_STORE_H
#define MDS_STORE_H

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "files/mds_zstd.h"
#include "sign/mds_sign.h"

mds_status_t mds_store_path(const char *depot, const mds_sha256_t *sha256,
                            mds_error_t *err, mds_path_t *path) MDS_MUST_CHECK;

/*
 * Copies a regular file into the store, durably. The digest and the size are
 * those of the copy, even if the source changes meanwhile. progress may be
 * NULL.
 */
mds_status_t
mds_store_add(const char *depot, const char *source, mds_progress_t *progress,
              mds_error_t *err, mds_sha256_t *sha256,
              uint64_t *size_bytes) MDS_MUST_CHECK;

/* Gives the size of a stored file. MDS_NOT_FOUND: it is not in the store. */
mds_status_t
mds_store_has(const char *depot, const mds_sha256_t *sha256, mds_error_t *err,
              uint64_t *size_bytes) MDS_MUST_CHECK;

/* The kinds of names in DIR/files/. */
typedef enum {
    MDS_STORE_OTHER,         /* not of the store */
    MDS_STORE_FILE,          /* SHA256 */
    MDS_STORE_SIGNATURE,     /* SHA256.minisig */
    MDS_STORE_KEY_SIGNATURE, /* SHA256.KEYID.minisig */
} mds_store_name_t;

/* Parses a name. sha256 is set unless it is MDS_STORE_OTHER, and keyid if the
 * name has one. */
mds_store_name_t mds_store_name(mds_str_t name, mds_sha256_t *sha256,
                                uint8_t keyid[MDS_KEYID_BYTES]);

/* Gives the path of a signature; of SHA256.minisig if keyid is NULL. */
mds_status_t
mds_store_signature_path(const char *depot, const mds_sha256_t *sha256,
                         const uint8_t keyid[MDS_KEYID_BYTES], mds_error_t *err,
                         mds_path_t *path) MDS_MUST_CHECK;

/*
 * Signs a stored file (mds_minisign_sign()), unless the key has signed it. The
 * signature becomes SHA256.minisig, too, if that does not exist or is
 * malformed.
 */
mds_status_t mds_store_minisign(const char *depot, const mds_sha256_t *sha256,
                                const mds_key_t *key, const char *label,
                                mds_error_t *err) MDS_MUST_CHECK;

/*
 * Checks that the key has signed the file. A signature that is only in
 * SHA256.minisig, as in older depots, is copied to its own name. MDS_NOT_FOUND:
 * the key has not signed it.
 */
mds_status_t
mds_store_check_signature(const char *depot, const mds_sha256_t *sha256,
                          const uint8_t keyid[MDS_KEYID_BYTES],
                          mds_error_t  *err) MDS_MUST_CHECK;

/* Gives the id of the key of SHA256.minisig. MDS_NOT_FOUND or
 * MDS_INVALID: there is none, or it is malformed. */
mds_status_t mds_store_signer(const char *depot, const mds_sha256_t *sha256,
                              mds_error_t *err,
                              uint8_t keyid[MDS_KEYID_BYTES]) MDS_MUST_CHECK;

/* Copies SHA256.KEYID.minisig to SHA256.minisig. */
mds_status_t
mds_store_set_signature(const char *depot, const mds_sha256_t *sha256,
                        const uint8_t keyid[MDS_KEYID_BYTES],
                        mds_error_t  *err) MDS_MUST_CHECK;

/*
 * Links a stored file into a directory of the same file system, under its
 * digest, or copies it: it is there as long as that directory. MDS_NOT_FOUND:
 * it is not in the store.
 */
mds_status_t mds_store_link(const char *depot, const mds_sha256_t *sha256,
                            const char *dir, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Makes the delta between two files of a directory (mds_delta_make()), which
 * have their digests as names, and the delta, too. The files are not of the
 * store's own directory: nothing is locked. MDS_DAMAGED: the old file is not
 * that of the digest.
 */
mds_status_t
mds_store_delta(const char *dir, const mds_sha256_t *old_sha256,
                const mds_sha256_t *new_sha256, mds_zstd_level_t level,
                mds_progress_t *progress, mds_error_t *err,
                mds_sha256_t *sha256, uint64_t *size_bytes) MDS_MUST_CHECK;

/* Puts a file of such a directory into the store, durably, unless it is there.
 * A file of its name that is damaged is replaced. */
mds_status_t
mds_store_put(const char *dir, const char *depot, const mds_sha256_t *sha256,
              mds_error_t *err) MDS_MUST_CHECK;

/*
 * Removes unfinished files, and directories that no loader holds
 * (mds_work_dir.h). Call it with other loaders locked out: their unfinished
 * files look the same.
 */
mds_status_t
mds_store_sweep(const char *depot, mds_error_t *err) MDS_MUST_CHECK;

#endif
