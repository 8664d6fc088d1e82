/* Two versions, one behind the other's newline: their order has two sides. */

#include "base/mds_version.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t     second = { size, (const char *) data };
    mds_str_t     first = mds_str_cut(&second, '\n');
    mds_version_t a, b;

    if (mds_version_parse(first, &a) && mds_version_parse(second, &b)) {
        if (a.len > sizeof(a.key) || mds_version_cmp(&a, &a) != 0
            || (mds_version_cmp(&a, &b) < 0) != (mds_version_cmp(&b, &a) > 0))
        {
            abort();
        }
    }

    return 0;
}
