/* The body of reports, under an operator's word: what is taken has a device, a
 * release and bounded texts, and leaves the device as it was. */

#include "base/mds_version.h"
#include "fuzz.h"
#include "request/mds_report_body.h"

static void
check(const mds_report_body_t *body)
{
    if (body->count < 1 || body->count > MDS_REPORTS_MAX) {
        abort();
    }

    for (size_t i = 0; i < body->count; i++) {
        const mds_report_item_t *item = &body->items[i];
        mds_version_t            version;

        if (item->event >= MDS_EVENT_COUNT || item->release.len > MDS_VALUE_MAX
            || item->detail.len > MDS_REPORT_DETAIL_MAX
            || !mds_str_is_utf8(item->detail)
            || (item->version.len > 0
                && !mds_version_parse(item->version, &version)))
        {
            abort();
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t         bytes = { size, (const char *) data };
    mds_request_t     request = { 0 };
    mds_report_body_t body;
    mds_error_t       err;

    if (size > MDS_REPORT_BYTES_MAX
        || mds_request_set_trusted(&request, mds_str("device"), mds_str("op"),
                                   &err)
               != MDS_OK
        || mds_report_body_parse(bytes, &request, &err, &body) != MDS_OK)
    {
        return 0;
    }

    check(&body);

    if (!mds_str_eq(mds_request_get(&request, mds_str("device")),
                    mds_str("op"))
        || mds_request_get(&request, mds_str("app")).len == 0)
    {
        abort();
    }

    mds_report_body_free(&body);
    return 0;
}
