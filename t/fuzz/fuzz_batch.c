/* The body of a batch, and each question in it, under an operator's word. */

#include <stdlib.h>

#include "mds_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t     body = { size, (const char *) data };
    mds_request_t request;
    mds_batch_t  *batch;

    if (size > MDS_BATCH_BYTES_MAX
        || mds_batch_parse(body, NULL, &batch) != MDS_OK) {
        return 0;
    }

    for (size_t i = 0; i < mds_batch_count(batch); i++) {
        mds_request_begin(&request);

        if (mds_request_fix(&request, mds_str("user"), mds_str("op"), NULL)
            != MDS_OK) {
            abort();
        }

        if (mds_batch_request(batch, i, &request, NULL) == MDS_OK
            && (mds_batch_kind(batch, i).len > MDS_VALUE_MAX
                || !mds_str_eq(mds_request_get(&request, mds_str("user")),
                               mds_str("op"))))
        {
            abort();
        }
    }

    mds_batch_free(batch);
    return 0;
}
