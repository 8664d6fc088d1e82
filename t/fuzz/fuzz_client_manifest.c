/* A manifest as a device reads it; with that, JSON in and out again. */

#include "client/mds_client_manifest.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t   text = { size, (const char *) data }, again;
    mds_json_t *json, *same;
    mds_client_manifest_t order;
    char       *dumped;

    if (mds_client_manifest_parse(text, NULL, &order) == MDS_OK) {
        mds_client_manifest_free(&order);
    }

    if (mds_json_parse(text, "fuzz", NULL, &json) != MDS_OK) {
        return 0;
    }

    if (mds_json_dump(json, size % 2, NULL, &dumped, &again.len) != MDS_OK) {
        abort();
    }
    again.data = dumped;

    if (mds_json_parse(again, "again", NULL, &same) != MDS_OK
        || !mds_json_equal(json, same))
    {
        abort();
    }

    mds_json_release(same);
    mds_json_release(json);
    free(dumped);
    return 0;
}
