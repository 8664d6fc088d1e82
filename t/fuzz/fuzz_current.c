/* CURRENT, whatever lies under its name: a serial, or no depot's. */

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "catalog/mds_catalog.h"
#include "catalog/mds_current.h"
#include "fuzz.h"

static void
put(const uint8_t *data, size_t size)
{
    char path[128];
    int  fd;

    snprintf(path, sizeof(path), "%s/CURRENT", fuzz_folder());
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    fuzz_must(fd >= 0 && write(fd, data, size) == (ssize_t) size
              && close(fd) == 0);
}

/* The same bytes as a file's name in catalog/. */
static void
name(const uint8_t *data, size_t size)
{
    char     text[64], again[64];
    uint64_t serial;

    if (size < sizeof(text)) {
        memcpy(text, data, size);
        text[size] = '\0';

        if (mds_catalog_parse_name(text, &serial)) {
            snprintf(again, sizeof(again), "%" PRIu64 ".mdb", serial);
            fuzz_must(strcmp(text, again) == 0);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_current_t *current;
    uint64_t       serial;

    name(data, size);
    put(data, size);

    if (mds_current_open(fuzz_folder(), true, NULL, &current) != MDS_OK) {
        return 0;
    }

    fuzz_must(size == 16 && memcmp(data, "mdscur1", 8) == 0);
    memcpy(&serial, data + 8, sizeof(serial));
    fuzz_must(mds_current_serial(current) == serial);
    fuzz_must(mds_current_check(current, fuzz_folder(), NULL) == MDS_OK);

    /* Never back, and always on. */
    fuzz_must(mds_current_advance(current, 7, NULL) == MDS_OK);
    fuzz_must(mds_current_serial(current) == (serial > 7 ? serial : 7));
    mds_current_close(current);

    return 0;
}
