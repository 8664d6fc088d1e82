/*
 * The socket that workers connect to: DEPOT/agent/socket, which the workers'
 * group may use. Each side looks at the other's user.
 */

#define _GNU_SOURCE /* accept4(), struct ucred */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/share_internal.h"

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

/* Gives the owner of DEPOT/state: the workers' user and group. */
static mds_status_t
find_workers(const mdsctl_share_t *share, mds_error_t *err, struct stat *st)
{
    char path[4096];

    (void) snprintf(path, sizeof(path), "%s/state", share->options.depot);

    return stat(path, st) == 0 ? MDS_OK : mds_fail_errno(err, "open %s", path);
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

/* Binds the socket, and gives it to the workers' group. */
static mds_status_t
bind_socket(mdsctl_share_t *share, const struct sockaddr_un *address, gid_t gid,
            mds_error_t *err)
{
    mode_t before;
    int    failed;

    (void) unlink(address->sun_path);
    before = umask(0117); /* 0660 */
    failed = bind(share->socket, (const struct sockaddr *) address,
                  sizeof(*address));
    (void) umask(before);

    if (failed != 0) {
        return mds_fail_errno(err, "bind %s", address->sun_path);
    }

    if (gid != getegid() && chown(address->sun_path, (uid_t) -1, gid) != 0) {
        return mds_fail_errno(err,
                              "give %s to group %u, of which the agent must"
                              " be a member",
                              address->sun_path, (unsigned) gid);
    }

    return listen(share->socket, 64) == 0
               ? MDS_OK
               : mds_fail_errno(err, "listen on %s", address->sun_path);
}

mds_status_t
mdsctl_share_socket_open(mdsctl_share_t *share, mds_error_t *err)
{
    struct sockaddr_un address;
    struct stat        st;
    mds_status_t       status = make_address(share, err, &address);

    if (status != MDS_OK || (status = find_workers(share, err, &st)) != MDS_OK
        || (status = make_folder(share, err)) != MDS_OK)
    {
        return status;
    }

    share->owner = st.st_uid;
    share->socket
        = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return share->socket >= 0 ? bind_socket(share, &address, st.st_gid, err)
                              : mds_fail_errno(err, "make a socket");
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
