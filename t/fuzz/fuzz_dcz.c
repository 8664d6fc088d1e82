/*
 * Differences from anywhere. The first byte says whether what follows is a
 * whole file or goes behind a good head, so that the frames get their turn.
 */

#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "files/mds_delta.h"
#include "fuzz.h"

#define OUT_MAX 65536

static const char old[] = "the old file, which is not long, is the old file";

/* Twice the same, or twice nothing; nothing else stays. */
static mds_status_t
apply(const char *delta, const char *name, mds_sha256_t *made)
{
    char         path[128];
    uint64_t     size;
    mds_status_t status;

    snprintf(path, sizeof(path), "%s/%s", fuzz_folder(), name);
    status = mds_delta_apply(fuzz_file(0, old, sizeof(old)), delta, path,
                             OUT_MAX, NULL);

    if (status == MDS_OK) {
        fuzz_must(mds_sha256_file(path, NULL, NULL, made, &size) == MDS_OK
                  && size <= OUT_MAX && unlink(path) == 0);
    }

    fuzz_must(rmdir(fuzz_folder()) == 0 && mkdir(fuzz_folder(), 0700) == 0);
    return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char  bytes[40 + 65536];
    mds_sha256_t first = { { 0 } }, second = { { 0 } };
    size_t       len = 0;
    const char  *delta;

    if (size == 0 || size > 65536) {
        return 0;
    }

    if (data[0] % 2 != 0) {
        memcpy(bytes, "\x5e\x2a\x4d\x18\x20\0\0", 8);
        mds_sha256(old, sizeof(old), (mds_sha256_t *) (bytes + 8));
        len = 40;
    }

    memcpy(bytes + len, data + 1, size - 1);
    delta = fuzz_file(1, bytes, len + size - 1);

    fuzz_must(apply(delta, "a", &first) == apply(delta, "b", &second)
              && mds_sha256_eq(&first, &second));

    return 0;
}
