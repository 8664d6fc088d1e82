/*
 * The queue of admissions: what workers ask while a statement runs is asked
 * together by the next one, so that there are as many commits as the database
 * can make, and no more.
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

/* Sends verdicts for an ask. rows is NULL for "unknown". */
static void
answer(mdsctl_share_t *share, mdsctl_share_ask_t *ask,
       const mdsctl_rows_t *rows, size_t row)
{
    static uint8_t     room[MDS_FRAME_MAX];
    mds_frame_writer_t frame
        = mds_frame_begin(MDS_FRAME_ADMITTED, ask->number, room, sizeof(room));
    size_t bytes;

    if (ask->worker < 0) {
        return;
    }

    for (size_t i = 0; i < ask->count; i++) {
        mds_verdict_t verdict = MDS_VERDICT_UNKNOWN;

        if (rows != NULL) {
            verdict = (mds_verdict_t) mdsctl_rows_integer(rows, row + i, 0);
        }

        (void) mds_frame_add_verdict(&frame, verdict);
    }

    bytes = mds_frame_end(&frame);
    mdsctl_share_count(share, admissions, ask->count);

    if (rows == NULL) {
        mdsctl_share_count(share, unknown, ask->count);
    }

    if (mdsctl_share_worker_at(share, ask->worker, ask->generation) != NULL) {
        mdsctl_share_worker_send(share, ask->worker, room, bytes);
    }

    ask->worker = -1;
}

/* Answers all of a queue, and empties it. */
static void
answer_all(mdsctl_share_t *share, mdsctl_share_queue_t *queue,
           const mdsctl_rows_t *rows)
{
    mdsctl_share_ask_t *ask;
    size_t              row = 0;

    while ((ask = pop(queue)) != NULL) {
        answer(share, ask, rows, row);
        row += ask->count;
        free(ask);
    }
}

void
mdsctl_share_admit_fail(mdsctl_share_t *share)
{
    answer_all(share, &share->waiting, NULL);
}

void
mdsctl_share_admit_free(mdsctl_share_t *share)
{
    mdsctl_share_ask_t *ask;

    while ((ask = pop(&share->waiting)) != NULL
           || (ask = pop(&share->asked)) != NULL)
    {
        free(ask);
    }
}

static size_t
count_asked(const mdsctl_share_t *share)
{
    size_t count = 0;

    for (const mdsctl_share_ask_t *ask = share->asked.first; ask != NULL;
         ask = ask->next)
    {
        count += ask->count;
    }

    return count;
}

static void
receive_verdicts(mdsctl_share_t *share, mdsctl_answer_t got,
                 const mdsctl_rows_t *rows)
{
    bool is_whole = got == MDSCTL_ANSWER_ROWS
                    && mdsctl_rows_count(rows) == count_asked(share);

    if (!is_whole && got != MDSCTL_ANSWER_END) {
        mdsctl_share_log(share, "admissions were not answered: %s",
                         share->admissions.err.text);
        mdsctl_share_count(share, faults, 1);
    }

    answer_all(share, &share->asked, is_whole ? rows : NULL);
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

    ask = malloc(sizeof(*ask) + bytes.len);

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
                                .bytes = bytes.len };
    memcpy(ask->frame, bytes.data, bytes.len);

    if (!share->reachable || share->waiting.frames >= SHARE_ASKS_MAX
        || share->waiting.bytes + bytes.len > SHARE_ASK_BYTES_MAX)
    {
        answer(share, ask, NULL, 0);
        free(ask);
        return true;
    }

    push(&share->waiting, ask);
    return true;
}

/* The parameters of the statement. */
typedef struct {
    mds_buffer_t apps, releases, ids, limits, untils;
} batch_t;

static void
add_ask(batch_t *batch, const mdsctl_share_ask_t *ask)
{
    mds_frame_list_t  list = read_ask(ask);
    mds_frame_admit_t admit;

    while (mds_frame_next_admit(&list, &admit)) {
        mds_str_t release = admit.window;
        mds_str_t app = mds_str_cut(&release, '\0');

        mdsctl_array_add_text(&batch->apps, app);
        mdsctl_array_add_text(&batch->releases, release);
        mdsctl_array_add_text(&batch->ids, admit.id);
        mdsctl_array_add_integer(&batch->limits, (int64_t) admit.limit);
        mdsctl_array_add_integer(&batch->untils, admit.until_ms);
    }
}

static void
ask_batch(mdsctl_share_t *share)
{
    batch_t     batch = { 0 };
    size_t      count = 0;
    const char *values[5];
    bool        is_whole = true;

    while (share->waiting.first != NULL
           && (count == 0
               || count + share->waiting.first->count <= SHARE_BATCH_MAX))
    {
        mdsctl_share_ask_t *ask = pop(&share->waiting);

        add_ask(&batch, ask);
        count += ask->count;
        push(&share->asked, ask);
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
        answer_all(share, &share->asked, NULL);
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
    while (share->waiting.first != NULL
           && share->waiting.first->deadline_ms <= now_ms)
    {
        mdsctl_share_ask_t *ask = pop(&share->waiting);

        answer(share, ask, NULL, 0);
        free(ask);
    }

    for (mdsctl_share_ask_t *ask = share->asked.first; ask != NULL;
         ask = ask->next) {
        if (ask->deadline_ms <= now_ms) {
            answer(share, ask, NULL, 0);
        }
    }

    if (share->admissions.state == SHARE_LINK_READY
        && share->waiting.first != NULL) {
        ask_batch(share);
    }
}

int64_t
mdsctl_share_admit_next_ms(const mdsctl_share_t *share)
{
    int64_t next = INT64_MAX;

    if (share->waiting.first != NULL) {
        next = share->waiting.first->deadline_ms;
    }

    for (const mdsctl_share_ask_t *ask = share->asked.first; ask != NULL;
         ask = ask->next)
    {
        if (ask->worker >= 0 && ask->deadline_ms < next) {
            next = ask->deadline_ms;
        }
    }

    return next;
}
