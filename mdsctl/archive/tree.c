/* tree: removes and compares directories with all that is in them. */

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
static mds_status_t same_in(int at_a, const char *a, int at_b, const char *b,
                            int depth, mds_error_t *err, bool *same);

static mds_status_t
open_folder(int at, const char *name, int depth, mds_error_t *err, DIR **folder)
{
    int fd;

    /* Within the deepest of them there may still be files. */
    if (depth > MDSCTL_TREE_DEPTH + 1) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\": too many folders within"
                        " folders",
                        name);
    }

    fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", name);
    }

    *folder = fdopendir(fd);
    if (*folder == NULL) {
        close(fd);
        return mds_fail_errno(err, "open \"%s\"", name);
    }

    return MDS_OK;
}

/* The next name but "." and ".."; NULL: no more, or *status says. */
static const char *
next_name(DIR *folder, mds_error_t *err, mds_status_t *status)
{
    struct dirent *entry;

    do {
        errno = 0;
        entry = readdir(folder);
    } while (entry != NULL
             && (strcmp(entry->d_name, ".") == 0
                 || strcmp(entry->d_name, "..") == 0));

    if (entry == NULL) {
        if (errno != 0) {
            *status = mds_fail_errno(err, "read a folder");
        }
        return NULL;
    }

    return entry->d_name;
}

static mds_status_t
remove_inside(int at, const char *name, int depth, mds_error_t *err)
{
    const char  *inner;
    DIR         *folder = NULL;
    mds_status_t status = open_folder(at, name, depth, err, &folder);

    if (status != MDS_OK || folder == NULL) {
        return status;
    }

    while (status == MDS_OK
           && (inner = next_name(folder, err, &status)) != NULL) {
        status = remove_in(dirfd(folder), inner, depth + 1, err);
    }

    closedir(folder);
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
    if (*file != NULL) {
        return MDS_OK;
    }

    if (fd >= 0) {
        close(fd);
    }

    return mds_fail_errno(err, "open \"%s\"", name);
}

static mds_status_t
same_bytes(FILE *a, FILE *b, const char *name, mds_error_t *err, bool *same)
{
    char   left[CHUNK_BYTES], right[CHUNK_BYTES];
    size_t n;

    *same = true;

    do {
        n = fread(left, 1, sizeof(left), a);
        *same = fread(right, 1, sizeof(right), b) == n
                && memcmp(left, right, n) == 0;
    } while (*same && n > 0);

    return ferror(a) || ferror(b) ? mds_fail_errno(err, "read \"%s\"", name)
                                  : MDS_OK;
}

static mds_status_t
same_files(int at_a, const char *a, int at_b, const char *b, mds_error_t *err,
           bool *same)
{
    FILE        *left = NULL, *right = NULL;
    mds_status_t status = open_file(at_a, a, err, &left);

    if (status == MDS_OK) {
        status = open_file(at_b, b, err, &right);
    }

    if (status == MDS_OK) {
        status = same_bytes(left, right, a, err, same);
    }

    if (left != NULL) {
        fclose(left);
    }
    if (right != NULL) {
        fclose(right);
    }

    return status;
}

/* *count: how many there are in the folder. */
static mds_status_t
count_names(DIR *folder, mds_error_t *err, size_t *count)
{
    mds_status_t status = MDS_OK;

    for (*count = 0; next_name(folder, err, &status) != NULL; ++*count) {
    }

    return status;
}

static mds_status_t
same_inside(DIR *a, DIR *b, int depth, mds_error_t *err, bool *same)
{
    size_t       seen = 0, count = 0;
    const char  *name;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && *same
           && (name = next_name(a, err, &status)) != NULL) {
        status = same_in(dirfd(a), name, dirfd(b), name, depth + 1, err, same);
        seen++;
    }

    if (status == MDS_OK && *same) {
        status = count_names(b, err, &count);
        *same = count == seen;
    }

    return status;
}

static mds_status_t
same_folders(int at_a, const char *a, int at_b, const char *b, int depth,
             mds_error_t *err, bool *same)
{
    DIR         *left = NULL, *right = NULL;
    mds_status_t status = open_folder(at_a, a, depth, err, &left);

    if (status == MDS_OK) {
        status = open_folder(at_b, b, depth, err, &right);
    }

    if (status == MDS_OK) {
        status = same_inside(left, right, depth, err, same);
    }

    if (left != NULL) {
        closedir(left);
    }
    if (right != NULL) {
        closedir(right);
    }

    return status;
}

static mds_status_t
same_in(int at_a, const char *a, int at_b, const char *b, int depth,
        mds_error_t *err, bool *same)
{
    struct stat left, right;

    if (fstatat(at_a, a, &left, AT_SYMLINK_NOFOLLOW) != 0) {
        return mds_fail_errno(err, "stat \"%s\"", a);
    }

    if (fstatat(at_b, b, &right, AT_SYMLINK_NOFOLLOW) != 0) {
        *same = false;
        return errno == ENOENT ? MDS_OK : mds_fail_errno(err, "stat \"%s\"", b);
    }

    *same = (left.st_mode & S_IFMT) == (right.st_mode & S_IFMT);

    if (*same && S_ISDIR(left.st_mode)) {
        return same_folders(at_a, a, at_b, b, depth, err, same);
    }

    *same = *same && S_ISREG(left.st_mode) && left.st_size == right.st_size;

    return *same ? same_files(at_a, a, at_b, b, err, same) : MDS_OK;
}

mds_status_t
mdsctl_tree_same(int at, const char *a, const char *b, mds_error_t *err,
                 bool *same)
{
    *same = true;

    return same_in(at, a, at, b, 0, err, same);
}
