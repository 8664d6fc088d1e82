/*
 * A handle of an environment that a proxy has: each call is a question, but a
 * walk, which asks for many pairs at a time.
 */

#include "lmdb/mds_lmdb_internal.h"

#include <errno.h>
#include <stdlib.h>

/* The transaction's failure is the other end's, or that there is none. */
static bool
mds_lmdb_proxy_ask(mds_lmdb_t *lmdb, mds_proxy_request_t request, mds_str_t key,
                   mds_str_t value, mds_proxy_answer_t *answer, char **payload)
{
    mds_status_t status = MDS_OK;

    if (lmdb->code != 0) {
        return false;
    }

    request.handle = lmdb->handle;
    status = mds_proxy_ask(lmdb->proxy, &request, key, value, -1, NULL, answer,
                           payload);
    lmdb->code = status != MDS_OK ? MDB_CORRUPTED : answer->code;

    if (status == MDS_OK && lmdb->code != 0) {
        free(*payload);
    }

    return lmdb->code == 0;
}

mds_status_t
mds_lmdb_proxy_do(mds_lmdb_t *lmdb, mds_proxy_op_t op, mds_error_t *err)
{
    mds_proxy_request_t request = { .op = op, .handle = lmdb->handle };
    mds_proxy_answer_t  answer;
    char               *payload;
    mds_status_t        status
        = mds_proxy_ask(lmdb->proxy, &request, mds_null_str, mds_null_str, -1,
                        err, &answer, &payload);

    if (status == MDS_OK) {
        free(payload);
        lmdb->code = 0;
    }

    return status;
}

/* Whatever is said of it: the other end has none under way any more, or is
 * gone. */
void
mds_lmdb_proxy_end(mds_lmdb_t *lmdb)
{
    mds_status_t ended = mds_lmdb_proxy_do(lmdb, MDS_PROXY_ABORT, NULL);

    (void) ended;

    while (lmdb->kept != NULL) {
        mds_lmdb_kept_t *next = lmdb->kept->next;

        free(lmdb->kept->payload);
        free(lmdb->kept);
        lmdb->kept = next;
    }
}

mds_status_t
mds_lmdb_proxy_copy(mds_lmdb_t *lmdb, int fd, mds_error_t *err)
{
    mds_proxy_request_t request
        = { .op = MDS_PROXY_COPY, .handle = lmdb->handle };
    mds_proxy_answer_t answer;
    char              *payload;
    mds_status_t       status
        = mds_proxy_ask(lmdb->proxy, &request, mds_null_str, mds_null_str, fd,
                        err, &answer, &payload);

    if (status == MDS_OK) {
        free(payload);
    }

    return status;
}

uint64_t
mds_lmdb_proxy_bytes(const mds_lmdb_t *lmdb)
{
    mds_proxy_request_t request
        = { .op = MDS_PROXY_BYTES, .handle = lmdb->handle };
    mds_proxy_answer_t answer;
    char              *payload;

    if (mds_proxy_ask(lmdb->proxy, &request, mds_null_str, mds_null_str, -1,
                      NULL, &answer, &payload)
        != MDS_OK)
    {
        return 0;
    }

    free(payload);
    return answer.number;
}

/* NULL: no memory, and the payload is freed. */
static const char *
mds_lmdb_proxy_keep(mds_lmdb_t *lmdb, char *payload)
{
    mds_lmdb_kept_t *kept = malloc(sizeof(*kept));

    if (kept == NULL) {
        free(payload);
        lmdb->code = ENOMEM;
        return NULL;
    }

    *kept = (mds_lmdb_kept_t){ lmdb->kept, payload };
    lmdb->kept = kept;
    return payload;
}

bool
mds_lmdb_proxy_get(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                   mds_str_t *value)
{
    mds_proxy_request_t request = { .op = MDS_PROXY_GET, .table = table };
    mds_proxy_answer_t  answer;
    char               *payload;
    const char         *kept;

    if (!mds_lmdb_proxy_ask(lmdb, request, key, mds_null_str, &answer,
                            &payload)) {
        return false;
    }

    if (answer.number == 0) {
        free(payload);
        return false;
    }

    kept = mds_lmdb_proxy_keep(lmdb, payload);
    if (kept == NULL) {
        return false;
    }

    *value = (mds_str_t){ answer.len, kept };
    return true;
}

/* A question whose answer is no more than whether it failed, or a number. */
static uint64_t
mds_lmdb_proxy_number(mds_lmdb_t *lmdb, mds_proxy_op_t op, unsigned table,
                      mds_str_t key, mds_str_t value)
{
    mds_proxy_request_t request = { .op = op, .table = table };
    mds_proxy_answer_t  answer;
    char               *payload;

    if (!mds_lmdb_proxy_ask(lmdb, request, key, value, &answer, &payload)) {
        return 0;
    }

    free(payload);
    return answer.number;
}

void
mds_lmdb_proxy_put(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                   mds_str_t value)
{
    (void) mds_lmdb_proxy_number(lmdb, MDS_PROXY_PUT, table, key, value);
}

void
mds_lmdb_proxy_delete(mds_lmdb_t *lmdb, unsigned table, mds_str_t key)
{
    (void) mds_lmdb_proxy_number(lmdb, MDS_PROXY_DELETE, table, key,
                                 mds_null_str);
}

uint64_t
mds_lmdb_proxy_count(mds_lmdb_t *lmdb, unsigned table)
{
    return mds_lmdb_proxy_number(lmdb, MDS_PROXY_COUNT, table, mds_null_str,
                                 mds_null_str);
}

/* The pairs from where the last ones ended. */
static bool
mds_lmdb_proxy_fetch(mds_lmdb_cursor_t *cursor)
{
    mds_str_t from
        = cursor->begun
              ? (mds_str_t){ cursor->last_len, cursor->last }
              : (mds_str_t){ cursor->from.mv_size, cursor->from.mv_data };
    mds_proxy_request_t request = { .op = MDS_PROXY_WALK,
                                    .table = cursor->table,
                                    .flags = cursor->begun ? 1 : 0 };
    mds_proxy_answer_t  answer;
    char               *payload;

    if (!mds_lmdb_proxy_ask(cursor->lmdb, request, from, mds_null_str, &answer,
                            &payload))
    {
        return false;
    }

    free(cursor->pairs);
    cursor->pairs = payload;
    cursor->next = payload;
    cursor->end = payload + answer.len;
    cursor->more = answer.number != 0;
    cursor->begun = true;

    return true;
}

/* The next of the pairs, whose lengths are the other end's word. */
static bool
mds_lmdb_proxy_pair(mds_lmdb_cursor_t *cursor, mds_str_t *key, mds_str_t *value)
{
    uint32_t len[2];
    size_t   room = (size_t) (cursor->end - cursor->next);

    if (room < sizeof(len)) {
        return false;
    }

    memcpy(len, cursor->next, sizeof(len));
    room -= sizeof(len);

    if (len[0] == 0 || len[0] > sizeof(cursor->last) || len[0] > room
        || len[1] > room - len[0])
    {
        return false;
    }

    *key = (mds_str_t){ len[0], cursor->next + sizeof(len) };
    *value = (mds_str_t){ len[1], key->data + len[0] };
    cursor->next += sizeof(len) + len[0] + len[1];
    memcpy(cursor->last, key->data, len[0]);
    cursor->last_len = len[0];

    return true;
}

bool
mds_lmdb_proxy_next(mds_lmdb_cursor_t *cursor, mds_str_t *key, mds_str_t *value)
{
    if (cursor->next == cursor->end
        && ((cursor->begun && !cursor->more) || !mds_lmdb_proxy_fetch(cursor)))
    {
        return false;
    }

    if (cursor->next == cursor->end) {
        return false;
    }

    if (!mds_lmdb_proxy_pair(cursor, key, value)) {
        cursor->lmdb->code = MDB_CORRUPTED;
        return false;
    }

    return true;
}

/* The last pair may be looked at until the transaction ends. */
void
mds_lmdb_proxy_walk_end(mds_lmdb_cursor_t *cursor)
{
    if (cursor->pairs != NULL) {
        (void) mds_lmdb_proxy_keep(cursor->lmdb, cursor->pairs);
    }
}
