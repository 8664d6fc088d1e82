/* The look-up in a chunk of a list of ids: bits, hash, the chunk's bytes. */

#include "mds_idlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool     in;
    uint64_t hash;

    if (size > sizeof(hash)) {
        memcpy(&hash, data + 1, sizeof(hash));
        (void) !mds_idlist_search((mds_str_t){ size - 9,
                                               (const char *) data + 9 },
                                  data[0] % 13, hash, &in);
    }

    return 0;
}
