/*
 * Writes the frames of workers and agent.
 */

#include "fleet/mds_agent_frame.h"

/* Begins a frame; the length is written at its end. */
static mds_fields_writer_t
mds_frame_head(mds_frame_type_t type, uint32_t number, void *room, size_t size)
{
    mds_fields_writer_t to
        = mds_fields_write(room, size < MDS_FRAME_MAX ? size : MDS_FRAME_MAX);

    mds_fields_put_number(&to, 0, 4);
    mds_fields_put_number(&to, type, 1);
    mds_fields_put_number(&to, number, 4);

    return to;
}

/* Writes a number over bytes that were written before. */
static void
mds_frame_patch(uint8_t *at, uint64_t value, size_t size)
{
    mds_fields_writer_t to = mds_fields_write(at, size);

    mds_fields_put_number(&to, value, size);
}

static size_t
mds_frame_close(const mds_fields_writer_t *to)
{
    size_t bytes = mds_fields_bytes(to);

    if (bytes > 0) {
        mds_frame_patch(to->start, bytes - 4, 4);
    }

    return bytes;
}

static mds_str_t
mds_frame_fleet(const uint8_t fleet[MDS_FLEET_BYTES])
{
    return (mds_str_t){ MDS_FLEET_BYTES, (const char *) fleet };
}

size_t
mds_frame_put_hello(const mds_frame_hello_t *hello, void *room, size_t size)
{
    mds_fields_writer_t to = mds_frame_head(MDS_FRAME_HELLO, 0, room, size);

    mds_fields_put_number(&to, hello->protocol, 4);
    mds_fields_put_number(&to, hello->pid, 4);
    mds_fields_put_bytes(&to, mds_frame_fleet(hello->fleet));
    mds_fields_put_number(&to, hello->position, 8);
    mds_fields_put_number(&to, hello->wants_feed, 1);

    return mds_frame_close(&to);
}

size_t
mds_frame_put_welcome(const mds_frame_welcome_t *welcome, void *room,
                      size_t size)
{
    mds_fields_writer_t to = mds_frame_head(MDS_FRAME_WELCOME, 0, room, size);

    mds_fields_put_number(&to, welcome->protocol, 4);
    mds_fields_put_number(&to, welcome->shared, 1);
    mds_fields_put_bytes(&to, mds_frame_fleet(welcome->fleet));
    mds_fields_put_number(&to, welcome->reachable, 1);

    return mds_frame_close(&to);
}

size_t
mds_frame_put_position(mds_frame_type_t type, uint64_t position, void *room,
                       size_t size)
{
    mds_fields_writer_t to = mds_frame_head(type, 0, room, size);

    mds_fields_put_number(&to, position, 8);

    return mds_frame_close(&to);
}

size_t
mds_frame_put_reachable(bool reachable, void *room, size_t size)
{
    mds_fields_writer_t to = mds_frame_head(MDS_FRAME_DATABASE, 0, room, size);

    mds_fields_put_number(&to, reachable, 1);

    return mds_frame_close(&to);
}

static void
mds_frame_begin_list(mds_frame_writer_t *frame)
{
    frame->count_at = frame->fields.p;
    mds_fields_put_number(&frame->fields, 0, 2);
}

mds_frame_writer_t
mds_frame_begin(mds_frame_type_t type, uint32_t number, void *room, size_t size)
{
    mds_frame_writer_t frame = { 0 };

    frame.fields = mds_frame_head(type, number, room, size);
    mds_frame_begin_list(&frame);

    return frame;
}

mds_frame_writer_t
mds_frame_begin_feed(const mds_frame_feed_t *feed, void *room, size_t size)
{
    mds_frame_writer_t frame = { 0 };

    frame.fields = mds_frame_head(MDS_FRAME_FEED, 0, room, size);
    mds_fields_put_number(&frame.fields, feed->after, 8);
    mds_fields_put_number(&frame.fields, feed->last, 8);
    mds_frame_begin_list(&frame);

    return frame;
}

/* Keeps the member that was written, or drops it if it did not fit; a frame
 * whose head does not fit stays failed. */
static bool
mds_frame_add(mds_frame_writer_t *frame, const mds_fields_writer_t *written)
{
    if (written->failed || frame->count == UINT16_MAX) {
        return false;
    }

    frame->fields = *written;
    frame->count++;

    return true;
}

bool
mds_frame_add_admit(mds_frame_writer_t *frame, const mds_frame_admit_t *admit)
{
    mds_fields_writer_t to = frame->fields;

    mds_fields_put_text(&to, admit->window);
    mds_fields_put_text(&to, admit->id);
    mds_fields_put_number(&to, admit->limit, 8);
    mds_fields_put_number(&to, (uint64_t) admit->until_ms, 8);

    return mds_frame_add(frame, &to);
}

bool
mds_frame_add_verdict(mds_frame_writer_t *frame, mds_verdict_t verdict)
{
    mds_fields_writer_t to = frame->fields;

    mds_fields_put_number(&to, verdict, 1);

    return mds_frame_add(frame, &to);
}

bool
mds_frame_add_item(mds_frame_writer_t *frame, const mds_frame_item_t *item)
{
    mds_fields_writer_t to = frame->fields;

    mds_fields_put_number(&to, item->number, 8);
    mds_fields_put_number(&to, item->type, 1);
    mds_fields_put_number(&to, item->entry.len, 4);
    mds_fields_put_bytes(&to, item->entry);

    return mds_frame_add(frame, &to);
}

size_t
mds_frame_end(mds_frame_writer_t *frame)
{
    size_t bytes = mds_frame_close(&frame->fields);

    if (bytes > 0) {
        mds_frame_patch(frame->count_at, frame->count, 2);
    }

    return bytes;
}
