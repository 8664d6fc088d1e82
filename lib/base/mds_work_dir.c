/*
 * Locks directories by flock(), which the kernel undoes for a killed process.
 */

#include "base/mds_work_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

static int
mds_work_dir_lock(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return -1;
    }

    return fd;
}

/* Removes the directory's files, and closes fd. */
static void
mds_work_dir_empty(int fd)
{
    struct dirent *entry;
    DIR           *dir = fdopendir(fd);

    if (dir == NULL) {
        close(fd);
        return;
    }

    while ((entry = readdir(dir)) != NULL) {
        (void) unlinkat(fd, entry->d_name, 0);
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

    work->lock = mds_work_dir_lock(AT_FDCWD, work->path.text);

    if (work->lock < 0) {
        status = mds_fail_errno(err, "lock \"%s\"", work->path.text);
        rmdir(work->path.text);
    }

    return status;
}

void
mds_work_dir_remove(mds_work_dir_t *work)
{
    if (work->lock >= 0) {
        mds_work_dir_empty(work->lock);
        rmdir(work->path.text);
        work->lock = -1;
    }
}

void
mds_work_dir_remove_abandoned(int parent_fd, const char *name)
{
    int fd = mds_work_dir_lock(parent_fd, name);

    if (fd >= 0) {
        mds_work_dir_empty(fd);
        (void) unlinkat(parent_fd, name, AT_REMOVEDIR);
    }
}
