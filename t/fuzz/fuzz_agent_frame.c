/*
 * Bytes from the other end of an agent's socket: what is read lies within them,
 * and an entry that is valid is written again as it was.
 */

#include "fleet/mds_agent_frame.h"
#include "fuzz.h"

static void
check_entry(const mds_frame_item_t *item)
{
    uint8_t          *room = fuzz_room(item->entry.len);
    mds_fleet_entry_t entry;

    fuzz_read(item->entry);

    if (mds_fleet_entry_decode(item->type, item->entry, &entry)) {
        fuzz_must(mds_fleet_entry_encode(&entry, room, item->entry.len)
                  == item->entry.len);
        fuzz_must(memcmp(room, item->entry.data, item->entry.len) == 0);
    }

    free(room);
}

static void
check_lists(const mds_frame_t *frame)
{
    mds_frame_list_t  list;
    mds_frame_admit_t admit;
    mds_frame_item_t  item;
    mds_frame_feed_t  feed;
    mds_verdict_t     verdict;

    if (mds_frame_read_admit(frame, &list)) {
        while (mds_frame_next_admit(&list, &admit)) {
            fuzz_read(admit.window);
            fuzz_read(admit.id);
        }
    }

    if (mds_frame_read_admitted(frame, &list)) {
        while (mds_frame_next_verdict(&list, &verdict)) {
            fuzz_must(verdict >= MDS_VERDICT_YES
                      && verdict <= MDS_VERDICT_UNKNOWN);
        }
    }

    if (mds_frame_read_outbox(frame, &list)
        || mds_frame_read_feed(frame, &feed, &list))
    {
        while (mds_frame_next_item(&list, &item)) {
            check_entry(&item);
        }
    }
}

static void
check_plain(const mds_frame_t *frame, mds_str_t bytes)
{
    uint8_t             room[64];
    mds_frame_hello_t   hello;
    mds_frame_welcome_t welcome;
    size_t              len = 0;

    if (mds_frame_get_hello(frame, &hello)) {
        len = mds_frame_put_hello(&hello, room, sizeof(room));
    }

    if (mds_frame_get_welcome(frame, &welcome)) {
        len = mds_frame_put_welcome(&welcome, room, sizeof(room));
    }

    if (len > 0) {
        fuzz_must(len == bytes.len);
        fuzz_must(memcmp(room + MDS_FRAME_HEAD, bytes.data + MDS_FRAME_HEAD,
                         len - MDS_FRAME_HEAD)
                  == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t   bytes = { size, (const char *) data };
    mds_frame_t frame;
    size_t      taken;

    while (mds_frame_parse(bytes, NULL, &frame, &taken) == MDS_OK) {
        uint64_t position;
        bool     reachable;

        fuzz_must(taken >= MDS_FRAME_HEAD && taken <= bytes.len
                  && taken <= MDS_FRAME_MAX);
        fuzz_read(frame.payload);
        check_plain(&frame, (mds_str_t){ taken, bytes.data });
        check_lists(&frame);
        (void) mds_frame_get_position(&frame, &position);
        (void) mds_frame_get_reachable(&frame, &reachable);

        bytes.data += taken;
        bytes.len -= taken;
    }

    return 0;
}
