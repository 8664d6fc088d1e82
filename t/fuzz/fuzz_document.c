/* Documents: checked, or refused with words of one line. */

#include <stdlib.h>

#include "mds_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_error_t  err;
    mds_json_t  *json;
    mds_model_t *model;

    if (mds_json_parse((mds_str_t){ size, (const char *) data }, "input", &err,
                       &json)
        != MDS_OK)
    {
        return 0;
    }

    if (mds_document_check(json, "input", &err, &model) == MDS_OK) {
        mds_model_free(model);

    } else if (!mds_str_is_utf8(mds_str_of(err.text))
               || strchr(err.text, '\n') != NULL)
    {
        abort();
    }

    mds_json_release(json);
    return 0;
}
