/*
 * Queries; what was decoded lies in its buffer or in the query, keeps the
 * limits, and is the same after `mdsctl check` has encoded it once more.
 */

#include "../../mdsctl/device/http.h"
#include "base/mds_name.h"
#include "fuzz.h"
#include "request/mds_request.h"

static void
check(const mds_request_t *request, mds_str_t query, const char *buffer)
{
    for (size_t i = 0; i < request->count; i++) {
        mds_str_t value = request->attributes[i].value;

        fuzz_must(mds_attribute_name_valid(request->attributes[i].name));
        fuzz_must(value.len <= (mds_str_eq(request->attributes[i].name,
                                           mds_str("state"))
                                    ? MDS_TOKEN_MAX
                                    : MDS_VALUE_MAX)
                  && mds_str_is_utf8(value));
        fuzz_must(fuzz_inside(value, buffer, query.len)
                  || fuzz_inside(value, query.data, query.len));
    }
}

static void
again(const mds_request_t *request)
{
    mds_buffer_t  url = { 0 };
    mds_str_t     query = mds_null_str;
    mds_request_t same = { 0 };
    char         *buffer;

    for (size_t i = 0; i < request->count; i++) {
        mdsctl_http_add_parameter(&url, request->attributes[i].name,
                                  request->attributes[i].value);
    }

    fuzz_must(!mds_buffer_failed(&url));

    if (url.len > 0) {
        query = (mds_str_t){ url.len - 1, (const char *) url.data + 1 };
    }

    buffer = fuzz_room(query.len);
    fuzz_must(mds_request_parse(&same, query, buffer, NULL) == MDS_OK);
    fuzz_must(same.count == request->count);

    for (size_t i = 0; i < request->count; i++) {
        fuzz_must(
            mds_str_eq(mds_request_get(&same, request->attributes[i].name),
                       request->attributes[i].value));
    }

    free(buffer);
    mds_buffer_free(&url);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_request_t request = { 0 };
    mds_str_t     query = { size, (const char *) data };
    mds_error_t   err;
    char         *buffer = fuzz_room(size);

    if (mds_request_parse(&request, query, buffer, &err) == MDS_OK) {
        check(&request, query, buffer);
        again(&request);
        (void) !mds_request_validate(&request, &err);

    } else {
        fuzz_must(mds_str_is_utf8(mds_str_of(err.text))
                  && strchr(err.text, '\n') == NULL);
    }

    free(buffer);
    return 0;
}
