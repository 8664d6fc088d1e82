/*
 * Opens a depot to a group that may read it: to its journal, which belongs to
 * the loader, and to its state, which belongs to the workers. What the workers
 * make later has the group and the permissions of its folder.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "loader/mds_loader.h"

#define MDS_READERS_FOLDER 02750

/* Sets group and mode of a file, if the folder's owner made it under one name:
 * workers may put links there. */
static mds_status_t
mds_readers_set_file(int dir, const char *name, uid_t owner, int64_t gid,
                     mds_error_t *err)
{
    const mode_t mode = strcmp(name, "lock.mdb") == 0 ? 0660 : 0640;
    struct stat  st;
    mds_status_t status = MDS_OK;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        return errno == ENOENT || errno == ELOOP || errno == ENXIO
                   ? MDS_OK
                   : mds_fail_errno(err, "open \"%s\"", name);
    }

    if (fstat(fd, &st) != 0) {
        status = mds_fail_errno(err, "stat \"%s\"", name);

    } else if (S_ISREG(st.st_mode) && st.st_uid == owner && st.st_nlink == 1
               && (fchown(fd, (uid_t) -1, (gid_t) gid) != 0
                   || fchmod(fd, mode) != 0))
    {
        status = mds_fail_errno(err, "give \"%s\" to the readers", name);
    }

    close(fd);
    return status;
}

static mds_status_t
mds_readers_set_files(DIR *dir, uid_t owner, int64_t gid, mds_error_t *err)
{
    mds_status_t   status = MDS_OK;
    struct dirent *entry;

    while (status == MDS_OK && (entry = readdir(dir)) != NULL) {
        status
            = mds_readers_set_file(dirfd(dir), entry->d_name, owner, gid, err);
    }

    return status;
}

/* Sets group and mode of a folder, and of the file that is named in it, or if
 * that is NULL, of all. */
static mds_status_t
mds_readers_set_folder(int at, const char *name, const char *file, int64_t gid,
                       mds_error_t *err)
{
    const int    how = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    struct stat  st;
    mds_status_t status;
    int          fd = openat(at, name, how);
    DIR         *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL) {
        status = mds_fail_errno(err, "open the depot's folder \"%s\"", name);
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }

    /* The owner first: fchown() clears the set-group-id bit. */
    if (fstat(fd, &st) != 0 || fchown(fd, (uid_t) -1, (gid_t) gid) != 0
        || fchmod(fd, MDS_READERS_FOLDER) != 0)
    {
        status = mds_fail_errno(err, "give \"%s\" to the readers", name);
    } else {
        status = file == NULL
                     ? mds_readers_set_files(dir, st.st_uid, gid, err)
                     : mds_readers_set_file(fd, file, st.st_uid, gid, err);
    }

    closedir(dir);
    return status;
}

/* Of the journal, the table of readers stays the loader's: root maps it, and
 * follows pointers in it. */
static mds_status_t
mds_readers_set_folders(int depot, int state, int64_t gid, mds_error_t *err)
{
    mds_status_t status
        = mds_readers_set_folder(state, "devices", NULL, gid, err);

    if (status == MDS_OK) {
        status = mds_readers_set_folder(depot, "state", NULL, gid, err);
    }

    return status == MDS_OK
               ? mds_readers_set_folder(depot, "journal", "data.mdb", gid, err)
               : status;
}

mds_status_t
mds_depot_set_readers(const char *depot, int64_t gid, mds_error_t *err)
{
    int          at = open(depot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int          state = at < 0
                             ? -1
                             : openat(at, "state",
                                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    mds_status_t status
        = state < 0 ? mds_fail_errno(err, "open the state of \"%s\"", depot)
                    : mds_readers_set_folders(at, state, gid, err);

    if (state >= 0) {
        close(state);
    }

    if (at >= 0) {
        close(at);
    }

    return status;
}

mds_status_t
mds_depot_get_readers(const char *depot, mds_error_t *err, int64_t *gid)
{
    mds_path_t   path;
    struct stat  st;
    mds_status_t status = mds_path(&path, err, "%s/journal", depot);

    if (status != MDS_OK) {
        return status;
    }

    if (stat(path.text, &st) != 0) {
        return mds_fail_errno(err, "stat \"%s\"", path.text);
    }

    *gid = (st.st_mode & 0040) != 0 ? (int64_t) st.st_gid : -1;
    return MDS_OK;
}
