/*
 * The second process: it becomes the owner of its working directory, and makes
 * the calls of mds_lmdb.h that it is sent.
 */

#define _GNU_SOURCE /* setresuid() */

#include "proxy/mds_proxy_internal.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_buffer.h"

typedef struct {
    mds_lmdb_t         *lmdb[2]; /* two handles; NULL: not opened yet */
    mds_proxy_request_t request;
    mds_proxy_answer_t  answer;
    mds_error_t         err;
    int                 fd; /* that came along; below zero: none */
    char                key[MDS_LMDB_KEY_MAX]; /* mds_serve_receive() */
    char               *value;
    const char         *payload;
    mds_buffer_t        pairs;
} mds_serve_t;

/* Becomes the owner of the working directory, which is the environment's, and
 * gives up all privileges of root. */
static bool
mds_serve_become_owner(void)
{
    struct rlimit none = { 0, 0 };
    struct stat   st;

    if (stat(".", &st) != 0 || setrlimit(RLIMIT_CORE, &none) != 0
        || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    {
        return false;
    }

    if (geteuid() == 0
        && (setgroups(0, NULL) != 0
            || setresgid(st.st_gid, st.st_gid, st.st_gid) != 0
            || setresuid(st.st_uid, st.st_uid, st.st_uid) != 0))
    {
        return false;
    }

    return geteuid() == st.st_uid && getuid() == st.st_uid
           && (st.st_uid == 0 || setuid(0) != 0);
}

/* Reads a value that there is no memory for, so that the other end is not
 * stopped while it sends. */
static bool
mds_serve_skip(size_t len)
{
    char   bytes[4096];
    size_t n;

    for (; len > 0; len -= n) {
        n = len < sizeof(bytes) ? len : sizeof(bytes);

        if (!mds_proxy_receive(MDS_PROXY_FD, bytes, n)) {
            return false;
        }
    }

    return true;
}

static bool
mds_serve_receive(mds_serve_t *s)
{
    union {
        struct cmsghdr align;
        char           bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec    part = { &s->request, sizeof(s->request) };
    struct msghdr   message = { .msg_iov = &part,
                                .msg_iovlen = 1,
                                .msg_control = control.bytes,
                                .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *header;
    ssize_t n = recvmsg(MDS_PROXY_FD, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);

    if (n != (ssize_t) sizeof(s->request) || s->request.key_len > sizeof(s->key)
        || s->request.value_len > MDS_PROXY_VALUE_MAX || s->request.handle > 1)
    {
        return false;
    }

    header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
        memcpy(&s->fd, CMSG_DATA(header), sizeof(s->fd));
    }

    if (!mds_proxy_receive(MDS_PROXY_FD, s->key, s->request.key_len)) {
        return false;
    }

    s->value = malloc((size_t) s->request.value_len + 1);
    if (s->value == NULL) {
        return mds_serve_skip(s->request.value_len);
    }

    s->value[s->request.value_len] = '\0';

    return mds_proxy_receive(MDS_PROXY_FD, s->value, s->request.value_len);
}

static mds_status_t
mds_serve_open(mds_serve_t *s)
{
    const char  *names[MDS_LMDB_TABLES_MAX];
    const char  *next = s->value, *end = s->value + s->request.value_len;
    mds_status_t status;

    if (s->request.table > MDS_LMDB_TABLES_MAX) {
        return mds_fail(&s->err, MDS_INVALID, "the request is not valid");
    }

    for (unsigned i = 0; i < s->request.table; i++) {
        names[i] = next;
        next += next < end ? strlen(next) + 1 : 0;
    }

    status = mds_lmdb_open(".", (mds_lmdb_mode_t) s->request.flags, names,
                           s->request.table, s->request.number, &s->err,
                           &s->lmdb[0]);

    return status == MDS_OK ? mds_lmdb_share(s->lmdb[0], &s->err, &s->lmdb[1])
                            : status;
}

static void
mds_serve_get(mds_serve_t *s, mds_lmdb_t *lmdb, mds_str_t key)
{
    mds_str_t value;

    if (mds_lmdb_get(lmdb, s->request.table, key, &value)
        && value.len <= MDS_PROXY_VALUE_MAX)
    {
        s->answer.number = 1;
        s->answer.len = (uint32_t) value.len;
        s->payload = value.data;
    }
}

/* Answers with as many pairs as fit, and one at least. */
static mds_status_t
mds_serve_walk(mds_serve_t *s, mds_lmdb_t *lmdb, mds_str_t from)
{
    mds_lmdb_cursor_t *cursor = mds_lmdb_walk(lmdb, s->request.table, from);
    mds_str_t          key, value;
    mds_status_t       status = MDS_OK;

    while (mds_lmdb_next(cursor, &key, &value)) {
        uint32_t len[2] = { (uint32_t) key.len, (uint32_t) value.len };
        size_t   bytes = sizeof(len) + key.len + value.len;

        if (s->request.flags != 0 && mds_str_eq(key, from)) {
            continue;
        }

        if (bytes > MDS_PROXY_VALUE_MAX) {
            status = mds_fail(&s->err, MDS_DAMAGED, "the record is too long");
            break;
        }

        if (s->pairs.len > 0 && s->pairs.len + bytes > MDS_PROXY_PAIRS_BYTES) {
            s->answer.number = 1;
            break;
        }

        mds_buffer_add(&s->pairs, len, sizeof(len));
        mds_buffer_add(&s->pairs, key.data, key.len);
        mds_buffer_add(&s->pairs, value.data, value.len);
    }

    mds_lmdb_walk_end(cursor);
    s->answer.len = (uint32_t) s->pairs.len;
    s->payload = (const char *) s->pairs.data;

    return mds_buffer_failed(&s->pairs) ? mds_fail_memory(&s->err) : status;
}

static mds_status_t
mds_serve_do(mds_serve_t *s)
{
    mds_lmdb_t  *lmdb = s->lmdb[s->request.handle];
    mds_str_t    key = { s->request.key_len, s->key };
    mds_str_t    value = { s->request.value_len, s->value };
    mds_status_t status = MDS_OK;

    if (s->value == NULL) {
        return mds_fail_memory(&s->err);
    }

    if (s->request.op > MDS_LMDB_WALK
        || (lmdb == NULL) != (s->request.op == MDS_LMDB_OPEN))
    {
        return mds_fail(&s->err, MDS_INVALID, "the request is not valid");
    }

    /* Without a default, so that the compiler finds a function left out. */
    switch ((mds_lmdb_op_t) s->request.op) {
    case MDS_LMDB_OPEN:
        return mds_serve_open(s);
    case MDS_LMDB_READ:
        return mds_lmdb_read(lmdb, &s->err);
    case MDS_LMDB_WRITE:
        return mds_lmdb_write(lmdb, &s->err);
    case MDS_LMDB_COMMIT:
        return mds_lmdb_commit(lmdb, &s->err);
    case MDS_LMDB_COPY:
        return mds_lmdb_copy(lmdb, s->fd, &s->err);
    case MDS_LMDB_GIVE:
        return mds_lmdb_give(lmdb, -1, -1, &s->err);
    case MDS_LMDB_ABORT:
        mds_lmdb_abort(lmdb);
        break;
    case MDS_LMDB_FILE_BYTES:
        s->answer.number = mds_lmdb_file_bytes(lmdb);
        break;
    case MDS_LMDB_GET:
        mds_serve_get(s, lmdb, key);
        break;
    case MDS_LMDB_PUT:
        mds_lmdb_put(lmdb, s->request.table, key, value);
        break;
    case MDS_LMDB_DELETE:
        mds_lmdb_delete(lmdb, s->request.table, key);
        break;
    case MDS_LMDB_COUNT:
        s->answer.number = mds_lmdb_count(lmdb, s->request.table);
        break;
    case MDS_LMDB_WALK:
        status = mds_serve_walk(s, lmdb, key);
        break;
    }

    s->answer.code = mds_lmdb_code(lmdb);
    return status;
}

static bool
mds_serve_answer(mds_serve_t *s)
{
    s->answer = (mds_proxy_answer_t){ 0 };
    s->payload = NULL;
    s->answer.status = (int32_t) mds_serve_do(s);

    if (s->answer.status != MDS_OK) {
        s->answer.len = (uint32_t) strlen(s->err.text);
        s->payload = s->err.text;
    }

    return mds_proxy_send(MDS_PROXY_FD, &s->answer, sizeof(s->answer))
           && mds_proxy_send(MDS_PROXY_FD, s->payload, s->answer.len);
}

static void
mds_serve_clean(mds_serve_t *s)
{
    free(s->value);
    mds_buffer_free(&s->pairs);
    s->value = NULL;

    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
}

int
mds_proxy_serve(void)
{
    static mds_serve_t s = { .fd = -1 };
    bool               more = mds_serve_become_owner();
    int                code = more ? 0 : 1;

    while (more) {
        more = mds_serve_receive(&s) && mds_serve_answer(&s);
        mds_serve_clean(&s);
    }

    mds_lmdb_close(s.lmdb[1]);
    mds_lmdb_close(s.lmdb[0]);
    return code;
}
