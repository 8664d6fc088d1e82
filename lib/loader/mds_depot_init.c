/*
 * Creates an empty depot: its directories, the journal, the state, generation
 * 0, and last CURRENT, which marks it as a depot.
 */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "base/mds_time.h"
#include "catalog/mds_current.h"
#include "compile/mds_generation.h"
#include "loader/mds_loader_internal.h"
#include "proxy/mds_proxy.h"
#include "state/mds_state.h"

/* Workers read all of these but the journal, and write to the state. */
static const struct {
    const char *name;
    mode_t      mode;
    bool        workers; /* belongs to them */
} mds_depot_dirs[] = {
    { "", 0755, false },
    { "/files", 0755, false },
    { "/lists", 0755, false },
    { "/trees", 0755, false },
    { "/catalog", 0755, false },
    { "/journal", 0700, false },
    { "/feed", 0755, false },
    { "/feed/catalog", 0755, false },
    { "/feed/lists", 0755, false },
    { "/feed/trees", 0755, false },
    { "/state", 02770, true },
    { "/state/devices", 02770, true },
};

mds_status_t
mds_depot_set_owner(const char *path, int how, int64_t uid, int64_t gid,
                    mode_t mode, mds_error_t *err)
{
    mds_status_t status = MDS_OK;
    int          fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | how);

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    if ((uid >= 0 || gid >= 0) && fchown(fd, (uid_t) uid, (gid_t) gid) != 0) {
        status = mds_fail_errno(err, "give \"%s\" to its user", path);

        /* After fchown(), which clears the set-group-id bit. */
    } else if (fchmod(fd, mode) != 0) {
        status = mds_fail_errno(err, "chmod \"%s\"", path);
    }

    close(fd);
    return status;
}

/* Makes a directory. Those of the workers stay closed until their files are
 * made; if a process of the workers makes these, it owns the directory already.
 */
static mds_status_t
mds_depot_make_dir(const char *depot, size_t i, int64_t uid, int64_t gid,
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
               ? mds_depot_set_owner(path.text, i == 0 ? 0 : O_NOFOLLOW,
                                     early ? uid : -1, early ? gid : -1,
                                     workers ? 0700 : mds_depot_dirs[i].mode,
                                     err)
               : status;
}

/* Gives the workers their directories, inner ones first. */
static mds_status_t
mds_depot_give_dirs(const char *depot, int64_t uid, int64_t gid,
                    mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = mds_nelems(mds_depot_dirs); status == MDS_OK && i-- > 0;) {
        mds_path_t path;

        if (!mds_depot_dirs[i].workers) {
            continue;
        }

        status = mds_path(&path, err, "%s%s", depot, mds_depot_dirs[i].name);

        if (status == MDS_OK) {
            status = mds_depot_set_owner(path.text, O_NOFOLLOW, uid, gid,
                                         mds_depot_dirs[i].mode, err);
        }
    }

    return status;
}

/* Returns whether an interrupted init may have left the name. */
static bool
mds_depot_is_own_name(const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0
        || mds_is_temp_name(name)) {
        return true;
    }

    for (size_t i = 1; i < mds_nelems(mds_depot_dirs); i++) {
        if (strcmp(name, mds_depot_dirs[i].name + 1) == 0) {
            return true;
        }
    }

    return false;
}

/* Refuses a directory with other files in it, which was given by mistake. */
mds_status_t
mds_depot_check_empty(const char *depot, mds_error_t *err)
{
    mds_path_t     path;
    struct dirent *entry;
    struct stat    st;
    bool           is_empty = true;
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

    while ((entry = readdir(dir)) != NULL) {
        is_empty = is_empty && mds_depot_is_own_name(entry->d_name);
    }

    closedir(dir);

    return is_empty ? MDS_OK
                    : mds_fail(err, MDS_EXISTS,
                               "\"%s\" is not a depot, and not empty; want an"
                               " empty or a new directory",
                               depot);
}

/*
 * Removes an environment that was cut while it was made, which LMDB would not
 * open. Its first three pages hold nothing but the names of its tables, so that
 * no data can be lost.
 */
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

/* Syncs a directory: its files are durable before CURRENT is made. */
static mds_status_t
mds_depot_sync(const char *depot, const char *name, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/%s", depot, name);

    return status == MDS_OK ? mds_file_sync_dir(path.text, err) : status;
}

/* Makes generation 0, an empty catalog. */
static mds_status_t
mds_depot_make_generation(const char *depot, mds_error_t *err)
{
    mds_generation_t *generation;
    mds_chain_files_t files;
    mds_status_t      status = mds_generation_begin(depot, 0, mds_time_now_ms(),
                                                    NULL, err, &generation);

    return status == MDS_OK ? mds_generation_commit(generation, err, &files)
                            : status;
}

static mds_status_t
mds_depot_sync_all(const char *depot, mds_error_t *err)
{
    mds_status_t status;

    if ((status = mds_depot_sync(depot, "journal", err)) != MDS_OK
        || (status = mds_depot_sync(depot, "state/devices", err)) != MDS_OK
        || (status = mds_depot_sync(depot, "state", err)) != MDS_OK)
    {
        return status;
    }

    /* The directory above the depot may not be ours to open. */
    status = mds_depot_sync(depot, "..", err);

    return status == MDS_DENIED ? MDS_OK : status;
}

/* Makes everything in the directories; the registry begins without a file. */
static mds_status_t
mds_depot_fill(const char *depot, int64_t uid, int64_t gid, mds_error_t *err)
{
    mds_status_t status = mds_journal_create(depot, err);

    if (status != MDS_OK
        || (status = mds_state_create(depot, uid, gid, err)) != MDS_OK
        || (status = mds_depot_give_dirs(depot, uid, gid, err)) != MDS_OK
        || (status = mds_depot_make_generation(depot, err)) != MDS_OK
        || (status = mds_depot_sync_all(depot, err)) != MDS_OK)
    {
        return status;
    }

    return mds_current_create(depot, err);
}

mds_status_t
mds_depot_init(const char *depot, int64_t uid, int64_t gid, mds_error_t *err)
{
    mds_status_t status = mds_depot_check_empty(depot, err);

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(mds_depot_dirs); i++)
    {
        status = mds_depot_make_dir(depot, i, uid, gid, err);
    }

    if (status != MDS_OK
        || (status = mds_depot_drop_cut(depot, "journal", err)) != MDS_OK
        || (status = mds_depot_drop_cut(depot, "state", err)) != MDS_OK)
    {
        return status;
    }

    return mds_depot_fill(depot, uid, gid, err);
}
