/*
 * The socket that workers connect to: DEPOT/agent/socket, which the workers'
 * group may use. Each side looks at the other's user.
 */

#define _GNU_SOURCE /* accept4(), struct ucred */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/share_internal.h"
#include "agent/socket.h"

#define REFUSED_LINE_MS 60000

static mds_status_t
make_address(const mdsctl_share_t *share, mds_error_t *err,
             struct sockaddr_un *address)
{
    int len;

    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    len = snprintf(address->sun_path, sizeof(address->sun_path),
                   "%s/agent/socket", share->options.depot);

    return len > 0 && (size_t) len < sizeof(address->sun_path)
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "%s/agent/socket: the path of a socket must be"
                          " shorter than %zu bytes",
                          share->options.depot, sizeof(address->sun_path));
}

static mds_status_t
make_folder(const mdsctl_share_t *share, mds_error_t *err)
{
    char path[4096];

    (void) snprintf(path, sizeof(path), "%s/agent", share->options.depot);

    return mkdir(path, 0755) == 0 || errno == EEXIST
               ? MDS_OK
               : mds_fail_errno(err, "make %s", path);
}

mds_status_t
mdsctl_share_socket_open(mdsctl_share_t *share, mds_error_t *err)
{
    struct sockaddr_un address;
    struct stat        workers;
    mds_status_t       status = make_address(share, err, &address);

    if (status != MDS_OK
        || (status
            = mdsctl_socket_find_workers(share->options.depot, err, &workers))
               != MDS_OK
        || (status = make_folder(share, err)) != MDS_OK
        || (status = mdsctl_socket_listen(&address, SOCK_NONBLOCK, err,
                                          &share->socket))
               != MDS_OK)
    {
        return status;
    }

    share->owner = workers.st_uid;

    return mdsctl_socket_give(&address, workers.st_gid, err);
}

void
mdsctl_share_socket_close(mdsctl_share_t *share)
{
    struct sockaddr_un address;

    if (share->socket >= 0) {
        (void) close(share->socket);

        if (make_address(share, NULL, &address) == MDS_OK) {
            (void) unlink(address.sun_path);
        }
    }
}

/* Returns whether the other side is a worker, or root, or of our own user. */
static bool
is_worker(const mdsctl_share_t *share, int fd)
{
    struct ucred peer;
    socklen_t    len = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0
           && (peer.uid == 0 || peer.uid == share->owner
               || peer.uid == geteuid());
}

void
mdsctl_share_socket_accept(mdsctl_share_t *share)
{
    int fd = accept4(share->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        return;
    }

    if (is_worker(share, fd)) {
        mdsctl_share_worker_add(share, fd);
        return;
    }

    (void) close(fd);

    if (mdsctl_share_now_ms() >= share->refused_ms) {
        mdsctl_share_log(share,
                         "a process of a user that is not the workers' was"
                         " refused");
        share->refused_ms = mdsctl_share_now_ms() + REFUSED_LINE_MS;
    }
}
