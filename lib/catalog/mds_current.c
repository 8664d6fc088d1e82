/*
 * Maps DEPOT/CURRENT, reads it, and advances it.
 */

#include "catalog/mds_current.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_file.h"

#define MDS_CURRENT_TAG "mdscur1"

typedef struct {
    char             tag[8];
    _Atomic uint64_t serial;
} mds_current_file_t;

_Static_assert(sizeof(mds_current_file_t) == 16, "as drawn");

struct mds_current_s {
    mds_current_file_t *file;
    dev_t               device;
    ino_t               inode;
};

static bool
mds_current_has_tag(const mds_current_file_t *file)
{
    return memcmp(file->tag, MDS_CURRENT_TAG, sizeof(MDS_CURRENT_TAG)) == 0;
}

/* Creates the file under a temporary name, in a directory from which the loader
 * removes such files, so that it is there completely or not at all. */
mds_status_t
mds_current_create(const char *depot, mds_error_t *err)
{
    char            bytes[sizeof(mds_current_file_t)] = MDS_CURRENT_TAG;
    mds_path_t      path, dir;
    mds_temp_file_t draft = MDS_NO_TEMP_FILE;
    mds_status_t    status = mds_path(&path, err, "%s/CURRENT", depot);

    if (status == MDS_OK) {
        status = mds_path(&dir, err, "%s/catalog", depot);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_create(&draft, dir.text, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_write(&draft, bytes, sizeof(bytes), err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_commit(&draft, path.text, 0644, err);
    }

    mds_temp_file_discard(&draft);
    return status;
}

static mds_status_t
mds_current_map(int fd, bool writable, const char *path, mds_error_t *err,
                mds_current_t *current)
{
    struct stat st;
    void       *map;

    if (fstat(fd, &st) != 0) {
        return mds_fail_errno(err, "stat \"%s\"", path);
    }

    if (!S_ISREG(st.st_mode) || st.st_size != sizeof(mds_current_file_t)) {
        return mds_fail(err, MDS_INCOMPATIBLE,
                        "\"%s\" is not a depot's CURRENT", path);
    }

    map = mmap(NULL, sizeof(mds_current_file_t),
               writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd,
               0);
    if (map == MAP_FAILED) {
        return mds_fail_errno(err, "map \"%s\"", path);
    }

    current->file = map;
    current->device = st.st_dev;
    current->inode = st.st_ino;

    if (!mds_current_has_tag(current->file)) {
        return mds_fail(err, MDS_INCOMPATIBLE,
                        "\"%s\" is not a depot's CURRENT", path);
    }

    return MDS_OK;
}

mds_status_t
mds_current_open(const char *depot, bool writable, mds_error_t *err,
                 mds_current_t **current)
{
    mds_current_t *opened;
    mds_path_t     path;
    mds_status_t   status = mds_path(&path, err, "%s/CURRENT", depot);
    int            fd;

    if (status != MDS_OK) {
        return status;
    }

    /* Without O_NONBLOCK, opening a FIFO would wait for a writer. */
    fd = open(path.text,
              (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", path.text);
    }

    opened = calloc(1, sizeof(*opened));
    status = opened == NULL
                 ? mds_fail_memory(err)
                 : mds_current_map(fd, writable, path.text, err, opened);
    close(fd);

    if (status != MDS_OK) {
        mds_current_close(opened);
        return status;
    }

    *current = opened;
    return MDS_OK;
}

void
mds_current_close(mds_current_t *current)
{
    if (current == NULL) {
        return;
    }

    if (current->file != NULL) {
        munmap(current->file, sizeof(*current->file));
    }

    free(current);
}

uint64_t
mds_current_serial(const mds_current_t *current)
{
    return atomic_load_explicit(&current->file->serial, memory_order_acquire);
}

mds_status_t
mds_current_advance(mds_current_t *current, uint64_t serial, mds_error_t *err)
{
    uint64_t now = mds_current_serial(current);

    while (
        now < serial
        && !atomic_compare_exchange_weak(&current->file->serial, &now, serial))
    {
        /* Another loader was faster: now is its serial. */
    }

    return msync(current->file, sizeof(*current->file), MS_SYNC) == 0
               ? MDS_OK
               : mds_fail_errno(err, "write CURRENT");
}

mds_status_t
mds_current_check(const mds_current_t *current, const char *depot,
                  mds_error_t *err)
{
    mds_path_t   path;
    struct stat  st;
    mds_status_t status = mds_path(&path, err, "%s/CURRENT", depot);

    if (status != MDS_OK) {
        return status;
    }

    if (stat(path.text, &st) != 0) {
        return mds_fail_errno(err, "open \"%s\"", path.text);
    }

    if (st.st_dev != current->device || st.st_ino != current->inode) {
        return mds_fail(err, MDS_CONFLICT, "\"%s\" was replaced", path.text);
    }

    if (st.st_size != sizeof(*current->file)) {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" is cut short", path.text);
    }

    return mds_current_has_tag(current->file)
               ? MDS_OK
               : mds_fail(err, MDS_INCOMPATIBLE, "\"%s\" was overwritten",
                          path.text);
}
