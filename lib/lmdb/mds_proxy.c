#include "lmdb/mds_proxy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MDS_PROXY_PROGRAM "/proc/self/exe"

struct mds_proxy_s {
    int   fd;
    pid_t pid;
    char *path; /* of the environment, for messages */
};

static bool mds_proxy_on;

void
mds_proxy_enable(void)
{
    mds_proxy_on = true;
}

bool
mds_proxy_enabled(void)
{
    return mds_proxy_on && geteuid() == 0;
}

bool
mds_proxy_send(int fd, const void *data, size_t len)
{
    const char *next = data;

    while (len > 0) {
        ssize_t n = send(fd, next, len, MSG_NOSIGNAL);

        if (n >= 0) {
            next += n;
            len -= (size_t) n;

        } else if (errno != EINTR) {
            return false;
        }
    }

    return true;
}

bool
mds_proxy_take(int fd, void *data, size_t len)
{
    char *next = data;

    while (len > 0) {
        ssize_t n = read(fd, next, len);

        if (n > 0) {
            next += n;
            len -= (size_t) n;

        } else if (n == 0 || errno != EINTR) {
            return false;
        }
    }

    return true;
}

/* Whoever can write there would have root open what they put there. */
static mds_status_t
mds_proxy_of_root(const char *path, const struct stat *st, mds_error_t *err)
{
    return (st->st_mode & S_IWOTH) == 0
                   && ((st->st_mode & S_IWGRP) == 0 || st->st_gid == 0)
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "\"%s\" belongs to root, and others may write to it:"
                          " it must belong to the workers' user",
                          path);
}

/* Files that the owner of the directory has made there, not links to others'.
 * The process that opens them can do no harm; this is for a clear word. */
static mds_status_t
mds_proxy_check(const char *path, int dir, uid_t owner, mds_error_t *err)
{
    static const char *const names[] = { "data.mdb", "lock.mdb" };

    for (size_t i = 0; i < mds_nelems(names); i++) {
        struct stat st;

        if (fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) != 0) {
            continue; /* not there: the owner's process says what is missing */
        }

        if (!S_ISREG(st.st_mode)) {
            return mds_fail(err, MDS_INVALID,
                            "\"%s/%s\" must be a regular file", path, names[i]);
        }

        if (st.st_uid != owner || st.st_nlink != 1) {
            return mds_fail(err, MDS_INVALID,
                            "\"%s/%s\" must belong to user %u, as its folder"
                            " does, and have one name; it belongs to user %u"
                            " and has %lu",
                            path, names[i], (unsigned) owner,
                            (unsigned) st.st_uid, (unsigned long) st.st_nlink);
        }
    }

    return MDS_OK;
}

mds_status_t
mds_proxy_wanted(const char *path, mds_error_t *err, int *dir, bool *wanted)
{
    struct stat  st;
    mds_status_t status = MDS_OK;
    int          fd;

    if (!mds_proxy_enabled()) {
        *wanted = false;
        return MDS_OK;
    }

    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    if (fstat(fd, &st) != 0) {
        status = mds_fail_errno(err, "stat \"%s\"", path);

    } else if (st.st_uid == 0) {
        status = mds_proxy_of_root(path, &st, err);

    } else {
        status = mds_proxy_check(path, fd, st.st_uid, err);
    }

    if (status != MDS_OK || st.st_uid == 0) {
        close(fd);
        *wanted = false;
        return status;
    }

    *dir = fd;
    *wanted = true;
    return MDS_OK;
}

/* In the child: of what this process has, nothing goes along but the socket. */
static void
mds_proxy_exec(int dir, int sock)
{
    static char *const argv[] = { MDS_PROXY_NAME, NULL };
    int                null = open("/dev/null", O_RDWR | O_CLOEXEC);

    /* No terminal either: who reads from one can type into it. */
    if (null >= 0 && setsid() >= 0 && fchdir(dir) == 0 && dup2(null, 0) == 0
        && dup2(null, 1) == 1 && dup2(null, 2) == 2
        && dup2(sock, MDS_PROXY_FD) == MDS_PROXY_FD
        && fcntl(MDS_PROXY_FD, F_SETFD, 0) == 0)
    {
        closefrom(MDS_PROXY_FD + 1);
        execv(MDS_PROXY_PROGRAM, argv);
    }

    _exit(127);
}

static mds_status_t
mds_proxy_begin(mds_proxy_t *proxy, int dir, mds_error_t *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return mds_fail_errno(err, "make a socket for \"%s\"", proxy->path);
    }

    proxy->fd = pair[0];
    proxy->pid = fork();

    if (proxy->pid == 0) {
        mds_proxy_exec(dir, pair[1]);
    }

    close(pair[1]);

    return proxy->pid > 0
               ? MDS_OK
               : mds_fail_errno(err, "begin a process for \"%s\"", proxy->path);
}

/* As mds_lmdb_open() of the other end has it. */
static mds_status_t
mds_proxy_open_there(mds_proxy_t *proxy, mds_lmdb_mode_t mode,
                     const char *const *names, unsigned table_count,
                     uint64_t map_bytes, mds_error_t *err)
{
    char                all[MDS_LMDB_TABLES_MAX * 64];
    size_t              len = 0;
    char               *payload = NULL;
    mds_proxy_request_t request = { .op = MDS_PROXY_OPEN,
                                    .table = table_count,
                                    .flags = (uint32_t) mode,
                                    .number = map_bytes };
    mds_proxy_answer_t  answer;
    mds_status_t        status;

    for (unsigned i = 0; i < table_count; i++) {
        size_t bytes = strlen(names[i]) + 1;

        if (bytes > sizeof(all) - len) {
            return mds_fail(err, MDS_INVALID, "too many tables");
        }

        memcpy(all + len, names[i], bytes);
        len += bytes;
    }

    status = mds_proxy_ask(proxy, &request, mds_null_str,
                           (mds_str_t){ len, all }, -1, err, &answer, &payload);
    free(payload);

    return status;
}

mds_status_t
mds_proxy_open(const char *path, int dir, mds_lmdb_mode_t mode,
               const char *const *names, unsigned table_count,
               uint64_t map_bytes, mds_error_t *err, mds_proxy_t **proxy)
{
    mds_proxy_t *opened = calloc(1, sizeof(*opened));
    mds_status_t status;

    if (opened == NULL || (opened->path = strdup(path)) == NULL) {
        free(opened);
        return mds_fail(err, MDS_NO_MEMORY,
                        "failed to open \"%s\": out of memory", path);
    }

    opened->fd = -1;
    opened->pid = -1;
    status = mds_proxy_begin(opened, dir, err);

    if (status == MDS_OK) {
        status = mds_proxy_open_there(opened, mode, names, table_count,
                                      map_bytes, err);
    }

    if (status != MDS_OK) {
        mds_proxy_close(opened);
        return status;
    }

    *proxy = opened;
    return MDS_OK;
}

/* It ends when the socket does. */
void
mds_proxy_close(mds_proxy_t *proxy)
{
    if (proxy == NULL) {
        return;
    }

    if (proxy->fd >= 0) {
        close(proxy->fd);
    }

    while (proxy->pid > 0 && waitpid(proxy->pid, NULL, 0) < 0 && errno == EINTR)
    {
    }

    free(proxy->path);
    free(proxy);
}

const char *
mds_proxy_path(const mds_proxy_t *proxy)
{
    return proxy->path;
}

/* The first bytes carry the descriptor. */
static bool
mds_proxy_send_request(int sock, const mds_proxy_request_t *request, int fd)
{
    union {
        struct cmsghdr align;
        char           bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec    part = { (void *) request, sizeof(*request) };
    struct msghdr   message = { .msg_iov = &part, .msg_iovlen = 1 };
    struct cmsghdr *header;
    ssize_t         n;

    if (fd < 0) {
        return mds_proxy_send(sock, request, sizeof(*request));
    }

    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));

    do {
        n = sendmsg(sock, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);

    return n == (ssize_t) sizeof(*request);
}

/* What the other end says is bounded here, whoever it has become. */
static mds_status_t
mds_proxy_take_answer(int sock, mds_proxy_answer_t *answer, char **payload)
{
    char *bytes;

    if (!mds_proxy_take(sock, answer, sizeof(*answer))
        || answer->len > MDS_PROXY_VALUE_MAX || answer->status < MDS_OK
        || answer->status > MDS_IO)
    {
        return MDS_DAMAGED;
    }

    bytes = malloc((size_t) answer->len + 1);
    if (bytes == NULL) {
        return MDS_NO_MEMORY;
    }

    if (!mds_proxy_take(sock, bytes, answer->len)) {
        free(bytes);
        return MDS_DAMAGED;
    }

    bytes[answer->len] = '\0';
    *payload = bytes;
    return MDS_OK;
}

mds_status_t
mds_proxy_ask(mds_proxy_t *proxy, const mds_proxy_request_t *request,
              mds_str_t key, mds_str_t value, int fd, mds_error_t *err,
              mds_proxy_answer_t *answer, char **payload)
{
    mds_proxy_request_t whole = *request;
    mds_proxy_answer_t  got;
    char               *bytes;
    mds_status_t        status;

    if (key.len > MDS_LMDB_KEY_MAX || value.len > MDS_PROXY_VALUE_MAX) {
        return mds_fail(err, MDS_INVALID, "\"%s\": a record is too long",
                        proxy->path);
    }

    whole.key_len = (uint32_t) key.len;
    whole.value_len = (uint32_t) value.len;

    status = mds_proxy_send_request(proxy->fd, &whole, fd)
                     && mds_proxy_send(proxy->fd, key.data, key.len)
                     && mds_proxy_send(proxy->fd, value.data, value.len)
                 ? mds_proxy_take_answer(proxy->fd, &got, &bytes)
                 : MDS_DAMAGED;

    if (status != MDS_OK) {
        return mds_fail(err, status,
                        status == MDS_NO_MEMORY
                            ? "\"%s\": no memory"
                            : "\"%s\" cannot be read to its end, as its owner",
                        proxy->path);
    }

    if (got.status != MDS_OK) {
        status = mds_fail(err, (mds_status_t) got.status, "\"%s\": %s",
                          proxy->path, bytes);
        free(bytes);
        return status;
    }

    *answer = got;
    *payload = bytes;
    return MDS_OK;
}
