/* A list of messages as a device reads it, and both passes over it. */

#include "client/mds_client_messages.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t           text = { size, (const char *) data };
    mds_client_messages_t         inbox;
    mds_client_triage_t        passes;
    mds_client_triage_run_t    runs[MDS_CLIENT_MESSAGES_MAX];
    mds_client_triage_device_t device = { .platform = mds_str("a"), .now_ms = 0 };
    uint64_t            last;

    if (mds_client_messages_parse(text, NULL, &inbox) != MDS_OK) {
        return 0;
    }

    device.official = mds_client_messages_latest(&inbox, device.platform);
    passes = mds_client_triage(inbox.messages, inbox.count, &device, runs);

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

    mds_client_messages_free(&inbox);
    return 0;
}
