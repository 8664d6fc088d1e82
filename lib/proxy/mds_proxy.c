/*
 * Decides whose process opens an environment, starts that process and ends it.
 */

#include "proxy/mds_proxy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MDS_PROXY_PROGRAM "/proc/self/exe"

static bool mds_proxy_enabled;

bool
mds_proxy_is_enabled(void)
{
    return mds_proxy_enabled && geteuid() == 0;
}

/* Checks that no other user can write to root's directory, and so have root
 * open a file of theirs. */
static mds_status_t
mds_proxy_check_root(const char *path, const struct stat *st, mds_error_t *err)
{
    return (st->st_mode & S_IWOTH) == 0
                   && ((st->st_mode & S_IWGRP) == 0 || st->st_gid == 0)
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "\"%s\" belongs to root, and others may write to it:"
                          " it must belong to the workers' user",
                          path);
}

/* Checks that the files were made by the owner of the directory, and are not
 * links to others' files. The process that opens them can do no harm; this
 * gives a clear message. */
static mds_status_t
mds_proxy_check_files(const char *path, int dir, uid_t owner, mds_error_t *err)
{
    static const char *const names[] = { "data.mdb", "lock.mdb" };

    for (size_t i = 0; i < mds_nelems(names); i++) {
        struct stat st;

        if (fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) != 0) {
            continue; /* the owner's process says what is missing */
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

/* Opens the directory if another user owns it: *dir is below zero otherwise. */
static mds_status_t
mds_proxy_open_dir(const char *path, mds_error_t *err, int *dir)
{
    struct stat  st;
    mds_status_t status;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    if (fstat(fd, &st) != 0) {
        status = mds_fail_errno(err, "stat \"%s\"", path);

    } else if (st.st_uid == 0) {
        status = mds_proxy_check_root(path, &st, err);

    } else {
        status = mds_proxy_check_files(path, fd, st.st_uid, err);
    }

    if (status != MDS_OK || st.st_uid == 0) {
        close(fd);
        fd = -1;
    }

    *dir = fd;
    return status;
}

/* Executes the program in the child, which keeps nothing but the socket. */
static void
mds_proxy_exec(int dir, int sock)
{
    static char *const argv[] = { MDS_PROXY_NAME, NULL };
    int                null = open("/dev/null", O_RDWR | O_CLOEXEC);

    /* Nor a terminal: a process that has one can type into it. */
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

/* Stops the process, which ends when its socket is closed. */
void
mds_proxy_stop(mds_proxy_t *proxy)
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

/* Starts the process; the caller stops *proxy. */
static mds_status_t
mds_proxy_start(const char *path, int dir, mds_error_t *err,
                mds_proxy_t **proxy)
{
    int          pair[2];
    mds_status_t status;
    mds_proxy_t *started = malloc(sizeof(*started));

    if (started == NULL) {
        return mds_fail_memory(err);
    }

    *started = (mds_proxy_t){ .fd = -1, .pid = -1, .path = strdup(path) };

    if (started->path == NULL) {
        status = mds_fail_memory(err);
        goto failed;
    }

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        status = mds_fail_errno(err, "create a socket for \"%s\"", path);
        goto failed;
    }

    started->fd = pair[0];
    started->pid = fork();

    if (started->pid == 0) {
        mds_proxy_exec(dir, pair[1]);
    }

    close(pair[1]);

    if (started->pid < 0) {
        status = mds_fail_errno(err, "start a process for \"%s\"", path);
        goto failed;
    }

    *proxy = started;
    return MDS_OK;

failed:
    mds_proxy_stop(started);
    return status;
}

/* Has the process call mds_lmdb_open(). */
static mds_status_t
mds_proxy_call_open(mds_proxy_t *proxy, mds_lmdb_mode_t mode,
                    const char *const *names, unsigned table_count,
                    uint64_t map_bytes, mds_error_t *err)
{
    char                 all[MDS_PROXY_NAMES_MAX];
    size_t               len = 0;
    mds_proxy_payload_t *payload;
    mds_proxy_request_t  request = { .op = MDS_LMDB_OPEN,
                                     .table = table_count,
                                     .flags = (uint32_t) mode,
                                     .number = map_bytes };
    mds_proxy_answer_t   answer;
    mds_status_t         status;

    for (unsigned i = 0; i < table_count; i++) {
        size_t bytes = strlen(names[i]) + 1;

        if (bytes > sizeof(all) - len) {
            return mds_fail(err, MDS_INVALID, "too many tables");
        }

        memcpy(all + len, names[i], bytes);
        len += bytes;
    }

    status
        = mds_proxy_call(proxy, request, mds_null_str, (mds_str_t){ len, all },
                         -1, err, &answer, &payload);

    if (status == MDS_OK) {
        free(payload);
    }

    return status;
}

static mds_status_t
mds_proxy_open(const char *path, mds_lmdb_mode_t mode, const char *const *names,
               unsigned table_count, uint64_t map_bytes, mds_error_t *err,
               mds_lmdb_remote_t **remote)
{
    int          dir;
    mds_proxy_t *proxy;
    mds_status_t status;

    if (!mds_proxy_is_enabled()) {
        return MDS_OK;
    }

    status = mds_proxy_open_dir(path, err, &dir);
    if (status != MDS_OK || dir < 0) {
        return status;
    }

    status = mds_proxy_start(path, dir, err, &proxy);
    close(dir);

    if (status != MDS_OK) {
        return status;
    }

    status
        = mds_proxy_call_open(proxy, mode, names, table_count, map_bytes, err);

    if (status == MDS_OK) {
        status = mds_proxy_handle_new(proxy, err, remote);
    }

    if (status != MDS_OK) {
        mds_proxy_stop(proxy);
    }

    return status;
}

void
mds_proxy_enable(void)
{
    mds_proxy_enabled = true;
    mds_lmdb_set_remote(mds_proxy_open);
}
