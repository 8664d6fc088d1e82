/* Queries; what is claimed lies in them, or in the buffer for what is decoded,
 * and keeps the limits. */

#include <stdlib.h>

#include "mds_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
within(mds_str_t value, const char *bytes, size_t size)
{
    return value.data >= bytes && value.data + value.len <= bytes + size;
}

static void
check(const mds_request_t *request, const char *query, const char *buffer,
      size_t size)
{
    for (size_t i = 0; i < request->count; i++) {
        mds_str_t value = request->attributes[i].value;

        if (!mds_attribute_name_valid(request->attributes[i].name)
            || value.len > MDS_VALUE_MAX || !mds_str_is_utf8(value)
            || (!within(value, query, size) && !within(value, buffer, size)))
        {
            abort();
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_request_t request = { 0 };
    mds_error_t   err;
    char         *buffer = malloc(size + 1);

    if (buffer == NULL) {
        return 0;
    }

    if (mds_request_parse(&request, (mds_str_t){ size, (const char *) data },
                          buffer, &err)
            == MDS_OK
        && mds_request_validate(&request, &err) == MDS_OK)
    {
        check(&request, (const char *) data, buffer, size);
    }

    free(buffer);
    return 0;
}
