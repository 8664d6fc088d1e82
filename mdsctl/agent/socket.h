/*
 * Unix sockets that the workers of nginx may use: DEPOT/agent/files, and
 * DEPOT/agent/socket.
 */

#ifndef MDSCTL_AGENT_SOCKET_H
#define MDSCTL_AGENT_SOCKET_H

#include <sys/stat.h>
#include <sys/un.h>

#include "base/mds_base.h"

/* Gives the status of DEPOT/state, whose user and group are the workers'. */
mds_status_t mdsctl_socket_find_workers(const char *depot, mds_error_t *err,
                                        struct stat *workers) MDS_MUST_CHECK;

/* Makes a socket with mode 0660, and listens. One of an agent that was killed
 * is replaced. flags is 0 or SOCK_NONBLOCK. */
mds_status_t mdsctl_socket_listen(const struct sockaddr_un *address, int flags,
                                  mds_error_t *err, int *fd) MDS_MUST_CHECK;

/* Gives the socket to the workers' group. */
mds_status_t mdsctl_socket_give(const struct sockaddr_un *address, gid_t gid,
                                mds_error_t *err) MDS_MUST_CHECK;

#endif
