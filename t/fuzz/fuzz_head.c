/* A head, as an envelope and as a payload: what is taken has its bounds, and
 * nobody has signed it for a root without such a key. */

#include "fuzz.h"
#include "trust/mds_head.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mds_root_t nobody = { .version = 1,
                                 .key_count = 1,
                                 .roles[MDS_ROLE_HEAD]
                                 = { .count = 1, .threshold = 1 } };
    mds_str_t         text = { size, (const char *) data };
    mds_head_t        head;
    mds_envelope_t    envelope;

    if (mds_head_parse(text, "fuzz", NULL, &head) == MDS_OK) {
        fuzz_must(head.app.len > 0 && head.serial >= 0 && head.count >= 0
                  && head.root >= 0);
        mds_head_free(&head);
    }

    if (mds_envelope_parse(text, MDS_HEAD_TYPE, "fuzz", NULL, &envelope)
        == MDS_OK)
    {
        if (mds_head_parse(mds_envelope_payload(&envelope), "fuzz", NULL, &head)
            == MDS_OK)
        {
            mds_head_free(&head);
        }
        mds_envelope_free(&envelope);
    }

    fuzz_must(mds_head_open(text, &nobody, "fuzz", NULL, &head) != MDS_OK);
    return 0;
}
