/*
 * Differences from anywhere. The first byte says whether what follows is a
 * whole file or goes behind a good head, so that the frames get their turn.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mds_delta.h"
#include "mds_digest.h"
#include "mds_file.h"

#define OUT_MAX 65536

static char directory[] = "/tmp/mds-fuzz-dcz-XXXXXX";
static char old_path[64], delta_path[64], out_path[64];
static char head[40] = "\x5e\x2a\x4d\x18\x20";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
clean(void)
{
    unlink(old_path);
    unlink(delta_path);
    unlink(out_path);
    rmdir(directory);
}

static void
put(const char *path, const void *first, size_t first_len, const void *second,
    size_t second_len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (write(fd, first, first_len) != (ssize_t) first_len
        || write(fd, second, second_len) != (ssize_t) second_len
        || close(fd) != 0)
    {
        abort();
    }
}

static void
begin(void)
{
    static const char old[]
        = "the old file, which is not long, is the old file";

    if (mkdtemp(directory) == NULL) {
        abort();
    }

    snprintf(old_path, sizeof(old_path), "%s/old", directory);
    snprintf(delta_path, sizeof(delta_path), "%s/delta", directory);
    snprintf(out_path, sizeof(out_path), "%s/out", directory);
    atexit(clean);

    put(old_path, old, sizeof(old), "", 0);
    mds_sha256(old, sizeof(old), (mds_sha256_t *) (head + 8));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char        *out;
    size_t       len;
    mds_status_t status;

    if (size == 0) {
        return 0;
    }

    if (head[8] == 0 && head[9] == 0) {
        begin();
    }

    put(delta_path, head, data[0] % 2 == 0 ? 0 : sizeof(head), data + 1,
        size - 1);
    status = mds_delta_apply(old_path, delta_path, out_path, OUT_MAX, NULL);

    if (status == MDS_OK) {
        if (mds_file_read(out_path, OUT_MAX, NULL, &out, &len) != MDS_OK) {
            abort();
        }

        free(out);
        unlink(out_path);
    }

    return 0;
}
