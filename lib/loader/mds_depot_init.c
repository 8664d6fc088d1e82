#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "base/mds_time.h"
#include "catalog/mds_current.h"
#include "compile/mds_generation.h"
#include "loader/mds_loader.h"
#include "proxy/mds_proxy.h"
#include "state/mds_registry.h"
#include "state/mds_state.h"

/* Workers read all of these but the journal, and write to state. */
static const struct {
    const char *name;
    mode_t      mode;
    bool        workers; /* theirs to write to */
} mds_depot_dirs[] = {
    { "", 0755, false },
    { "/files", 0755, false },
    { "/lists", 0755, false },
    { "/catalog", 0755, false },
    { "/journal", 0700, false },
    { "/state", 02770, true },
    { "/state/devices", 02770, true },
};

/* By its descriptor; how: O_NOFOLLOW within the depot, which itself may be a
 * link. -1: the owner stays. */
static mds_status_t
mds_depot_set(const char *path, int how, int64_t uid, int64_t gid, mode_t mode,
              mds_error_t *err)
{
    mds_status_t status = MDS_OK;
    int          fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | how);

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    if ((uid >= 0 || gid >= 0) && fchown(fd, (uid_t) uid, (gid_t) gid) != 0) {
        status = mds_fail_errno(err, "give \"%s\" to the workers", path);

        /* Behind fchown(), which takes the set-group-id bit away. */
    } else if (fchmod(fd, mode) != 0) {
        status = mds_fail_errno(err, "chmod \"%s\"", path);
    }

    close(fd);
    return status;
}

/* What is the workers' stays closed until all in it is made. It is theirs
 * already where its files are made by a process of theirs. */
static mds_status_t
mds_depot_dir(const char *depot, size_t i, int64_t uid, int64_t gid,
              mds_error_t *err)
{
    mds_path_t   path;
    bool         workers = mds_depot_dirs[i].workers;
    bool         early = workers && mds_proxy_is_enabled();
    mds_status_t status
        = mds_path(&path, err, "%s%s", depot, mds_depot_dirs[i].name);

    if (status == MDS_OK) {
        status = mds_dir_make(path.text, 0700, err);
    }

    return status == MDS_OK
               ? mds_depot_set(path.text, i == 0 ? 0 : O_NOFOLLOW,
                               early ? uid : -1, early ? gid : -1,
                               workers ? 0700 : mds_depot_dirs[i].mode, err)
               : status;
}

/* The inner ones first. */
static mds_status_t
mds_depot_give(const char *depot, int64_t uid, int64_t gid, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = mds_nelems(mds_depot_dirs); status == MDS_OK && i-- > 0;) {
        mds_path_t path;

        if (!mds_depot_dirs[i].workers) {
            continue;
        }

        status = mds_path(&path, err, "%s%s", depot, mds_depot_dirs[i].name);

        if (status == MDS_OK) {
            status = mds_depot_set(path.text, O_NOFOLLOW, uid, gid,
                                   mds_depot_dirs[i].mode, err);
        }
    }

    return status;
}

/* A directory with something else in it is not made a depot by mistake. */
static mds_status_t
mds_depot_vacant(const char *depot, mds_error_t *err)
{
    mds_path_t     path;
    struct dirent *entry;
    struct stat    st;
    bool           vacant = true;
    DIR           *dir;
    mds_status_t   status = mds_path(&path, err, "%s/CURRENT", depot);

    if (status != MDS_OK) {
        return status;
    }

    if (stat(path.text, &st) == 0) {
        return mds_fail(err, MDS_EXISTS, "\"%s\" is a depot already", depot);
    }

    dir = opendir(depot);
    if (dir == NULL) {
        return MDS_OK;
    }

    /* What an interrupted init has left may be there. */
    while ((entry = readdir(dir)) != NULL) {
        bool ours = strcmp(entry->d_name, ".") == 0
                    || strcmp(entry->d_name, "..") == 0
                    || mds_str_starts(mds_str_of(entry->d_name),
                                      mds_str(MDS_TEMP_PREFIX));

        for (size_t i = 1; i < mds_nelems(mds_depot_dirs); i++) {
            ours = ours
                   || strcmp(entry->d_name, mds_depot_dirs[i].name + 1) == 0;
        }

        vacant = vacant && ours;
    }

    closedir(dir);

    return vacant ? MDS_OK
                  : mds_fail(err, MDS_EXISTS,
                             "\"%s\" is not a depot, and not empty; want an"
                             " empty or a new directory",
                             depot);
}

/* An environment that may have been cut while it was made, which LMDB takes
 * for a foreign file. In its first three pages there are but the names of its
 * tables: nothing can be lost. */
static mds_status_t
mds_depot_drop_cut(const char *depot, const char *name, mds_error_t *err)
{
    mds_path_t   path;
    struct stat  st;
    mds_status_t status = mds_path(&path, err, "%s/%s/data.mdb", depot, name);

    if (status == MDS_OK && lstat(path.text, &st) == 0
        && st.st_size <= 3 * sysconf(_SC_PAGESIZE) && unlink(path.text) != 0)
    {
        status = mds_fail_errno(err, "remove \"%s\"", path.text);
    }

    return status;
}

/* What was made in the directories is there before CURRENT says so, and the
 * depot before it is told of. */
static mds_status_t
mds_depot_sync(const char *depot, const char *name, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/%s", depot, name);

    return status == MDS_OK ? mds_file_sync_dir(path.text, err) : status;
}

/* Journal, state, registry, and generation 0: a catalog of nothing. */
static mds_status_t
mds_depot_fill(const char *depot, int64_t uid, int64_t gid, mds_error_t *err)
{
    mds_journal_t    *journal;
    mds_generation_t *generation;
    mds_file_id_t     file_id;
    mds_status_t      status = mds_journal_open(depot, err, &journal);

    if (status != MDS_OK) {
        return status;
    }

    mds_journal_close(journal);

    /* A worker that finds a state without a registry makes one: it must not
     * find that here. */
    status = mds_registry_create(depot, uid, gid, err);

    if (status == MDS_OK) {
        status = mds_state_create(depot, uid, gid, err);
    }

    if (status == MDS_OK) {
        status = mds_depot_give(depot, uid, gid, err);
    }

    if (status == MDS_OK) {
        status = mds_generation_begin(depot, 0, mds_time_now_ms(), err,
                                      &generation);
    }

    if (status == MDS_OK) {
        status = mds_generation_commit(generation, NULL, err, &file_id);
    }

    if (status == MDS_OK) {
        status = mds_depot_sync(depot, "journal", err);
    }

    if (status == MDS_OK) {
        status = mds_depot_sync(depot, "state/devices", err);
    }

    if (status == MDS_OK) {
        status = mds_depot_sync(depot, "state", err);
    }

    /* Above, not all may be ours to open. */
    if (status == MDS_OK) {
        status = mds_depot_sync(depot, "..", err);
        status = status == MDS_DENIED ? MDS_OK : status;
    }

    return status == MDS_OK ? mds_current_create(depot, err) : status;
}

mds_status_t
mds_depot_init(const char *depot, int64_t uid, int64_t gid, mds_error_t *err)
{
    mds_status_t status = mds_depot_vacant(depot, err);

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(mds_depot_dirs); i++)
    {
        status = mds_depot_dir(depot, i, uid, gid, err);
    }

    if (status == MDS_OK) {
        status = mds_depot_drop_cut(depot, "journal", err);
    }

    if (status == MDS_OK) {
        status = mds_depot_drop_cut(depot, "state", err);
    }

    if (status == MDS_OK) {
        status = mds_depot_drop_cut(depot, "state/devices", err);
    }

    return status == MDS_OK ? mds_depot_fill(depot, uid, gid, err) : status;
}
