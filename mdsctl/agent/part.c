/* part: a transfer whose bytes lie in agent/part/ until their digest is right,
 * and then get their name in the depot. */

#include "agent/agent.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

mds_status_t
mdsctl_part_describe(const mdsctl_agent_t *agent, const char *folder,
                     const mds_feed_object_t *object, mds_error_t *err,
                     mdsctl_fetch_t *fetch)
{
    char hex[MDS_SHA256_HEX + 1];

    mds_sha256_hex(&object->sha256, hex);
    fetch->origin = NULL;
    snprintf(fetch->path, sizeof(fetch->path), "%s/%s", folder, hex);
    fetch->bytes = object->bytes;
    fetch->sha256 = object->sha256;
    fetch->has_sha256 = true;

    return mds_path(&fetch->part, err, "%s/agent/part/%s", agent->depot, hex);
}

mds_status_t
mdsctl_part_place(const char *part, const char *path, mds_error_t *err)
{
    int          fd = open(part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    mds_status_t status = MDS_OK;

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", part);
    }

    if (fchmod(fd, 0444) != 0 || fsync(fd) != 0 || rename(part, path) != 0) {
        status = mds_fail_errno(err, "put \"%s\" into place", path);
    }

    close(fd);
    return status;
}

mds_status_t
mdsctl_part_sync(const mdsctl_agent_t *agent, const char *folder,
                 mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/%s", agent->depot, folder);

    return status == MDS_OK ? mds_file_sync_dir(path.text, err) : status;
}
