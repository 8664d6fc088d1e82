/* A proof: what is taken is written the same way again, and leads from no
 * manifest to a root that was not made of it. */

#include "fuzz.h"
#include "merkle/mds_proof.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t    text = { size, (const char *) data };
    mds_proof_t  proof, again;
    char         written[MDS_PROOF_BYTES_MAX + 1];
    size_t       len;
    mds_sha256_t root = { { 1 } };

    if (mds_proof_parse(text, NULL, &proof) != MDS_OK) {
        return 0;
    }

    fuzz_must(proof.path_len <= MDS_MERKLE_PATH_MAX);
    len = mds_proof_format(&proof, written);
    fuzz_must(mds_proof_parse((mds_str_t){ len, written }, NULL, &again)
              == MDS_OK);
    fuzz_must(again.index == proof.index && again.size == proof.size
              && again.path_len == proof.path_len
              && memcmp(again.path, proof.path,
                        proof.path_len * sizeof(proof.path[0]))
                     == 0);
    fuzz_must(!mds_proof_verify(&proof, text, proof.size, &root));

    return 0;
}
