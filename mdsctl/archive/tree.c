/* tree: removes and compares directories recursively. */

#include "archive/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES 65536

static mds_status_t
remove_in(int at, const char *name, int depth, mds_error_t *err);
static mds_status_t compare(int at_a, const char *a, int at_b, const char *b,
                            int depth, mds_error_t *err, bool *same);

static mds_status_t
open_dir(int at, const char *name, int depth, mds_error_t *err, DIR **dir)
{
    int fd;

    /* The deepest directory may still contain files. */
    if (depth > MDSCTL_TREE_DEPTH + 1) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\": directories are nested too deeply", name);
    }

    fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", name);
    }

    *dir = fdopendir(fd);
    if (*dir == NULL) {
        close(fd);
        return mds_fail_errno(err, "open \"%s\"", name);
    }

    return MDS_OK;
}

/* Returns the next name except "." and "..", or NULL at the end or on failure,
 * which *status tells apart. */
static const char *
next_name(DIR *dir, mds_error_t *err, mds_status_t *status)
{
    struct dirent *entry;

    do {
        errno = 0;
        entry = readdir(dir);
    } while (entry != NULL
             && (strcmp(entry->d_name, ".") == 0
                 || strcmp(entry->d_name, "..") == 0));

    if (entry == NULL) {
        if (errno != 0) {
            *status = mds_fail_errno(err, "read a directory");
        }
        return NULL;
    }

    return entry->d_name;
}

static mds_status_t
remove_inside(int at, const char *name, int depth, mds_error_t *err)
{
    const char  *inner;
    DIR         *dir = NULL;
    mds_status_t status = open_dir(at, name, depth, err, &dir);

    if (status != MDS_OK || dir == NULL) {
        return status;
    }

    while (status == MDS_OK && (inner = next_name(dir, err, &status)) != NULL) {
        status = remove_in(dirfd(dir), inner, depth + 1, err);
    }

    closedir(dir);
    return status;
}

static mds_status_t
remove_in(int at, const char *name, int depth, mds_error_t *err)
{
    mds_status_t status;

    if (unlinkat(at, name, 0) == 0 || errno == ENOENT) {
        return MDS_OK;
    }

    if (errno != EISDIR && errno != EPERM) {
        return mds_fail_errno(err, "remove \"%s\"", name);
    }

    status = remove_inside(at, name, depth, err);

    if (status == MDS_OK && unlinkat(at, name, AT_REMOVEDIR) != 0) {
        status = mds_fail_errno(err, "remove \"%s\"", name);
    }

    return status;
}

mds_status_t
mdsctl_tree_remove(int at, const char *name, mds_error_t *err)
{
    return remove_in(at, name, 0, err);
}

static mds_status_t
open_file(int at, const char *name, mds_error_t *err, FILE **file)
{
    int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    *file = fd < 0 ? NULL : fdopen(fd, "r");

    if (*file == NULL && fd >= 0) {
        close(fd);
    }

    return *file == NULL ? mds_fail_errno(err, "open \"%s\"", name) : MDS_OK;
}

static mds_status_t
compare_files(int at_a, const char *a, int at_b, const char *b,
              mds_error_t *err, bool *same)
{
    char         bytes_a[CHUNK_BYTES], bytes_b[CHUNK_BYTES];
    size_t       n = 1;
    FILE        *file_a = NULL, *file_b = NULL;
    mds_status_t status;

    if ((status = open_file(at_a, a, err, &file_a)) != MDS_OK
        || (status = open_file(at_b, b, err, &file_b)) != MDS_OK)
    {
        goto done;
    }

    while (*same && n > 0) {
        n = fread(bytes_a, 1, sizeof(bytes_a), file_a);
        *same = fread(bytes_b, 1, sizeof(bytes_b), file_b) == n
                && memcmp(bytes_a, bytes_b, n) == 0;
    }

    if (ferror(file_a) || ferror(file_b)) {
        status = mds_fail_errno(err, "read \"%s\"", a);
    }

done:
    if (file_a != NULL) {
        fclose(file_a);
    }
    if (file_b != NULL) {
        fclose(file_b);
    }

    return status;
}

/* Compares each name of a with that in b, and then how many there are. */
static mds_status_t
compare_dirs(int at_a, const char *a, int at_b, const char *b, int depth,
             mds_error_t *err, bool *same)
{
    DIR         *dir_a = NULL, *dir_b = NULL;
    size_t       left = 0;
    const char  *name;
    mds_status_t status;

    if ((status = open_dir(at_a, a, depth, err, &dir_a)) != MDS_OK
        || (status = open_dir(at_b, b, depth, err, &dir_b)) != MDS_OK)
    {
        goto done;
    }

    while (status == MDS_OK && *same
           && (name = next_name(dir_a, err, &status)) != NULL)
    {
        status = compare(dirfd(dir_a), name, dirfd(dir_b), name, depth + 1, err,
                         same);
        left++;
    }

    while (status == MDS_OK && *same && next_name(dir_b, err, &status) != NULL)
    {
        *same = left-- > 0;
    }

done:
    if (dir_a != NULL) {
        closedir(dir_a);
    }
    if (dir_b != NULL) {
        closedir(dir_b);
    }

    return status;
}

/* Clears *same where the two differ. */
static mds_status_t
compare(int at_a, const char *a, int at_b, const char *b, int depth,
        mds_error_t *err, bool *same)
{
    struct stat st_a, st_b;

    if (fstatat(at_a, a, &st_a, AT_SYMLINK_NOFOLLOW) != 0) {
        return mds_fail_errno(err, "stat \"%s\"", a);
    }

    if (fstatat(at_b, b, &st_b, AT_SYMLINK_NOFOLLOW) != 0) {
        *same = false;
        return errno == ENOENT ? MDS_OK : mds_fail_errno(err, "stat \"%s\"", b);
    }

    if (S_ISDIR(st_a.st_mode) && S_ISDIR(st_b.st_mode)) {
        return compare_dirs(at_a, a, at_b, b, depth, err, same);
    }

    *same = S_ISREG(st_a.st_mode) && S_ISREG(st_b.st_mode)
            && st_a.st_size == st_b.st_size;

    return *same ? compare_files(at_a, a, at_b, b, err, same) : MDS_OK;
}

mds_status_t
mdsctl_tree_compare(int at, const char *a, const char *b, mds_error_t *err,
                    bool *same)
{
    bool         result = true;
    mds_status_t status = compare(at, a, at, b, 0, err, &result);

    if (status == MDS_OK) {
        *same = result;
    }

    return status;
}
