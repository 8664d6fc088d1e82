/* mds_device_folder: opens and lists the registry's folder. */

#include "registry/mds_device_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens a folder below another, or by its path, and never by a link. */
static mds_status_t
mds_device_dir_open(int at, const char *name, mds_error_t *err, int *dir)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", name);
    }

    *dir = fd;
    return MDS_OK;
}

static mds_status_t
mds_device_state_open(const char *depot, mds_error_t *err, int *state)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/state", depot);

    return status == MDS_OK
               ? mds_device_dir_open(AT_FDCWD, path.text, err, state)
               : status;
}

mds_status_t
mds_device_folder_open(const char *depot, mds_error_t *err, int *dir)
{
    int          state;
    mds_status_t status = mds_device_state_open(depot, err, &state);

    if (status == MDS_OK) {
        status = mds_device_dir_open(state, "devices", NULL, dir);

        if (status != MDS_OK) {
            status = mds_fail_errno(err, "open \"%s/state/devices\"", depot);
        }

        close(state);
    }

    return status;
}

mds_status_t
mds_device_folder_make(const char *depot, mds_error_t *err)
{
    struct stat  st, data;
    int          state, dir = -1;
    mds_status_t status = mds_device_state_open(depot, err, &state);

    if (status != MDS_OK) {
        return status;
    }

    /* A directory without it is not a state, but the place for one. */
    if (fstatat(state, "data.mdb", &data, AT_SYMLINK_NOFOLLOW) != 0) {
        status = mds_fail_errno(err, "find \"%s/state/data.mdb\"", depot);
    } else if (fstat(state, &st) != 0
               || (mkdirat(state, "devices", 0700) != 0 && errno != EEXIST))
    {
        status = mds_fail_errno(err, "make \"%s/state/devices\"", depot);
    } else {
        status = mds_device_dir_open(state, "devices", err, &dir);
    }

    if (status == MDS_OK
        && ((st.st_uid != geteuid() && fchown(dir, st.st_uid, st.st_gid) != 0)
            || fchmod(dir, 02700 | (st.st_mode & 0070)) != 0))
    {
        status = mds_fail_errno(err, "give \"%s/state/devices\" to the workers",
                                depot);
    }

    if (dir >= 0) {
        close(dir);
    }

    close(state);
    return status;
}

static int
mds_device_file_order(const void *a, const void *b)
{
    const mds_device_file_t *x = a, *y = b;
    bool                     x_run = x->kind == MDS_DEVICE_FILE_RUN;
    bool                     y_run = y->kind == MDS_DEVICE_FILE_RUN;

    if (x_run != y_run) {
        return x_run ? -1 : 1;
    }

    if (x->level != y->level) {
        return x->level > y->level ? -1 : 1;
    }

    if (x->serial != y->serial) {
        return x->serial < y->serial ? -1 : 1;
    }

    return x->part != y->part ? (x->part < y->part ? -1 : 1)
                              : strcmp(x->name, y->name);
}

static mds_status_t
mds_device_files_add(mds_device_files_t *files, const mds_device_file_t *file,
                     mds_error_t *err)
{
    mds_device_file_t *grown = files->files;

    if (files->count == MDS_DEVICE_FILES_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "\"state/devices\" has more than %d files",
                        MDS_DEVICE_FILES_MAX);
    }

    if ((files->count & (files->count - 1)) == 0) {
        grown = realloc(grown, (files->count == 0 ? 1 : files->count * 2)
                                   * sizeof(*grown));
        if (grown == NULL) {
            return mds_fail_memory(err);
        }
    }

    grown[files->count++] = *file;
    files->files = grown;
    files->bytes += file->bytes;
    return MDS_OK;
}

static mds_status_t
mds_device_folder_read(int dir, DIR *stream, mds_error_t *err,
                       mds_device_files_t *files)
{
    struct dirent    *entry;
    struct stat       st;
    mds_device_file_t file;
    mds_status_t      status = MDS_OK;

    while (status == MDS_OK && (errno = 0, entry = readdir(stream)) != NULL) {
        if (mds_device_file_parse(entry->d_name, &file) == MDS_DEVICE_FILE_OTHER
            || fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        {
            continue;
        }

        file.bytes = S_ISREG(st.st_mode) ? (uint64_t) st.st_size : 0;
        status = mds_device_files_add(files, &file, err);
    }

    return status == MDS_OK && errno != 0
               ? mds_fail_errno(err, "read \"state/devices\"")
               : status;
}

mds_status_t
mds_device_folder_list(int dir, mds_error_t *err, mds_device_files_t *files)
{
    mds_device_files_t list = { 0 };
    int          fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR         *stream = fd < 0 ? NULL : fdopendir(fd);
    mds_status_t status;

    if (stream == NULL) {
        status = mds_fail_errno(err, "read \"state/devices\"");
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }

    status = mds_device_folder_read(dir, stream, err, &list);
    closedir(stream);

    if (status != MDS_OK) {
        mds_device_files_free(&list);
        return status;
    }

    if (list.count > 0) {
        qsort(list.files, list.count, sizeof(*list.files),
              mds_device_file_order);
    }

    *files = list;
    return MDS_OK;
}

void
mds_device_files_free(mds_device_files_t *files)
{
    free(files->files);
    *files = (mds_device_files_t){ 0 };
}
