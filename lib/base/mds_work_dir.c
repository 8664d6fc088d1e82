/*
 * Locks directories by flock(), which the kernel undoes for a killed process.
 */

#include "base/mds_work_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* Opens and locks a directory. Returns NULL if there is none, or if it is held.
 */
static DIR *
mds_work_dir_lock(int parent_fd, const char *name)
{
    int  fd = openat(parent_fd, name,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir;

    if (fd < 0) {
        return NULL;
    }

    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || (dir = fdopendir(fd)) == NULL) {
        close(fd);
        return NULL;
    }

    return dir;
}

/* Removes the directory's files, and closes it. */
static void
mds_work_dir_empty(DIR *dir)
{
    struct dirent *entry;

    rewinddir(dir);

    while ((entry = readdir(dir)) != NULL) {
        (void) unlinkat(dirfd(dir), entry->d_name, 0);
    }

    closedir(dir);
}

mds_status_t
mds_work_dir_create(mds_work_dir_t *work, const char *parent, mds_error_t *err)
{
    mds_status_t status = mds_temp_dir_create(parent, err, &work->path);

    if (status != MDS_OK) {
        return status;
    }

    work->dir = mds_work_dir_lock(AT_FDCWD, work->path.text);

    if (work->dir == NULL) {
        status = mds_fail_errno(err, "lock \"%s\"", work->path.text);
        rmdir(work->path.text);
    }

    return status;
}

void
mds_work_dir_remove(mds_work_dir_t *work)
{
    if (work->dir != NULL) {
        mds_work_dir_empty(work->dir);
        rmdir(work->path.text);
        work->dir = NULL;
    }
}

void
mds_work_dir_remove_abandoned(int parent_fd, const char *name)
{
    DIR *dir = mds_work_dir_lock(parent_fd, name);

    if (dir != NULL) {
        mds_work_dir_empty(dir);
        (void) unlinkat(parent_fd, name, AT_REMOVEDIR);
    }
}
