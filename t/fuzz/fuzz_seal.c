/*
 * A page with whatever behind it as its seal: only the one that
 * mds_seal_write() makes is taken, and only for its own identity. The first
 * byte says how many bytes of the true seal come before the input's; from 128,
 * of that of a layer.
 */

#include <unistd.h>

#include "fuzz.h"
#include "lmdb/mds_seal.h"

#define PAGE_BYTES ((size_t) 4096)

static const uint8_t identity[MDS_SEAL_IDENTITY] = "what it is";
static const mds_seal_link_t below = { 7, "its digest" };
static uint8_t sealed[PAGE_BYTES + MDS_SEAL_BYTES];
static uint8_t layer[PAGE_BYTES + MDS_SEAL_LINK_BYTES + MDS_SEAL_BYTES];

static void
seal(uint8_t *bytes, size_t size, const mds_seal_link_t *link)
{
    const char *path = fuzz_file(0, bytes, PAGE_BYTES);
    FILE       *file;

    fuzz_must(sysconf(_SC_PAGESIZE) == (long) PAGE_BYTES);
    fuzz_must(mds_seal_write_layer(path, identity, link, NULL) == MDS_OK);
    file = fopen(path, "r");
    fuzz_must(file != NULL && fread(bytes, size, 1, file) == 1);
    fclose(file);
}

static void
begin(void)
{
    seal(sealed, sizeof(sealed), NULL);
    seal(layer, sizeof(layer), &below);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[sizeof(layer) + 4096];
    size_t         len = PAGE_BYTES;
    const uint8_t  other[MDS_SEAL_IDENTITY] = "another";
    const uint8_t *whole = sealed;
    size_t         whole_len = sizeof(sealed);
    const char    *path;
    mds_seal_t     seal;
    mds_status_t   status, full;

    if (size == 0 || size > 4096) {
        return 0;
    }

    if (sealed[PAGE_BYTES] == 0) {
        begin();
    }

    if (data[0] >= 128) {
        whole = layer;
        whole_len = sizeof(layer);
    }

    len += data[0] % 128 % (whole_len - PAGE_BYTES + 1);
    memcpy(bytes, whole, len);
    memcpy(bytes + len, data + 1, size - 1);
    len += size - 1;

    path = fuzz_file(1, bytes, len);
    status = mds_seal_read(path, identity, false, NULL, &seal);
    full = mds_seal_read(path, identity, true, NULL, &seal);

    fuzz_must(status == MDS_OK || status == MDS_DAMAGED
              || status == MDS_INCOMPATIBLE);
    fuzz_must((full == MDS_OK)
              == (len == whole_len && memcmp(bytes, whole, len) == 0));
    fuzz_must(full == status || (status == MDS_OK && full == MDS_DAMAGED));
    fuzz_must(full != MDS_OK || seal.is_layer == (whole == layer));
    fuzz_must(full != MDS_OK || whole == sealed
              || (seal.below.number == below.number
                  && memcmp(seal.below.digest, below.digest,
                            sizeof(below.digest))
                         == 0));
    fuzz_must(mds_seal_check(path, identity, true, NULL, NULL)
              == (whole == layer && full == MDS_OK ? MDS_DAMAGED : full));
    fuzz_must(mds_seal_read(path, other, false, NULL, &seal) != MDS_OK);

    return 0;
}
