/*
 * Writes, parses and verifies proofs.
 */

#include "merkle/mds_proof.h"

#include <inttypes.h>
#include <stdio.h>

size_t
mds_proof_format(const mds_proof_t *proof, char text[MDS_PROOF_BYTES_MAX + 1])
{
    size_t len
        = (size_t) sprintf(text, "index=%" PRIu64 ", size=%" PRIu64 ", path=:",
                           proof->index, proof->size);
    size_t bytes = proof->path_len * sizeof(proof->path[0]);

    (void) mds_base64(proof->path, bytes, text + len);
    len += mds_base64_len(bytes);
    memcpy(text + len, ":", 2);

    return len + 1;
}

/* Reads a decimal number of at most 15 digits, as RFC 8941 bounds it. */
static bool
mds_proof_read_number(mds_str_t text, uint64_t *number)
{
    uint64_t n = 0;

    if (text.len == 0 || text.len > 15) {
        return false;
    }

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }

        n = 10 * n + (uint64_t) (text.data[i] - '0');
    }

    *number = n;
    return true;
}

/* Reads ":BASE64:", whole hashes. */
static bool
mds_proof_read_path(mds_str_t text, mds_proof_t *proof)
{
    size_t len = 0;

    if (text.len < 2 || text.data[0] != ':' || text.data[text.len - 1] != ':') {
        return false;
    }

    text = (mds_str_t){ text.len - 2, text.data + 1 };

    if (text.len > 0
        && !mds_base64_parse(text, proof->path, sizeof(proof->path), &len))
    {
        return false;
    }

    proof->path_len = (unsigned) (len / sizeof(proof->path[0]));

    return len % sizeof(proof->path[0]) == 0;
}

typedef enum {
    MDS_PROOF_INDEX = 1,
    MDS_PROOF_SIZE = 2,
    MDS_PROOF_PATH = 4,
    MDS_PROOF_ALL = 7,
    MDS_PROOF_WRONG = 8
} mds_proof_member_t;

/* Reads one member, and returns which one it was. */
static mds_proof_member_t
mds_proof_read_member(mds_str_t member, mds_proof_t *proof)
{
    mds_str_t key = mds_str_cut(&member, '=');

    if (mds_str_eq(key, mds_str("index"))) {
        return mds_proof_read_number(member, &proof->index) ? MDS_PROOF_INDEX
                                                            : MDS_PROOF_WRONG;
    }

    if (mds_str_eq(key, mds_str("size"))) {
        return mds_proof_read_number(member, &proof->size) ? MDS_PROOF_SIZE
                                                           : MDS_PROOF_WRONG;
    }

    return mds_str_eq(key, mds_str("path"))
                   && mds_proof_read_path(member, proof)
               ? MDS_PROOF_PATH
               : MDS_PROOF_WRONG;
}

mds_status_t
mds_proof_parse(mds_str_t text, mds_error_t *err, mds_proof_t *proof)
{
    unsigned    found = 0;
    mds_proof_t read = { 0 };

    if (text.len > MDS_PROOF_BYTES_MAX) {
        return mds_fail(err, MDS_INVALID, "the proof is too long");
    }

    while (text.len > 0) {
        mds_str_t member = mds_str_cut(&text, ',');
        unsigned  which;

        while (member.len > 0 && member.data[0] == ' ') {
            member = (mds_str_t){ member.len - 1, member.data + 1 };
        }

        which = mds_proof_read_member(member, &read);

        if (which == MDS_PROOF_WRONG || (found & which) != 0) {
            return mds_fail(err, MDS_INVALID,
                            "the proof has a member that is malformed, unknown"
                            " or named twice");
        }

        found |= which;
    }

    if (found != MDS_PROOF_ALL) {
        return mds_fail(err, MDS_INVALID,
                        "the proof must have index, size and path");
    }

    *proof = read;
    return MDS_OK;
}

bool
mds_proof_verify(const mds_proof_t *proof, mds_str_t manifest, uint64_t count,
                 const mds_sha256_t *root)
{
    mds_sha256_t leaf;

    mds_merkle_leaf(manifest, &leaf);

    return proof->size == count
           && mds_merkle_verify(&leaf, proof->index, count, proof->path,
                                proof->path_len, root);
}
