/* A stream of events: whatever the pieces in which it arrives, the reader finds
 * the same, and keeps within its own memory. The first byte is the size of the
 * pieces. */

#include "client/mds_client_events.h"
#include "fuzz.h"

#include <string.h>

/* Reads the stream in pieces of that size; false: a line was too long. */
static bool
read_in_pieces(mds_client_events_t *events, mds_str_t stream, size_t piece)
{
    mds_error_t err;

    while (stream.len > 0) {
        size_t len = stream.len < piece ? stream.len : piece;
        char  *room = fuzz_room(len);
        bool   ok;

        memcpy(room, stream.data, len);
        ok = mds_client_events_read(events, (mds_str_t){ len, room }, &err)
             == MDS_OK;
        free(room);

        if (!ok) {
            return false;
        }

        fuzz_must(events->id_len <= MDS_CLIENT_ID_MAX
                  && events->line_len <= MDS_CLIENT_LINE_MAX
                  && events->retry_ms >= 0);
        stream = (mds_str_t){ stream.len - len, stream.data + len };
    }

    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mds_client_events_t whole, pieces;
    mds_str_t                  stream;
    bool                       ok;

    if (size == 0) {
        return 0;
    }

    stream = (mds_str_t){ size - 1, (const char *) data + 1 };
    memset(&whole, 0, sizeof(whole));
    memset(&pieces, 0, sizeof(pieces));
    ok = read_in_pieces(&whole, stream, size);
    fuzz_must(ok == read_in_pieces(&pieces, stream, 1 + data[0] % 64u));

    if (ok) {
        fuzz_must(whole.changes == pieces.changes
                  && whole.comments == pieces.comments
                  && whole.retry_ms == pieces.retry_ms
                  && whole.id_len == pieces.id_len
                  && memcmp(whole.id, pieces.id, whole.id_len) == 0
                  && whole.line_len == pieces.line_len);
    }

    mds_client_events_restart(&pieces);
    fuzz_must(pieces.line_len == 0 && !pieces.is_change && !pieces.has_data);
    return 0;
}
