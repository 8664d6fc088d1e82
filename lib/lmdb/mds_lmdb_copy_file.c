/*
 * Copies an environment that this user may read, but in whose table of readers
 * it cannot register. A writer does not see such a reader. It writes no page of
 * the last commit, but the next writer does: the copy is good if no commit was
 * made meanwhile.
 */

#define _GNU_SOURCE /* mkostemp(), secure_getenv() */

#include "lmdb/mds_lmdb_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A copy is tried so many times, with pauses between. */
#define MDS_LMDB_COPY_TRIES 50
#define MDS_LMDB_COPY_PAUSE_NS 20000000

/* Creates a file without a name in TMPDIR, or in /tmp. */
static mds_status_t
mds_lmdb_create_unnamed(mds_error_t *err, int *fd)
{
    const char  *dir = secure_getenv("TMPDIR");
    mds_path_t   path;
    mds_status_t status;

    dir = dir == NULL || dir[0] == '\0' ? "/tmp" : dir;
    status = mds_path(&path, err, "%s/mds-journal-XXXXXX", dir);

    if (status != MDS_OK) {
        return status;
    }

    *fd = mkostemp(path.text, O_CLOEXEC);

    if (*fd < 0) {
        return mds_fail_errno(err, "create a file in \"%s\"", dir);
    }

    (void) unlink(path.text);
    return MDS_OK;
}

/* Opens the environment anew, so that its pages are those of now, and copies
 * it. *is_whole tells whether no commit was made meanwhile. */
static int
mds_lmdb_try_copy(const char *dir, int fd, bool *is_whole)
{
    MDB_env    *env;
    MDB_envinfo before, after;
    int         code = mdb_env_create(&env);

    if (code != 0) {
        return code;
    }

    code = mdb_env_set_mapsize(env, MDS_LMDB_MAP_BYTES);
    code = code != 0 ? code
                     : mdb_env_open(env, dir,
                                    MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0640);
    code = code != 0 ? code : mdb_env_info(env, &before);
    code = code != 0 ? code : mdb_env_copyfd2(env, fd, 0);
    code = code != 0 ? code : mdb_env_info(env, &after);

    if (code == 0) {
        *is_whole = before.me_last_txnid == after.me_last_txnid;
    }

    mdb_env_close(env);
    return code;
}

mds_status_t
mds_lmdb_copy_file(const char *dir, mds_error_t *err, int *fd)
{
    const struct timespec pause = { .tv_nsec = MDS_LMDB_COPY_PAUSE_NS };
    bool                  is_whole = false;
    int                   copy, code = 0;
    mds_status_t          status = mds_lmdb_create_unnamed(err, &copy);

    if (status != MDS_OK) {
        return status;
    }

    for (int i = 0; code == 0 && !is_whole && i < MDS_LMDB_COPY_TRIES; i++) {
        if (i > 0) {
            (void) nanosleep(&pause, NULL);
        }

        code = ftruncate(copy, 0) == 0 && lseek(copy, 0, SEEK_SET) == 0
                   ? mds_lmdb_try_copy(dir, copy, &is_whole)
                   : errno;
    }

    if (code == 0 && is_whole) {
        *fd = copy;
        return MDS_OK;
    }

    close(copy);

    return code != 0 ? mds_lmdb_fail(err, code, "copy", dir)
                     : mds_fail(err, MDS_CONFLICT,
                                "\"%s\" changes all the time: try again", dir);
}
