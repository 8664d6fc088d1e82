/*
 * Parses the frames of workers and agent.
 */

#include "fleet/mds_agent_frame.h"

mds_status_t
mds_frame_parse(mds_str_t bytes, mds_error_t *err, mds_frame_t *frame,
                size_t *taken)
{
    mds_fields_reader_t from = mds_fields_read(bytes);
    uint64_t            len = mds_fields_get_number(&from, 4);

    if (from.failed) {
        return MDS_AGAIN;
    }

    if (len < MDS_FRAME_HEAD - 4 || len > MDS_FRAME_MAX - 4) {
        return mds_fail(err, MDS_INVALID,
                        "a frame's length must be from %d to %zu, not %llu",
                        MDS_FRAME_HEAD - 4, MDS_FRAME_MAX - 4,
                        (unsigned long long) len);
    }

    if (len > bytes.len - 4) {
        return MDS_AGAIN;
    }

    frame->type = (unsigned) mds_fields_get_number(&from, 1);
    frame->number = (uint32_t) mds_fields_get_number(&from, 4);
    frame->payload = mds_fields_get_bytes(&from, len - (MDS_FRAME_HEAD - 4));
    *taken = 4 + len;

    return MDS_OK;
}

static void
mds_frame_get_fleet(mds_fields_reader_t *from, uint8_t fleet[MDS_FLEET_BYTES])
{
    mds_str_t bytes = mds_fields_get_bytes(from, MDS_FLEET_BYTES);

    if (bytes.len == MDS_FLEET_BYTES) {
        memcpy(fleet, bytes.data, MDS_FLEET_BYTES);
    }
}

bool
mds_frame_get_hello(const mds_frame_t *frame, mds_frame_hello_t *hello)
{
    mds_fields_reader_t from = mds_fields_read(frame->payload);
    mds_frame_hello_t   read = { 0 };

    read.protocol = (uint32_t) mds_fields_get_number(&from, 4);
    read.pid = (uint32_t) mds_fields_get_number(&from, 4);
    mds_frame_get_fleet(&from, read.fleet);
    read.position = mds_fields_get_number(&from, 8);
    read.wants_feed = mds_fields_get_bool(&from);

    if (frame->type != MDS_FRAME_HELLO || !mds_fields_are_whole(&from)) {
        return false;
    }

    *hello = read;
    return true;
}

bool
mds_frame_get_welcome(const mds_frame_t *frame, mds_frame_welcome_t *welcome)
{
    mds_fields_reader_t from = mds_fields_read(frame->payload);
    mds_frame_welcome_t read = { 0 };

    read.protocol = (uint32_t) mds_fields_get_number(&from, 4);
    read.shared = mds_fields_get_bool(&from);
    mds_frame_get_fleet(&from, read.fleet);
    read.reachable = mds_fields_get_bool(&from);

    if (frame->type != MDS_FRAME_WELCOME || !mds_fields_are_whole(&from)) {
        return false;
    }

    *welcome = read;
    return true;
}

bool
mds_frame_get_position(const mds_frame_t *frame, uint64_t *position)
{
    mds_fields_reader_t from = mds_fields_read(frame->payload);
    uint64_t            read = mds_fields_get_number(&from, 8);

    if ((frame->type != MDS_FRAME_FEED_ACK
         && frame->type != MDS_FRAME_OUTBOX_ACK)
        || !mds_fields_are_whole(&from))
    {
        return false;
    }

    *position = read;
    return true;
}

bool
mds_frame_get_reachable(const mds_frame_t *frame, bool *reachable)
{
    mds_fields_reader_t from = mds_fields_read(frame->payload);
    bool                read = mds_fields_get_bool(&from);

    if (frame->type != MDS_FRAME_DATABASE || !mds_fields_are_whole(&from)) {
        return false;
    }

    *reachable = read;
    return true;
}

/* Reads the count of a list. */
static bool
mds_frame_read_list(mds_fields_reader_t from, mds_frame_list_t *list)
{
    size_t count = mds_fields_get_number(&from, 2);

    if (from.failed) {
        return false;
    }

    *list = (mds_frame_list_t){ from, count };
    return true;
}

bool
mds_frame_read_admit(const mds_frame_t *frame, mds_frame_list_t *list)
{
    return frame->type == MDS_FRAME_ADMIT
           && mds_frame_read_list(mds_fields_read(frame->payload), list);
}

bool
mds_frame_read_admitted(const mds_frame_t *frame, mds_frame_list_t *list)
{
    return frame->type == MDS_FRAME_ADMITTED
           && mds_frame_read_list(mds_fields_read(frame->payload), list);
}

bool
mds_frame_read_outbox(const mds_frame_t *frame, mds_frame_list_t *list)
{
    return frame->type == MDS_FRAME_OUTBOX
           && mds_frame_read_list(mds_fields_read(frame->payload), list);
}

bool
mds_frame_read_feed(const mds_frame_t *frame, mds_frame_feed_t *feed,
                    mds_frame_list_t *list)
{
    mds_fields_reader_t from = mds_fields_read(frame->payload);
    mds_frame_feed_t    read;

    read.after = mds_fields_get_number(&from, 8);
    read.last = mds_fields_get_number(&from, 8);

    if (frame->type != MDS_FRAME_FEED || !mds_frame_read_list(from, list)) {
        return false;
    }

    *feed = read;
    return true;
}

/* Counts a member that was read. */
static bool
mds_frame_next(mds_frame_list_t *list)
{
    if (list->count == 0 || list->fields.failed) {
        return false;
    }

    list->count--;
    return true;
}

bool
mds_frame_next_admit(mds_frame_list_t *list, mds_frame_admit_t *admit)
{
    mds_frame_admit_t read;

    if (!mds_frame_next(list)) {
        return false;
    }

    read.window = mds_fields_get_text(&list->fields);
    read.id = mds_fields_get_text(&list->fields);
    read.limit = mds_fields_get_number(&list->fields, 8);
    read.until_ms = (int64_t) mds_fields_get_number(&list->fields, 8);

    if (list->fields.failed) {
        return false;
    }

    *admit = read;
    return true;
}

bool
mds_frame_next_verdict(mds_frame_list_t *list, mds_verdict_t *verdict)
{
    uint64_t read;

    if (!mds_frame_next(list)) {
        return false;
    }

    read = mds_fields_get_number(&list->fields, 1);

    if (read < MDS_VERDICT_YES || read > MDS_VERDICT_UNKNOWN) {
        list->fields.failed = true;
        return false;
    }

    *verdict = (mds_verdict_t) read;
    return true;
}

bool
mds_frame_next_item(mds_frame_list_t *list, mds_frame_item_t *item)
{
    mds_frame_item_t read;

    if (!mds_frame_next(list)) {
        return false;
    }

    read.number = mds_fields_get_number(&list->fields, 8);
    read.type = (unsigned) mds_fields_get_number(&list->fields, 1);
    read.entry = mds_fields_get_bytes(&list->fields,
                                      mds_fields_get_number(&list->fields, 4));

    if (list->fields.failed) {
        return false;
    }

    *item = read;
    return true;
}

bool
mds_frame_list_is_whole(const mds_frame_list_t *list)
{
    return list->count == 0 && mds_fields_are_whole(&list->fields);
}
