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

/* Sets group and mode of a folder, and of the files in it. */
static mds_status_t
mds_readers_set_folder(const char *depot, const char *name, int64_t gid,
                       mds_error_t *err)
{
    mds_path_t   path;
    struct stat  st;
    DIR         *dir;
    int          fd;
    mds_status_t status = mds_path(&path, err, "%s/%s", depot, name);

    if (status != MDS_OK) {
        return status;
    }

    fd = open(path.text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL) {
        status = mds_fail_errno(err, "open \"%s\"", path.text);
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }

    /* The owner first: fchown() clears the set-group-id bit. */
    if (fstat(fd, &st) != 0 || fchown(fd, (uid_t) -1, (gid_t) gid) != 0
        || fchmod(fd, MDS_READERS_FOLDER) != 0)
    {
        status = mds_fail_errno(err, "give \"%s\" to the readers", path.text);
    } else {
        status = mds_readers_set_files(dir, st.st_uid, gid, err);
    }

    closedir(dir);
    return status;
}

/* Sets group and mode of the journal. Its table of readers stays the loader's:
 * root maps it, and follows pointers in it. */
static mds_status_t
mds_readers_set_journal(const char *depot, int64_t gid, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/journal/data.mdb", depot);

    if (status == MDS_OK
        && (chown(path.text, (uid_t) -1, (gid_t) gid) != 0
            || chmod(path.text, 0640) != 0))
    {
        return mds_fail_errno(err, "give \"%s\" to the readers", path.text);
    }

    if (status == MDS_OK) {
        status = mds_path(&path, err, "%s/journal", depot);
    }

    return status == MDS_OK
                   && (chown(path.text, (uid_t) -1, (gid_t) gid) != 0
                       || chmod(path.text, MDS_READERS_FOLDER) != 0)
               ? mds_fail_errno(err, "give \"%s\" to the readers", path.text)
               : status;
}

mds_status_t
mds_depot_set_readers(const char *depot, int64_t gid, mds_error_t *err)
{
    mds_status_t status
        = mds_readers_set_folder(depot, "state/devices", gid, err);

    if (status == MDS_OK) {
        status = mds_readers_set_folder(depot, "state", gid, err);
    }

    return status == MDS_OK ? mds_readers_set_journal(depot, gid, err) : status;
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
