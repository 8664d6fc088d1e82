/* work_dir: temporary directories, and the removal of abandoned ones. */

#include "archive/work_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tree.h"

#define ANY_BYTES (sizeof(MDSCTL_WORK_DIR_ANY) - 1)

/* Opens and locks a directory. Returns -1 if it is not a directory or is
 * locked by another process. */
static int
open_and_lock(int at, const char *name, int how)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 && flock(fd, how) != 0) {
        close(fd);
        return -1;
    }

    return fd;
}

static void
remove_abandoned(int at, const char *name)
{
    int          fd = open_and_lock(at, name, LOCK_EX | LOCK_NB);
    mds_status_t removed;

    if (fd >= 0) {
        removed = mdsctl_tree_remove(at, name, NULL);
        (void) removed;
        close(fd);
    }
}

void
mdsctl_work_dir_sweep(const mds_path_t *path)
{
    const char    *slash = strrchr(path->text, '/');
    const char    *base = slash == NULL ? path->text : slash + 1;
    size_t         len = strlen(base);
    mds_path_t     parent;
    struct dirent *entry;
    DIR           *dir = NULL;

    if (mds_path_dir(path->text, NULL, &parent) == MDS_OK) {
        dir = opendir(parent.text);
    }

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strlen(entry->d_name) == len
            && memcmp(entry->d_name, base, len - ANY_BYTES) == 0)
        {
            remove_abandoned(dirfd(dir), entry->d_name);
        }
    }

    if (dir != NULL) {
        closedir(dir);
    }
}

mds_status_t
mdsctl_work_dir_create(mds_path_t *path, mds_error_t *err, int *lock)
{
    const mds_path_t any = *path;
    struct stat      st;
    int              fd;

    mdsctl_work_dir_sweep(path);

    /* Another process may remove the directory before it is locked. */
    for (;;) {
        *path = any;

        if (mkdtemp(path->text) == NULL) {
            return mds_fail_errno(err, "create \"%s\"", path->text);
        }

        fd = open_and_lock(AT_FDCWD, path->text, LOCK_EX);

        if (fd >= 0 && stat(path->text, &st) == 0) {
            *lock = fd;
            return MDS_OK;
        }

        if (fd >= 0) {
            close(fd);
        }
    }
}
