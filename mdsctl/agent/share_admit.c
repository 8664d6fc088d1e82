/*
 * The queue of admissions: what workers ask while a statement runs is asked
 * together by the next one, so that there are as many commits as the database
 * can make, and no more. How many one statement has follows the time that the
 * last one took; a frame of many may be asked by several, and has verdicts for
 * those that were done when its time is over.
 *
 * An answer that is late is not lost: the id that the database has let in comes
 * with the feed, and is told yes when it asks again.
 */

#include <stdlib.h>

#include "agent/share_internal.h"

#define STATEMENT "select unnest(mds.admit($1, $2, $3, $4, $5))"

static void
push(mdsctl_share_queue_t *queue, mdsctl_share_ask_t *ask)
{
    ask->next = NULL;

    if (queue->last == NULL) {
        queue->first = ask;
    } else {
        queue->last->next = ask;
    }

    queue->last = ask;
    queue->frames++;
    queue->bytes += ask->bytes;
}

static mdsctl_share_ask_t *
pop(mdsctl_share_queue_t *queue)
{
    mdsctl_share_ask_t *ask = queue->first;

    if (ask != NULL) {
        queue->first = ask->next;

        if (queue->first == NULL) {
            queue->last = NULL;
        }

        queue->frames--;
        queue->bytes -= ask->bytes;
    }

    return ask;
}

/* Begins to read the admissions of an ask, which are known to be valid. */
static mds_frame_list_t
read_ask(const mdsctl_share_ask_t *ask)
{
    mds_str_t        bytes = { ask->bytes, (const char *) ask->frame };
    mds_frame_t      frame;
    mds_frame_list_t list = { 0 };
    size_t           taken;

    if (mds_frame_parse(bytes, NULL, &frame, &taken) == MDS_OK) {
        (void) mds_frame_read_admit(&frame, &list);
    }

    return list;
}

/* --- answers */

static void
count_verdict(mdsctl_share_t *share, mdsctl_share_ask_t *ask)
{
    uint64_t admitted = 0, unknown = 0;

    for (size_t i = 0; i < ask->count; i++) {
        admitted += ask->verdicts[i] == MDS_VERDICT_YES;
        unknown += ask->verdicts[i] == MDS_VERDICT_UNKNOWN;
    }

    mdsctl_share_count(share, admitted, admitted);
    mdsctl_share_count(share, unknown, unknown);
    mdsctl_share_count(share, refused, ask->count - admitted - unknown);
}

/* Sends the verdicts that the ask has, unless that was done. */
static void
answer(mdsctl_share_t *share, mdsctl_share_ask_t *ask)
{
    static uint8_t     room[MDS_FRAME_MAX];
    mds_frame_writer_t frame
        = mds_frame_begin(MDS_FRAME_ADMITTED, ask->number, room, sizeof(room));
    size_t bytes;

    if (ask->worker < 0) {
        return;
    }

    for (size_t i = 0; i < ask->count; i++) {
        (void) mds_frame_add_verdict(&frame, (mds_verdict_t) ask->verdicts[i]);
    }

    bytes = mds_frame_end(&frame);
    count_verdict(share, ask);

    if (mdsctl_share_worker_at(share, ask->worker, ask->generation) != NULL) {
        mdsctl_share_worker_send(share, ask->worker, room, bytes);
    }

    ask->worker = -1;
}

void
mdsctl_share_admit_fail(mdsctl_share_t *share)
{
    for (mdsctl_share_ask_t *ask = share->asks.first; ask != NULL;
         ask = ask->next) {
        answer(share, ask);
    }
}

void
mdsctl_share_admit_free(mdsctl_share_t *share)
{
    mdsctl_share_ask_t *ask;

    while ((ask = pop(&share->asks)) != NULL) {
        free(ask);
    }
}

/* Removes asks from the front that were answered, up to the statement that
 * runs. */
static void
remove_answered(mdsctl_share_t *share)
{
    while (share->asks.first != NULL && share->asks.first->worker < 0
           && share->asks.first->asked == 0)
    {
        free(pop(&share->asks));
    }
}

static size_t
count_asked(const mdsctl_share_t *share)
{
    size_t count = 0;

    for (const mdsctl_share_ask_t *ask = share->asks.first;
         ask != NULL && ask->asked > 0; ask = ask->next)
    {
        count += ask->asked;
    }

    return count;
}

/* Gives each ask of the statement its verdicts, from the row on. An ask that
 * has all of them, or for which there are no rows, is answered. */
static void
take_verdicts(mdsctl_share_t *share, const mdsctl_rows_t *rows)
{
    size_t row = 0;

    for (mdsctl_share_ask_t *ask = share->asks.first;
         ask != NULL && ask->asked > 0; ask = ask->next)
    {
        for (size_t i = 0; rows != NULL && i < ask->asked; i++) {
            ask->verdicts[ask->done + i]
                = (uint8_t) mdsctl_rows_integer(rows, row++, 0);
        }

        ask->done += ask->asked;
        ask->asked = 0;

        if (rows == NULL || ask->done == ask->count) {
            answer(share, ask);
        }
    }
}

static void
receive_verdicts(mdsctl_share_t *share, mdsctl_answer_t got,
                 const mdsctl_rows_t *rows)
{
    size_t count = count_asked(share);
    bool   is_whole
        = got == MDSCTL_ANSWER_ROWS && mdsctl_rows_count(rows) == count;

    if (!is_whole && got != MDSCTL_ANSWER_END) {
        mdsctl_share_log(share, "admissions were not answered: %s",
                         share->admissions.err.text);
        mdsctl_share_note_error(share, share->admissions.err.text);
        mdsctl_share_count(share, faults, 1);
    }

    if (is_whole) {
        mdsctl_share_batch_adapt(share, count,
                                 mdsctl_share_now_us()
                                     - share->admissions.sent_us);
    }

    take_verdicts(share, is_whole ? rows : NULL);
    remove_answered(share);
}

/* --- questions */

/* Returns whether the database takes the texts as they are. */
static bool
is_valid(const mds_frame_admit_t *admit)
{
    mds_str_t window = admit->window;
    mds_str_t app = mds_str_cut(&window, '\0');

    return app.len > 0 && window.len > 0 && admit->id.len > 0
           && admit->limit <= INT64_MAX && mds_str_is_utf8(app)
           && mds_str_is_utf8(window) && mds_str_is_utf8(admit->id);
}

bool
mdsctl_share_admit_take(mdsctl_share_t *share, int place,
                        const mds_frame_t *frame, mds_str_t bytes)
{
    mds_frame_list_t    list;
    mds_frame_admit_t   admit;
    size_t              count = 0;
    mdsctl_share_ask_t *ask;

    if (!mds_frame_read_admit(frame, &list)) {
        return false;
    }

    while (mds_frame_next_admit(&list, &admit)) {
        if (!is_valid(&admit)) {
            return false;
        }

        count++;
    }

    if (!mds_frame_list_is_whole(&list)) {
        return false;
    }

    ask = malloc(sizeof(*ask) + bytes.len + count);

    if (ask == NULL) {
        return false;
    }

    *ask
        = (mdsctl_share_ask_t){ .worker = place,
                                .generation = share->workers[place]->generation,
                                .number = frame->number,
                                .deadline_ms = mdsctl_share_now_ms()
                                               + MDSCTL_SHARE_BUDGET_MS,
                                .count = count,
                                .bytes = bytes.len,
                                .verdicts = ask->frame + bytes.len };
    memcpy(ask->frame, bytes.data, bytes.len);
    memset(ask->verdicts, MDS_VERDICT_UNKNOWN, count);

    if (!share->reachable || share->asks.frames >= SHARE_ASKS_MAX
        || share->asks.bytes + bytes.len > SHARE_ASK_BYTES_MAX)
    {
        answer(share, ask);
        free(ask);
        return true;
    }

    push(&share->asks, ask);
    return true;
}

/* The parameters of the statement. */
typedef struct {
    mds_buffer_t apps, releases, ids, limits, untils;
} batch_t;

/* Adds up to so many admissions of the ask. */
static void
add_ask(batch_t *batch, mdsctl_share_ask_t *ask, size_t most)
{
    mds_frame_list_t  list = read_ask(ask);
    mds_frame_admit_t admit;

    for (size_t i = 0; ask->asked < most && mds_frame_next_admit(&list, &admit);
         i++)
    {
        mds_str_t release = admit.window;
        mds_str_t app = mds_str_cut(&release, '\0');

        if (i < ask->done) {
            continue;
        }

        mdsctl_array_add_text(&batch->apps, app);
        mdsctl_array_add_text(&batch->releases, release);
        mdsctl_array_add_text(&batch->ids, admit.id);
        mdsctl_array_add_integer(&batch->limits, (int64_t) admit.limit);
        mdsctl_array_add_integer(&batch->untils, admit.until_ms);
        ask->asked++;
    }
}

static void
ask_batch(mdsctl_share_t *share)
{
    batch_t     batch = { 0 };
    size_t      count = 0;
    const char *values[5];
    bool        is_whole = true;

    for (mdsctl_share_ask_t *ask = share->asks.first;
         ask != NULL && count < share->batch; ask = ask->next)
    {
        add_ask(&batch, ask, share->batch - count);
        count += ask->asked;
    }

    values[0] = mdsctl_array_end(&batch.apps);
    values[1] = mdsctl_array_end(&batch.releases);
    values[2] = mdsctl_array_end(&batch.ids);
    values[3] = mdsctl_array_end(&batch.limits);
    values[4] = mdsctl_array_end(&batch.untils);

    for (size_t i = 0; i < mds_nelems(values); i++) {
        is_whole = is_whole && values[i] != NULL;
    }

    if (is_whole) {
        mdsctl_share_link_ask(share, &share->admissions, STATEMENT, values,
                              mds_nelems(values), receive_verdicts);
    } else {
        take_verdicts(share, NULL);
        remove_answered(share);
    }

    mds_buffer_free(&batch.apps);
    mds_buffer_free(&batch.releases);
    mds_buffer_free(&batch.ids);
    mds_buffer_free(&batch.limits);
    mds_buffer_free(&batch.untils);
}

void
mdsctl_share_admit_step(mdsctl_share_t *share, int64_t now_ms)
{
    for (mdsctl_share_ask_t *ask = share->asks.first;
         ask != NULL && ask->deadline_ms <= now_ms; ask = ask->next)
    {
        answer(share, ask);
    }

    remove_answered(share);

    if (share->admissions.state == SHARE_LINK_READY
        && share->asks.first != NULL) {
        ask_batch(share);
    }
}

int64_t
mdsctl_share_admit_next_ms(const mdsctl_share_t *share)
{
    const mdsctl_share_ask_t *ask = share->asks.first;

    while (ask != NULL && ask->worker < 0) {
        ask = ask->next;
    }

    return ask == NULL ? INT64_MAX : ask->deadline_ms;
}
