/*
 * Unix sockets for the workers of nginx. The agent may be root, or a user of
 * its own, so each socket gets the group that state/ has.
 */

#include "agent/socket.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128

mds_status_t
mdsctl_socket_find_workers(const char *depot, mds_error_t *err,
                           struct stat *workers)
{
    char path[4096];

    (void) snprintf(path, sizeof(path), "%s/state", depot);

    return stat(path, workers) == 0 ? MDS_OK
                                    : mds_fail_errno(err, "open %s", path);
}

mds_status_t
mdsctl_socket_listen(const struct sockaddr_un *address, int flags,
                     mds_error_t *err, int *fd)
{
    int    made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    mode_t before;
    int    failed;

    if (made < 0) {
        return mds_fail_errno(err, "make a socket");
    }

    (void) unlink(address->sun_path);
    before = umask(0117); /* 0660 */
    failed = bind(made, (const struct sockaddr *) address, sizeof(*address));
    (void) umask(before);

    if (failed != 0 || listen(made, BACKLOG) != 0) {
        mds_status_t status
            = mds_fail_errno(err, "listen on %s", address->sun_path);

        (void) close(made);
        return status;
    }

    *fd = made;
    return MDS_OK;
}

mds_status_t
mdsctl_socket_give(const struct sockaddr_un *address, gid_t gid,
                   mds_error_t *err)
{
    struct stat st;

    /* A folder with the set-group-ID bit has given it already. No link is
     * followed: the folder may belong to a user who is not this one. */
    if (lstat(address->sun_path, &st) == 0 && st.st_gid == gid) {
        return MDS_OK;
    }

    return lchown(address->sun_path, (uid_t) -1, gid) == 0
               ? MDS_OK
               : mds_fail_errno(err,
                                "give %s to group %u, of which the agent must"
                                " be a member",
                                address->sun_path, (unsigned) gid);
}
