/* The body of marks, under an operator's word: what is taken says something,
 * names ids in order, and leaves the user as it was. */

#include "fuzz.h"
#include "request/mds_read_marks_body.h"

static void
check(const mds_read_marks_body_t *body)
{
    uint64_t highest = body->delete_through;

    for (size_t i = 0; i < body->read_count; i++) {
        if (body->read[i].first < 1 || body->read[i].first > body->read[i].last)
        {
            abort();
        }

        if (body->read[i].last > highest) {
            highest = body->read[i].last;
        }
    }

    if (highest == 0 || highest != body->highest || highest > INT64_MAX) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t       bytes = { size, (const char *) data };
    mds_request_t   request = { 0 };
    mds_read_marks_body_t body;
    mds_error_t     err;
    void           *text;

    if (size > MDS_MARK_BYTES_MAX
        || mds_request_set_trusted(&request, mds_str("user"), mds_str("op"), &err)
               != MDS_OK
        || mds_read_marks_body_parse(bytes, &request, &err, &body, &text) != MDS_OK)
    {
        return 0;
    }

    check(&body);

    if (!mds_str_eq(mds_request_get(&request, mds_str("user")), mds_str("op")))
    {
        abort();
    }

    mds_read_marks_body_free(&body, text);
    return 0;
}
