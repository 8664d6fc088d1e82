/*
 * mds_proof: a proof that a manifest is in an app's tree, as MDS-Proof has it:
 *
 *   index=3, size=5120, path=:BASE64 of the hashes of the path, one after the
 *   other:
 */

#ifndef MDS_PROOF_H
#define MDS_PROOF_H

#include "merkle/mds_merkle.h"

/* The longest text, without a zero byte. */
#define MDS_PROOF_BYTES_MAX                                                    \
    (64 + mds_base64_len(MDS_MERKLE_PATH_MAX * sizeof(mds_sha256_t)))

typedef struct {
    uint64_t     index;
    uint64_t     size;
    unsigned     path_len;
    mds_sha256_t path[MDS_MERKLE_PATH_MAX];
} mds_proof_t;

/* Writes the text and a zero byte, and returns its length. */
size_t
mds_proof_format(const mds_proof_t *proof, char text[MDS_PROOF_BYTES_MAX + 1]);

/* Parses the text, whose members may come in any order. MDS_INVALID: a member
 * is missing, named twice or malformed, or the path is too long. */
mds_status_t mds_proof_parse(mds_str_t text, mds_error_t *err,
                             mds_proof_t *proof) MDS_MUST_CHECK;

/* Returns whether the proof leads from the manifest to the root of the tree
 * that has so many leaves. */
bool mds_proof_verify(const mds_proof_t *proof, mds_str_t manifest,
                      uint64_t count, const mds_sha256_t *root);

#endif
