/*
 * The functions of mds_lmdb_remote.h. Each sends a request, except that a walk
 * requests many pairs at a time.
 */

#include "proxy/mds_proxy_cache.h"
#include "proxy/mds_proxy_internal.h"

#include <errno.h>
#include <stdlib.h>

typedef struct {
    mds_lmdb_remote_t    remote; /* comes first */
    mds_proxy_t         *proxy;
    uint32_t             number; /* of the handle in the second process */
    mds_proxy_payload_t *kept;   /* until the transaction ends, for views */
    mds_proxy_cache_t    cache;  /* of what is kept */
} mds_proxy_handle_t;

struct mds_lmdb_remote_walk_s {
    mds_proxy_handle_t  *handle;
    unsigned             table;
    mds_str_t            from;  /* where the next request begins */
    bool                 after; /* behind that key, not at it */
    bool                 more;  /* there may be pairs behind those received */
    mds_proxy_payload_t *pairs; /* received */
    char                *next;  /* pair to return */
    char                *end;
    char                 last[MDS_LMDB_KEY_MAX]; /* mds_proxy_next_pair() */
};

static mds_proxy_handle_t *
mds_proxy_handle(mds_lmdb_remote_t *remote)
{
    return (mds_proxy_handle_t *) remote;
}

static void
mds_proxy_keep(mds_proxy_handle_t *handle, mds_proxy_payload_t *payload)
{
    payload->next = handle->kept;
    handle->kept = payload;
}

static void
mds_proxy_free_kept(mds_proxy_handle_t *handle)
{
    mds_proxy_cache_clear(&handle->cache);

    while (handle->kept != NULL) {
        mds_proxy_payload_t *next = handle->kept->next;

        free(handle->kept);
        handle->kept = next;
    }
}

static mds_status_t
mds_proxy_call_env(mds_lmdb_remote_t *remote, mds_lmdb_op_t op, int fd,
                   mds_error_t *err, uint64_t *number)
{
    mds_proxy_handle_t  *handle = mds_proxy_handle(remote);
    mds_proxy_request_t  request = { .op = op, .handle = handle->number };
    mds_proxy_answer_t   answer;
    mds_proxy_payload_t *payload;
    mds_status_t         status
        = mds_proxy_call(handle->proxy, request, mds_null_str, mds_null_str, fd,
                         err, &answer, &payload);

    if (op == MDS_LMDB_COMMIT || op == MDS_LMDB_ABORT) {
        mds_proxy_free_kept(handle);
    }

    if (status == MDS_OK) {
        free(payload);

        if (number != NULL) {
            *number = answer.number;
        }
    }

    return status;
}

/* Returns the code that mds_lmdb_status() turns into the status again. */
static int
mds_proxy_code(mds_status_t status)
{
    switch (status) {
    case MDS_NO_MEMORY:
        return ENOMEM;
    case MDS_DAMAGED:
        return MDS_LMDB_CORRUPTED;
    default:
        return EIO;
    }
}

/* Calls within a transaction, and returns the code of that in the other
 * process. The caller frees *payload if it is 0. */
static int
mds_proxy_call_txn(mds_proxy_handle_t *handle, mds_proxy_request_t request,
                   mds_str_t key, mds_str_t value, mds_proxy_answer_t *answer,
                   mds_proxy_payload_t **payload)
{
    mds_status_t status;

    request.handle = handle->number;
    status = mds_proxy_call(handle->proxy, request, key, value, -1, NULL,
                            answer, payload);

    if (status != MDS_OK) {
        return mds_proxy_code(status);
    }

    if (answer->code != 0) {
        free(*payload);
    }

    return answer->code;
}

static int
mds_proxy_record(mds_lmdb_remote_t *remote, mds_lmdb_op_t op, unsigned table,
                 mds_str_t key, mds_str_t value, uint64_t *number)
{
    mds_proxy_request_t  request = { .op = op, .table = table };
    mds_proxy_answer_t   answer;
    mds_proxy_payload_t *payload;
    mds_proxy_handle_t  *handle = mds_proxy_handle(remote);
    int                  code
        = mds_proxy_call_txn(handle, request, key, value, &answer, &payload);

    /* It may have been changed. */
    mds_proxy_cache_clear(&handle->cache);

    if (code != 0) {
        return code;
    }

    free(payload);

    if (number != NULL) {
        *number = answer.number;
    }

    return 0;
}

static int
mds_proxy_get(mds_lmdb_remote_t *remote, unsigned table, mds_str_t key,
              mds_str_t *value)
{
    mds_proxy_handle_t  *handle = mds_proxy_handle(remote);
    mds_proxy_request_t  request = { .op = MDS_LMDB_GET, .table = table };
    mds_proxy_answer_t   answer;
    mds_proxy_payload_t *payload;
    bool                 found;
    int                  code;

    if (mds_proxy_cache_get(&handle->cache, table, key, &found, value)) {
        return found ? 0 : MDS_LMDB_NOT_FOUND;
    }

    code = mds_proxy_call_txn(handle, request, key, mds_null_str, &answer,
                              &payload);

    if (code != 0) {
        return code;
    }

    if (answer.number == 0) {
        free(payload);
        mds_proxy_cache_put(&handle->cache, table, key, false, mds_null_str);
        return MDS_LMDB_NOT_FOUND;
    }

    mds_proxy_keep(handle, payload);
    *value = (mds_str_t){ answer.len, payload->bytes };
    mds_proxy_cache_put(&handle->cache, table, key, true, *value);
    return 0;
}

static mds_lmdb_remote_walk_t *
mds_proxy_walk(mds_lmdb_remote_t *remote, unsigned table, mds_str_t from)
{
    mds_lmdb_remote_walk_t *walk = calloc(1, sizeof(*walk));

    if (walk != NULL) {
        walk->handle = mds_proxy_handle(remote);
        walk->table = table;
        walk->from = from;
        walk->more = true;
    }

    return walk;
}

/* Asks for the pairs behind those that were received. */
static int
mds_proxy_fetch(mds_lmdb_remote_walk_t *walk)
{
    mds_proxy_request_t request
        = { .op = MDS_LMDB_WALK, .table = walk->table, .flags = walk->after };
    mds_proxy_answer_t   answer;
    mds_proxy_payload_t *payload;
    int code = mds_proxy_call_txn(walk->handle, request, walk->from,
                                  mds_null_str, &answer, &payload);

    if (code != 0) {
        return code;
    }

    free(walk->pairs);
    walk->pairs = payload;
    walk->next = payload->bytes;
    walk->end = payload->bytes + answer.len;
    walk->more = answer.number != 0;

    return 0;
}

/* Takes the next pair, whose lengths are not trusted. */
static int
mds_proxy_next_pair(mds_lmdb_remote_walk_t *walk, mds_str_t *key,
                    mds_str_t *value)
{
    uint32_t len[2];
    size_t   left = (size_t) (walk->end - walk->next);

    if (left < sizeof(len)) {
        return MDS_LMDB_CORRUPTED;
    }

    memcpy(len, walk->next, sizeof(len));
    left -= sizeof(len);

    if (len[0] == 0 || len[0] > sizeof(walk->last) || len[0] > left
        || len[1] > left - len[0])
    {
        return MDS_LMDB_CORRUPTED;
    }

    *key = (mds_str_t){ len[0], walk->next + sizeof(len) };
    *value = (mds_str_t){ len[1], key->data + len[0] };
    walk->next += sizeof(len) + len[0] + len[1];

    memcpy(walk->last, key->data, len[0]);
    walk->from = (mds_str_t){ len[0], walk->last };
    walk->after = true;

    return 0;
}

static int
mds_proxy_next(mds_lmdb_remote_walk_t *walk, mds_str_t *key, mds_str_t *value)
{
    if (walk->next == walk->end && walk->more) {
        int code = mds_proxy_fetch(walk);

        if (code != 0) {
            return code;
        }
    }

    return walk->next == walk->end ? MDS_LMDB_NOT_FOUND
                                   : mds_proxy_next_pair(walk, key, value);
}

/* Keeps the pairs received last, of which the caller may have a view. */
static void
mds_proxy_walk_end(mds_lmdb_remote_walk_t *walk)
{
    if (walk->pairs != NULL) {
        mds_proxy_keep(walk->handle, walk->pairs);
    }

    free(walk);
}

static void
mds_proxy_close(mds_lmdb_remote_t *remote)
{
    mds_proxy_handle_t *handle = mds_proxy_handle(remote);

    mds_proxy_free_kept(handle);
    mds_proxy_cache_free(&handle->cache);

    if (--handle->proxy->handles == 0) {
        mds_proxy_stop(handle->proxy);
    }

    free(handle);
}

static mds_status_t
mds_proxy_share(mds_lmdb_remote_t *remote, mds_error_t *err,
                mds_lmdb_remote_t **shared)
{
    return mds_proxy_handle_new(mds_proxy_handle(remote)->proxy, err, shared);
}

static const mds_lmdb_remote_ops_t mds_proxy_ops = {
    mds_proxy_call_env, mds_proxy_record,   mds_proxy_get,   mds_proxy_walk,
    mds_proxy_next,     mds_proxy_walk_end, mds_proxy_share, mds_proxy_close,
};

mds_status_t
mds_proxy_handle_new(mds_proxy_t *proxy, mds_error_t *err,
                     mds_lmdb_remote_t **remote)
{
    mds_proxy_handle_t *handle = malloc(sizeof(*handle));

    if (handle == NULL) {
        return mds_fail_memory(err);
    }

    *handle = (mds_proxy_handle_t){
        .remote = { &mds_proxy_ops, proxy->path },
        .proxy = proxy,
        .number = proxy->handles++,
    };

    *remote = &handle->remote;
    return MDS_OK;
}
