/*
 * place: what the agent needs of its depot before it begins: a path that nginx
 * can connect by, its own folder, and to be the only one.
 */

#include "agent/agent.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Makes the agent's own folder, unless init has. Its mode gives sockets the
 * group of the workers. */
static mds_status_t
make_folders(const mdsctl_agent_t *agent, mds_error_t *err)
{
    mds_path_t   path;
    struct stat  st;
    mds_status_t status = mds_path(&path, err, "%s/agent", agent->depot);

    if (status == MDS_OK && stat(path.text, &st) != 0) {
        status = mds_dir_make(path.text, 0755, err);
    }

    if (status == MDS_OK) {
        status = mds_path(&path, err, "%s/agent/part", agent->depot);
    }

    return status == MDS_OK ? mds_dir_make(path.text, 0700, err) : status;
}

/* Checks that nginx, which names the depot by its whole path, can connect to
 * the sockets of the agent, whatever path the agent was given. */
static mds_status_t
check_path(const mdsctl_agent_t *agent, mds_error_t *err)
{
    struct sockaddr_un address;
    char               path[PATH_MAX];

    if (realpath(agent->depot, path) == NULL) {
        return mds_fail_errno(err, "open \"%s\"", agent->depot);
    }

    return strlen(path) + sizeof("/agent/socket") <= sizeof(address.sun_path)
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "\"%s\": the path of an edge's depot must have at"
                          " most %zu bytes, or nginx cannot connect to"
                          " agent/socket",
                          path,
                          sizeof(address.sun_path) - sizeof("/agent/socket"));
}

/* Takes the place of the one agent of the depot, until the process ends. */
static mds_status_t
lock_depot(const mdsctl_agent_t *agent, mds_error_t *err)
{
    mds_path_t   path;
    int          fd;
    mds_status_t status = mds_path(&path, err, "%s/agent/lock", agent->depot);

    if (status != MDS_OK) {
        return status;
    }

    fd = open(path.text, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", path.text);
    }

    return flock(fd, LOCK_EX | LOCK_NB) == 0
               ? MDS_OK
               : mds_fail(err, MDS_EXISTS,
                          "another agent runs in \"%s\" already", agent->depot);
}

mds_status_t
mdsctl_agent_take_place(mdsctl_agent_t *agent, mds_error_t *err)
{
    mds_status_t status = check_path(agent, err);

    if (status == MDS_OK) {
        status = make_folders(agent, err);
    }

    return status == MDS_OK ? lock_depot(agent, err) : status;
}
