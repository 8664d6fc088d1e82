/*
 * The feed's link: one statement after the other, for one worker after the
 * other: entries of the feed, what is in an outbox, and now and then a note of
 * the edge.
 *
 * A notification says that the feed has news. Since one may be lost with a
 * connection, each note of the edge asks for the number of the latest entry,
 * too.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/share_internal.h"
#include "database/schema.h"
#include "mdsctl.h"

#define NOTE_MS 5000
#define EXPIRE_MS 60000

#define FEED_STATEMENT                                                         \
    "select number, type, app, name, detail, x, y, at,"                        \
    " (select number from mds.counter) from mds.read_entries($1, $2)"

#define NOTE_STATEMENT                                                         \
    "select number, mds.note_edge($1, $2, $3, $4), mds.now_ms(),"              \
    " (select version from mds.about) from mds.counter"

#define EXPIRE_STATEMENT "select mds.expire_devices()"

/* Columns of NOTE_STATEMENT. */
enum { NOTE_NUMBER, NOTE_NOTED, NOTE_NOW, NOTE_VERSION };

/* Columns of FEED_STATEMENT. */
enum { NUMBER, TYPE, APP, NAME, DETAIL, X, Y, AT, LAST };

void
mdsctl_share_feed_serve(mdsctl_share_t *share, int place)
{
    share->served = place;
    share->served_generation = share->workers[place]->generation;
    share->turn = place + 1;
}

void
mdsctl_share_feed_notice(mdsctl_share_t *share)
{
    for (int place = 0; place < SHARE_WORKERS_MAX; place++) {
        if (share->workers[place] != NULL) {
            share->workers[place]->is_behind
                = share->workers[place]->wants_feed;
        }
    }
}

static void
set_last(mdsctl_share_t *share, uint64_t last)
{
    share->last = last;

    (void) pthread_mutex_lock(&share->lock);
    share->figures.last = last;
    (void) pthread_mutex_unlock(&share->lock);
}

bool
mdsctl_share_feed_acknowledge(mdsctl_share_t *share, int place,
                              const mds_frame_t *frame)
{
    mdsctl_share_worker_t *worker = share->workers[place];
    uint64_t               position;

    if (!mds_frame_get_position(frame, &position) || worker->sent == 0
        || position != worker->sent)
    {
        return false;
    }

    worker->position = position;
    worker->sent = 0;

    (void) pthread_mutex_lock(&share->lock);
    share->figures.position = position;
    (void) pthread_mutex_unlock(&share->lock);

    return true;
}

/* --- entries */

/* Reads a multirange, {[1,5),[7,8)}, into runs; the bytes have room for as many
 * as it can have. Returns the bytes of the runs. */
static size_t
parse_runs(mds_str_t text, uint8_t *bytes, size_t size)
{
    mds_fields_writer_t to = mds_fields_write(bytes, size);
    const char         *p = text.data;
    size_t              len = 0;

    while ((p = strchr(p, '[')) != NULL && len + MDS_ENTRY_RUN_BYTES <= size) {
        char    *end;
        uint64_t first = strtoull(p + 1, &end, 10);
        uint64_t behind = *end == ',' ? strtoull(end + 1, &end, 10) : 0;

        if (*end != ')' || behind <= first) {
            break;
        }

        mds_fields_put_number(&to, first, 8);
        mds_fields_put_number(&to, behind - 1, 8);
        len += MDS_ENTRY_RUN_BYTES;
        p = end;
    }

    return len;
}

/* Room for the texts of an entry. */
typedef struct {
    char    key[MDS_APP_MAX + 1 + MDS_VALUE_MAX];
    uint8_t runs[MDS_ENTRY_BYTES_MAX - 2048];
    uint8_t entry[MDS_ENTRY_BYTES_MAX];
} room_t;

/* Writes app 00 name. */
static bool
make_key(mds_str_t app, mds_str_t name, room_t *room, mds_str_t *key)
{
    if (app.len + 1 + name.len > sizeof(room->key)) {
        return false;
    }

    memcpy(room->key, app.data, app.len);
    room->key[app.len] = '\0';
    memcpy(room->key + app.len + 1, name.data, name.len);
    *key = (mds_str_t){ app.len + 1 + name.len, room->key };

    return true;
}

/* Makes the entry of a row. The time of what an edge compares with times of its
 * own is given by the clock here. */
static bool
make_entry(const mdsctl_share_t *share, const mdsctl_rows_t *rows, size_t row,
           room_t *room, mds_fleet_entry_t *entry)
{
    mds_str_t detail = mdsctl_rows_text(rows, row, DETAIL);
    uint64_t  x = (uint64_t) mdsctl_rows_integer(rows, row, X);
    uint64_t  y = (uint64_t) mdsctl_rows_integer(rows, row, Y);
    int64_t   at_ms = mdsctl_rows_integer(rows, row, AT);
    mds_str_t key;

    if (!make_key(mdsctl_rows_text(rows, row, APP),
                  mdsctl_rows_text(rows, row, NAME), room, &key))
    {
        return false;
    }

    entry->type = (mds_entry_type_t) mdsctl_rows_integer(rows, row, TYPE);

    switch (entry->type) {
    case MDS_ENTRY_MARK:
        entry->mark = (mds_entry_mark_t){ key,
                                          x,
                                          y,
                                          { parse_runs(detail, room->runs,
                                                       sizeof(room->runs)),
                                            (const char *) room->runs } };
        return true;
    case MDS_ENTRY_ADMISSION:
        entry->admission = (mds_entry_admission_t){ key, detail, at_ms };
        return true;
    case MDS_ENTRY_WINDOW_FULL:
        entry->window_full = (mds_entry_window_full_t){ key, x, at_ms };
        return true;
    case MDS_ENTRY_HALT:
        entry->halt = (mds_entry_halt_t){ key, x, y, at_ms };
        return true;
    case MDS_ENTRY_RESUME:
        entry->resume = (mds_entry_resume_t){ key, at_ms };
        return true;
    case MDS_ENTRY_FORGET:
        entry->forget = (mds_entry_forget_t){ key, at_ms - share->clock_ms };
        return true;
    default:
        return false;
    }
}

/* Adds the entry of a row to the frame. False: the frame is full. */
static bool
add_row(mdsctl_share_t *share, const mdsctl_rows_t *rows, size_t row,
        room_t *room, mds_frame_writer_t *frame)
{
    mds_fleet_entry_t entry;
    mds_frame_item_t  item
        = { .number = (uint64_t) mdsctl_rows_integer(rows, row, NUMBER) };
    size_t bytes = 0;

    if (make_entry(share, rows, row, room, &entry)) {
        item.type = entry.type;
        bytes
            = mds_fleet_entry_encode(&entry, room->entry, sizeof(room->entry));
    }

    if (bytes == 0) {
        mdsctl_share_log(share,
                         "entry %" PRIu64 " of the feed was skipped: edges do"
                         " not know its form",
                         item.number);
        return true;
    }

    item.entry = (mds_str_t){ bytes, (const char *) room->entry };
    return mds_frame_add_item(frame, &item);
}

/* Sends as many entries as one frame holds; the rest is read again. */
static void
send_entries(mdsctl_share_t *share, int place, const mdsctl_rows_t *rows)
{
    static uint8_t         bytes[MDS_FRAME_MAX];
    static room_t          room;
    mdsctl_share_worker_t *worker = share->workers[place];
    size_t                 count = mdsctl_rows_count(rows), row = 0;
    mds_frame_feed_t       feed = { worker->position, share->last };
    mds_frame_writer_t     frame
        = mds_frame_begin_feed(&feed, bytes, sizeof(bytes));

    while (row < count && add_row(share, rows, row, &room, &frame)) {
        row++;
    }

    if (row == 0) {
        return;
    }

    worker->sent = (uint64_t) mdsctl_rows_integer(rows, row - 1, NUMBER);
    mdsctl_share_worker_send(share, place, bytes, mds_frame_end(&frame));
}

static void
receive_entries(mdsctl_share_t *share, mdsctl_answer_t answer,
                const mdsctl_rows_t *rows)
{
    mdsctl_share_worker_t *worker
        = mdsctl_share_worker_at(share, share->served,
                                 share->served_generation);

    if (worker == NULL) {
        return;
    }

    if (answer != MDSCTL_ANSWER_ROWS) {
        worker->is_behind = true;
        worker->retry_ms = mdsctl_share_now_ms() + SHARE_RETRY_MS;
        return;
    }

    if (mdsctl_rows_count(rows) == 0) {
        return;
    }

    set_last(share, (uint64_t) mdsctl_rows_integer(rows, 0, LAST));
    send_entries(share, share->served, rows);
    worker->is_behind |= worker->sent < share->last;
}

static void
ask_entries(mdsctl_share_t *share, int place)
{
    char        after[32], count[32];
    const char *values[] = { after, count };

    (void) snprintf(after, sizeof(after), "%" PRIu64,
                    share->workers[place]->position);
    (void) snprintf(count, sizeof(count), "%d", SHARE_FEED_ITEMS);
    mdsctl_share_feed_serve(share, place);
    share->workers[place]->is_behind = false; /* until there is a notice */
    mdsctl_share_link_ask(share, &share->feed, FEED_STATEMENT, values, 2,
                          receive_entries);
}

/* --- the edge */

static void
receive_note(mdsctl_share_t *share, mdsctl_answer_t answer,
             const mdsctl_rows_t *rows)
{
    uint64_t last;

    if (answer != MDSCTL_ANSWER_ROWS || mdsctl_rows_count(rows) == 0) {
        return;
    }

    if (mdsctl_schema_check_version(mdsctl_rows_integer(rows, 0, NOTE_VERSION),
                                    &share->feed.err)
        != MDS_OK)
    {
        mdsctl_share_links_fail(share, &share->feed.err);
        return;
    }

    last = (uint64_t) mdsctl_rows_integer(rows, 0, NOTE_NUMBER);
    mdsctl_share_note_clock(share, mdsctl_rows_integer(rows, 0, NOTE_NOW));
    mdsctl_share_note_round_trip(share,
                                 mdsctl_share_now_us() - share->feed.sent_us);

    if (last != share->last) {
        set_last(share, last);
        mdsctl_share_feed_notice(share);
    }
}

static void
ask_note(mdsctl_share_t *share)
{
    char        position[32], outbox[32];
    const char *values[] = { share->edge, position, outbox, MDSCTL_VERSION };
    uint64_t    applied = 0;
    size_t      items = 0;

    for (int place = 0; place < SHARE_WORKERS_MAX; place++) {
        const mdsctl_share_worker_t *worker = share->workers[place];

        if (worker != NULL && worker->wants_feed && worker->position > applied)
        {
            applied = worker->position;
        }

        if (worker != NULL && worker->outbox != NULL) {
            items += worker->outbox_items;
        }
    }

    (void) snprintf(position, sizeof(position), "%" PRIu64, applied);
    (void) snprintf(outbox, sizeof(outbox), "%zu", items);
    mdsctl_share_link_ask(share, &share->feed, NOTE_STATEMENT, values, 4,
                          receive_note);
}

static void
receive_nothing(mdsctl_share_t *share, mdsctl_answer_t answer,
                const mdsctl_rows_t *rows)
{
    (void) share;
    (void) answer;
    (void) rows;
}

/* --- turns */

/* Asks what the worker needs. Returns whether that was something. */
static bool
serve(mdsctl_share_t *share, int place, int64_t now_ms)
{
    mdsctl_share_worker_t *worker = share->workers[place];
    bool                   feed_due, outbox_due;

    if (worker == NULL || !worker->welcomed) {
        return false;
    }

    feed_due
        = worker->is_behind && worker->sent == 0 && now_ms >= worker->retry_ms;
    outbox_due = worker->outbox != NULL && now_ms >= worker->retry_ms;

    /* The two take turns. */
    if (feed_due && (!outbox_due || !worker->had_feed)) {
        worker->had_feed = true;
        ask_entries(share, place);
        return true;
    }

    if (outbox_due) {
        worker->had_feed = false;
        mdsctl_share_outbox_ask(share, place);
        return true;
    }

    return false;
}

void
mdsctl_share_feed_step(mdsctl_share_t *share, int64_t now_ms)
{
    if (share->feed.state != SHARE_LINK_READY) {
        return;
    }

    if (now_ms >= share->note_ms) {
        share->note_ms = now_ms + NOTE_MS;
        ask_note(share);
        return;
    }

    if (now_ms >= share->expire_ms) {
        share->expire_ms = now_ms + EXPIRE_MS + rand() % EXPIRE_MS;
        mdsctl_share_link_ask(share, &share->feed, EXPIRE_STATEMENT, NULL, 0,
                              receive_nothing);
        return;
    }

    for (int i = 0; i < SHARE_WORKERS_MAX; i++) {
        if (serve(share, (share->turn + i) % SHARE_WORKERS_MAX, now_ms)) {
            return;
        }
    }
}
