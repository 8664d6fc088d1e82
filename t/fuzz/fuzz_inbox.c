/* A list of messages as a device reads it, and both passes over it. */

#include "fuzz.h"
#include "mds_inbox.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t           text = { size, (const char *) data };
    mds_inbox_t         inbox;
    mds_passes_t        passes;
    mds_passes_run_t    runs[MDS_INBOX_MAX];
    mds_passes_device_t device = { .platform = mds_str("a"), .now_ms = 0 };
    uint64_t            last;

    if (mds_inbox_parse(text, NULL, &inbox) != MDS_OK) {
        return 0;
    }

    device.official = mds_inbox_latest(&inbox, device.platform);
    passes = mds_passes(inbox.messages, inbox.count, &device, runs);

    last = passes.delete_through;
    for (size_t i = 0; i < passes.runs; i++) {
        if (runs[i].first <= last || runs[i].last < runs[i].first) {
            abort();
        }
        last = runs[i].last;
    }

    if (inbox.count > 0 && last > inbox.messages[inbox.count - 1].id) {
        abort();
    }

    mds_inbox_free(&inbox);
    return 0;
}
