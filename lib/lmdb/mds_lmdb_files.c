/*
 * Checks and gives away the two files of a SHARED environment, by descriptors:
 * a user who may write to their folder can replace them at any time.
 */

#include "lmdb/mds_lmdb_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const mds_lmdb_names[] = { "data.mdb", "lock.mdb" };

/* LMDB's table of readers has a cache line for each, and one before them. */
#define MDS_LMDB_LOCK_BYTES_MIN (MDS_LMDB_READERS * 64)

/* Checks that neither name is that of a device, for which LMDB might wait
 * forever. The files need not exist yet. */
mds_status_t
mds_lmdb_check_files(const char *dir, mds_error_t *err)
{
    for (size_t i = 0; i < mds_nelems(mds_lmdb_names); i++) {
        mds_path_t   path;
        struct stat  st;
        mds_status_t status
            = mds_path(&path, err, "%s/%s", dir, mds_lmdb_names[i]);

        if (status != MDS_OK) {
            return status;
        }

        if (lstat(path.text, &st) == 0 && !S_ISREG(st.st_mode)) {
            return mds_fail(err, MDS_INVALID, "\"%s\" must be a regular file",
                            path.text);
        }
    }

    return MDS_OK;
}

/* Checks that LMDB will not look for readers behind the end of lock.mdb. It
 * creates the file, and extends an empty one that nobody else has open. */
mds_status_t
mds_lmdb_check_lock(const char *dir, mds_error_t *err)
{
    mds_path_t   path;
    struct stat  st;
    mds_status_t status = mds_path(&path, err, "%s/lock.mdb", dir);

    if (status != MDS_OK || stat(path.text, &st) != 0 || st.st_size == 0
        || st.st_size >= MDS_LMDB_LOCK_BYTES_MIN)
    {
        return status;
    }

    return mds_fail(err, MDS_INVALID, "\"%s\" is truncated: remove it",
                    path.text);
}

/* Returns whether the process may use a file in such a way (access()). */
static bool
mds_lmdb_may(const char *dir, const char *name, int how)
{
    mds_path_t path;

    return mds_path(&path, NULL, "%s/%s", dir, name) == MDS_OK
           && faccessat(AT_FDCWD, path.text, how, AT_EACCESS) == 0;
}

int
mds_lmdb_find_denial(const char *dir, bool *locks)
{
    *locks = mds_lmdb_may(dir, "lock.mdb", R_OK | W_OK);

    return mds_lmdb_may(dir, "data.mdb", R_OK)
                   && !mds_lmdb_may(dir, "data.mdb", W_OK)
                   && (errno == EACCES || errno == EROFS)
               ? errno
               : 0;
}

/* Allocates the file on the disk before it is given away. Readers write to
 * lock.mdb through a mapping: on a full disk, a hole in it would end them. */
static mds_status_t
mds_lmdb_give_file(int dir, const char *name, uid_t uid, gid_t gid,
                   mds_error_t *err)
{
    struct stat  st;
    mds_status_t status = MDS_OK;
    int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", name);
    }

    if (fstat(fd, &st) != 0) {
        status = mds_fail_errno(err, "stat \"%s\"", name);

    } else if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        status = mds_fail(err, MDS_INVALID,
                          "\"%s\" must be a regular file of one name", name);

    } else if ((errno = posix_fallocate(fd, 0, st.st_size)) != 0) {
        status = mds_fail_errno(err, "fill \"%s\"", name);

    } else if (fchown(fd, uid, gid) != 0 || fchmod(fd, 0660) != 0) {
        status = mds_fail_errno(err, "give \"%s\" to the workers", name);
    }

    close(fd);
    return status;
}

mds_status_t
mds_lmdb_give(mds_lmdb_t *lmdb, int64_t uid, int64_t gid, mds_error_t *err)
{
    const char  *path = "";
    mds_status_t status = MDS_OK;
    int          dir;

    if (lmdb->remote != NULL) {
        return mds_lmdb_call_remote(lmdb, MDS_LMDB_GIVE, -1, err, NULL);
    }

    (void) mdb_env_get_path(lmdb->env, &path);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir < 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(mds_lmdb_names); i++)
    {
        status = mds_lmdb_give_file(dir, mds_lmdb_names[i], (uid_t) uid,
                                    (gid_t) gid, err);
    }

    close(dir);
    return status;
}
