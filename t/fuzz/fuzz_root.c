/*
 * A root, as an envelope and as a payload: what is taken is written the same way
 * again, says what a root must say, and is signed by nobody.
 */

#include <stdlib.h>

#include "fuzz.h"
#include "trust/mds_root.h"

/* What is taken of a payload is written, and taken again. */
static void
payload_of(mds_str_t text)
{
    static mds_root_t root, again;
    char             *dumped;
    size_t            len;

    if (mds_root_parse(text, "fuzz", NULL, &root) != MDS_OK) {
        return;
    }

    fuzz_must(mds_root_check(&root, "fuzz", NULL) == MDS_OK);
    fuzz_must(mds_root_dump(&root, NULL, &dumped, &len) == MDS_OK);
    fuzz_must(mds_root_parse((mds_str_t){ len, dumped }, "fuzz", NULL, &again)
              == MDS_OK);
    fuzz_must(again.version == root.version
              && again.key_count == root.key_count);

    for (unsigned r = 0; r < MDS_ROLES; r++) {
        fuzz_must(mds_root_is_same_role(&root, &again, r));
        fuzz_must(root.roles[r].threshold == again.roles[r].threshold);
    }

    free(dumped);
}

/* Changing a root that was taken keeps it one, or fails. */
static void
edit_of(mds_root_t *root)
{
    mds_public_t key = root->keys[0];

    fuzz_must(mds_root_add(root, MDS_ROLE_HEAD, &key, NULL) != MDS_INVALID);
    fuzz_must(mds_root_drop(root, key.keyid, NULL) == MDS_OK);

    for (unsigned r = 0; r < MDS_ROLES; r++) {
        fuzz_must(mds_root_find(root, r, key.keyid) == NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mds_root_t root;
    mds_str_t         text = { size, (const char *) data };
    mds_envelope_t    envelope;
    size_t            signers = 0;

    payload_of(text);

    if (mds_root_open(text, "fuzz", NULL, &envelope, &root) == MDS_OK) {
        fuzz_must(mds_root_count_signers(&root, &envelope, NULL, &signers)
                  == MDS_OK);
        fuzz_must(signers <= root.roles[MDS_ROLE_ROOT].count);
        payload_of(mds_envelope_payload(&envelope));
        edit_of(&root);
        mds_envelope_free(&envelope);
    }

    return 0;
}
