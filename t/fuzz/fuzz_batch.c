/* The body of a batch, and each question in it, under an operator's word. */

#include <stdlib.h>

#include "mds_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_request_t fixed = { 0 };
    mds_request_t request;
    mds_batch_t  *batch;
    char         *body = malloc(size + 1);
    void         *memory = malloc(mds_batch_bytes(size));

    if (body == NULL || memory == NULL
        || mds_request_fix(&fixed, mds_str("user"), mds_str("op"), NULL)
               != MDS_OK)
    {
        abort();
    }

    /* Exactly as long as it is, so that a step beyond its end is seen. */
    memcpy(body, data, size);
    body = realloc(body, size == 0 ? 1 : size);

    if (size <= MDS_BATCH_BYTES_MAX
        && mds_batch_parse((mds_str_t){ size, body }, &fixed, memory, NULL,
                           &batch)
               == MDS_OK)
    {
        for (size_t i = 0; i < mds_batch_count(batch); i++) {
            if (mds_batch_request(batch, i, &request, NULL) == MDS_OK
                && (mds_batch_kind(batch, i).len > MDS_VALUE_MAX
                    || !mds_str_eq(mds_request_get(&request, mds_str("user")),
                                   mds_str("op"))))
            {
                abort();
            }
        }
    }

    free(memory);
    free(body);
    return 0;
}
