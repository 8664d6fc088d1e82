/*
 * Gives the depot of an edge to the user of its agent.
 */

#include <fcntl.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "loader/mds_loader_internal.h"

/* What the agent writes; "" is the depot itself. */
static const char *const mds_depot_agent_names[]
    = { "",           "/CURRENT", "/catalog", "/catalog/0.mdb", "/lists",
        "/trees",     "/files",   "/feed",    "/feed/catalog",  "/feed/lists",
        "/feed/trees" };

/* Gives one directory or file to the user. */
static mds_status_t
mds_depot_give(const char *path, int64_t uid, mds_error_t *err)
{
    return lchown(path, (uid_t) uid, (gid_t) -1) == 0
               ? MDS_OK
               : mds_fail_errno(err, "give \"%s\" to the agent", path);
}

/* Makes a folder of the agent's. */
static mds_status_t
mds_depot_make_agent_dir(const char *path, mode_t mode, int64_t uid,
                         int64_t gid, mds_error_t *err)
{
    mds_status_t status = mds_dir_make(path, 0700, err);

    /* The depot may belong to that user already, who could put a link there. */
    return status == MDS_OK
               ? mds_depot_set_owner(path, O_NOFOLLOW, uid, gid, mode, err)
               : status;
}

mds_status_t
mds_depot_give_agent(const char *depot, int64_t uid, int64_t gid,
                     mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/agent", depot);

    if (status == MDS_OK) {
        status = mds_depot_make_agent_dir(path.text, 02750, uid, gid, err);
    }

    if (status == MDS_OK) {
        status = mds_path(&path, err, "%s/agent/part", depot);
    }

    if (status == MDS_OK) {
        status = mds_depot_make_agent_dir(path.text, 0700, uid, gid, err);
    }

    for (size_t i = 0;
         status == MDS_OK && i < mds_nelems(mds_depot_agent_names); i++)
    {
        status = mds_path(&path, err, "%s%s", depot, mds_depot_agent_names[i]);

        if (status == MDS_OK) {
            status = mds_depot_give(path.text, uid, err);
        }
    }

    return status;
}
