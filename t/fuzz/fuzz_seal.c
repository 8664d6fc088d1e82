/*
 * A page with whatever behind it as its seal: only the one that
 * mds_seal_write() makes is taken, and only for its own identity. The first
 * byte says how many bytes of the true seal come before the input's.
 */

#include <unistd.h>

#include "fuzz.h"
#include "lmdb/mds_seal.h"

#define PAGE_BYTES ((size_t) 4096)

static const uint8_t identity[MDS_SEAL_IDENTITY] = "what it is";
static uint8_t       sealed[PAGE_BYTES + MDS_SEAL_BYTES];

static void
begin(void)
{
    const char *path = fuzz_file(0, sealed, PAGE_BYTES);
    FILE       *file;

    fuzz_must(sysconf(_SC_PAGESIZE) == (long) PAGE_BYTES);
    fuzz_must(mds_seal_write(path, identity, NULL) == MDS_OK);
    file = fopen(path, "r");
    fuzz_must(file != NULL && fread(sealed, sizeof(sealed), 1, file) == 1);
    fclose(file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[PAGE_BYTES + MDS_SEAL_BYTES + 4096];
    size_t         len = PAGE_BYTES;
    const uint8_t  other[MDS_SEAL_IDENTITY] = "another";
    const char    *path;
    mds_status_t   status, full;

    if (size == 0 || size > 4096) {
        return 0;
    }

    if (sealed[PAGE_BYTES] == 0) {
        begin();
    }

    memcpy(bytes, sealed, PAGE_BYTES);
    len += data[0] % (MDS_SEAL_BYTES + 1);
    memcpy(bytes, sealed, len);
    memcpy(bytes + len, data + 1, size - 1);
    len += size - 1;

    path = fuzz_file(1, bytes, len);
    status = mds_seal_check(path, identity, false, NULL, NULL);
    full = mds_seal_check(path, identity, true, NULL, NULL);

    fuzz_must(status == MDS_OK || status == MDS_DAMAGED
              || status == MDS_INCOMPATIBLE);
    fuzz_must((full == MDS_OK)
              == (len == sizeof(sealed) && memcmp(bytes, sealed, len) == 0));
    fuzz_must(full == status || (status == MDS_OK && full == MDS_DAMAGED));
    fuzz_must(mds_seal_check(path, other, false, NULL, NULL) != MDS_OK);

    return 0;
}
