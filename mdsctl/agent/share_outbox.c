/*
 * The outboxes' items: marks, reports and devices of a frame are stored by one
 * statement, which may be repeated, and acknowledged together. If the database
 * rejects the values, the frame is stored in halves down to the item that it
 * does not take; that one is dropped, with a line in the log.
 *
 * Their times are made those of the database's clock: an edge whose clock is
 * wrong would have its reports count as older than the end of a halt, or its
 * devices as newer than all that others say of them.
 */

#include <stdlib.h>

#include "agent/share_internal.h"

#define WHOLE SIZE_MAX

/* The parameters of the statement, in its order. */
enum {
    DEVICE_APP,
    DEVICE_ID,
    DEVICE_USER,
    DEVICE_PLATFORM,
    DEVICE_VERSION,
    DEVICE_SEEN,
    DEVICE_FORGOTTEN,
    REPORT_APP,
    REPORT_RELEASE,
    REPORT_DEVICE,
    REPORT_EVENT,
    REPORT_INSTRUCTED,
    REPORT_LEAST,
    REPORT_PPM,
    REPORT_WHEN,
    REPORT_DETAIL,
    MARK_APP,
    MARK_USER,
    MARK_THROUGH,
    MARK_OLDEST,
    MARK_READ,
    PARAMETERS
};

/* Devices are locked first, then tallies, then the counter: in every
 * transaction in this order. What edges are to forget takes numbers, so that it
 * comes last. */
#define STATEMENT                                                              \
    "select mds.write_devices($1, $2, $3, $4, $5, $6, $7),"                    \
    " mds.write_reports($8, $9, $10, $11, $12, $13, $14, $15, $16),"           \
    " mds.write_marks($17, $18, $19, $20, $21),"                               \
    " mds.forget_late($1, $2, $3, $6)"

typedef struct {
    int64_t      clock_ms; /* what the database's clock is ahead */
    mds_buffer_t arrays[PARAMETERS];
} batch_t;

static void
add_text(batch_t *batch, int parameter, mds_str_t text)
{
    mdsctl_array_add_text(&batch->arrays[parameter], text);
}

static void
add_integer(batch_t *batch, int parameter, int64_t value)
{
    mdsctl_array_add_integer(&batch->arrays[parameter], value);
}

static void
add_device(batch_t *batch, const mds_entry_device_t *device)
{
    add_text(batch, DEVICE_APP, device->app);
    add_text(batch, DEVICE_ID, device->device);
    add_text(batch, DEVICE_USER, device->user);
    add_text(batch, DEVICE_PLATFORM, device->platform);
    add_text(batch, DEVICE_VERSION, device->version);
    add_integer(batch, DEVICE_SEEN, device->seen_ms + batch->clock_ms);
    mdsctl_array_add_bool(&batch->arrays[DEVICE_FORGOTTEN], device->forgotten);
}

static void
add_report(batch_t *batch, const mds_entry_report_t *report)
{
    mds_str_t release = report->release;
    mds_str_t app = mds_str_cut(&release, '\0');

    add_text(batch, REPORT_APP, app);
    add_text(batch, REPORT_RELEASE, release);
    add_integer(batch, REPORT_DEVICE, (int64_t) report->device);
    add_integer(batch, REPORT_EVENT, (int64_t) report->event);
    mdsctl_array_add_bool(&batch->arrays[REPORT_INSTRUCTED],
                          report->instructed);
    add_integer(batch, REPORT_LEAST, (int64_t) report->limit.min_reports);
    add_integer(batch, REPORT_PPM, (int64_t) report->limit.failure_ppm);
    add_integer(batch, REPORT_WHEN, report->when_ms + batch->clock_ms);
    add_text(batch, REPORT_DETAIL, report->detail);
}

static void
add_mark(batch_t *batch, const mds_entry_mark_t *mark)
{
    mds_str_t user = mark->user;
    mds_str_t app = mds_str_cut(&user, '\0');

    add_text(batch, MARK_APP, app);
    add_text(batch, MARK_USER, user);
    add_integer(batch, MARK_THROUGH, (int64_t) mark->delete_through);
    add_integer(batch, MARK_OLDEST, (int64_t) mark->oldest);
    mdsctl_array_add_runs(&batch->arrays[MARK_READ], mark->runs);
}

/* Returns whether the database takes the keys: texts without zeros. */
static bool
is_utf8_key(mds_str_t key)
{
    mds_str_t app = mds_str_cut(&key, '\0');

    return mds_str_is_utf8(app) && mds_str_is_utf8(key);
}

/* Decodes an entry that may stand in an outbox. */
static bool
decode(const mds_frame_item_t *item, mds_fleet_entry_t *entry)
{
    if (!mds_fleet_entry_decode(item->type, item->entry, entry)) {
        return false;
    }

    switch (entry->type) {
    case MDS_ENTRY_MARK:
        return is_utf8_key(entry->mark.user);
    case MDS_ENTRY_REPORT:
        return is_utf8_key(entry->report.release)
               && entry->report.limit.min_reports <= INT64_MAX;
    case MDS_ENTRY_DEVICE:
        return true;
    default:
        return false;
    }
}

static void
add_entry(batch_t *batch, const mds_fleet_entry_t *entry)
{
    if (entry->type == MDS_ENTRY_DEVICE) {
        add_device(batch, &entry->device);
    } else if (entry->type == MDS_ENTRY_REPORT) {
        add_report(batch, &entry->report);
    } else {
        add_mark(batch, &entry->mark);
    }
}

bool
mdsctl_share_outbox_take(mdsctl_share_t *share, int place,
                         const mds_frame_t *frame, mds_str_t bytes)
{
    mdsctl_share_worker_t *worker = share->workers[place];
    mds_frame_list_t       list;
    mds_frame_item_t       item;
    mds_fleet_entry_t      entry;
    size_t                 count = 0;

    /* There is one at a time. */
    if (worker->outbox != NULL || !mds_frame_read_outbox(frame, &list)) {
        return false;
    }

    while (mds_frame_next_item(&list, &item)) {
        if (!decode(&item, &entry)) {
            return false;
        }

        worker->outbox_last = item.number;
        count++;
    }

    if (!mds_frame_list_is_whole(&list) || count == 0) {
        return false;
    }

    worker->outbox = malloc(bytes.len);

    if (worker->outbox == NULL) {
        return false;
    }

    memcpy(worker->outbox, bytes.data, bytes.len);
    worker->outbox_bytes = bytes.len;
    worker->outbox_items = count;
    worker->outbox_done = 0;
    worker->outbox_limit = WHOLE;

    return true;
}

/* Acknowledges the frame once all its items are dealt with. */
static void
acknowledge(mdsctl_share_t *share, int place)
{
    mdsctl_share_worker_t *worker = share->workers[place];
    uint8_t                frame[64];
    size_t                 bytes;

    if (worker->outbox_done < worker->outbox_items) {
        return;
    }

    bytes = mds_frame_put_position(MDS_FRAME_OUTBOX_ACK, worker->outbox_last,
                                   frame, sizeof(frame));
    free(worker->outbox);
    worker->outbox = NULL;
    mdsctl_share_worker_send(share, place, frame, bytes);
}

static void
receive_stored(mdsctl_share_t *share, mdsctl_answer_t answer,
               const mdsctl_rows_t *rows)
{
    mdsctl_share_worker_t *worker
        = mdsctl_share_worker_at(share, share->served,
                                 share->served_generation);

    (void) rows;

    if (worker == NULL || worker->outbox == NULL) {
        return;
    }

    if (answer == MDSCTL_ANSWER_ROWS) {
        worker->outbox_done += share->served_items;
        mdsctl_share_count(share, outbox, share->served_items);

    } else if (answer == MDSCTL_ANSWER_REJECTED && share->served_items > 1) {
        worker->outbox_limit = share->served_items / 2;

    } else if (answer == MDSCTL_ANSWER_REJECTED) {
        mdsctl_share_log(share, "an item of an outbox was dropped: %s",
                         share->feed.err.text);
        mdsctl_share_note_error(share, share->feed.err.text);
        mdsctl_share_count(share, dropped, 1);
        worker->outbox_done++;
        worker->outbox_limit = WHOLE;

    } else if (answer == MDSCTL_ANSWER_ERROR) {
        worker->retry_ms = mdsctl_share_now_ms() + SHARE_RETRY_MS;
    }

    acknowledge(share, share->served);
}

/* Adds the items that are due, and returns their number. */
static size_t
fill(batch_t *batch, const mdsctl_share_worker_t *worker)
{
    mds_str_t   bytes = { worker->outbox_bytes, (const char *) worker->outbox };
    mds_frame_t frame;
    mds_frame_list_t  list;
    mds_frame_item_t  item;
    mds_fleet_entry_t entry;
    size_t            taken, place = 0, count = 0;

    if (mds_frame_parse(bytes, NULL, &frame, &taken) != MDS_OK
        || !mds_frame_read_outbox(&frame, &list))
    {
        return 0;
    }

    while (count < worker->outbox_limit && mds_frame_next_item(&list, &item)) {
        if (place++ >= worker->outbox_done && decode(&item, &entry)) {
            add_entry(batch, &entry);
            count++;
        }
    }

    return count;
}

void
mdsctl_share_outbox_ask(mdsctl_share_t *share, int place)
{
    batch_t     batch = { .clock_ms = share->clock_ms };
    const char *values[PARAMETERS];
    bool        is_whole = true;

    mdsctl_share_feed_serve(share, place);
    share->served_items = fill(&batch, share->workers[place]);

    for (int i = 0; i < PARAMETERS; i++) {
        values[i] = mdsctl_array_end(&batch.arrays[i]);
        is_whole = is_whole && values[i] != NULL;
    }

    if (is_whole) {
        mdsctl_share_link_ask(share, &share->feed, STATEMENT, values,
                              PARAMETERS, receive_stored);
    }

    for (int i = 0; i < PARAMETERS; i++) {
        mds_buffer_free(&batch.arrays[i]);
    }
}
