/* mds_registry_files: visits the registry's files for a copy, which needs
 * neither their devices nor their order. */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "registry/mds_registry_internal.h"

/* Holds open files. */
typedef struct {
    int                    dir;
    mds_device_files_t     files;
    int                   *fds; /* below zero: not open */
    uint64_t              *bytes;
    mds_registry_foreign_t foreign;
} mds_registry_copy_t;

static void
mds_copy_close(mds_registry_copy_t *copy)
{
    for (size_t i = 0; copy->fds != NULL && i < copy->files.count; i++) {
        if (copy->fds[i] >= 0) {
            close(copy->fds[i]);
        }
    }

    free(copy->fds);
    free(copy->bytes);
    copy->fds = NULL;
    copy->bytes = NULL;
    mds_device_files_free(&copy->files);
}

/* Opens all files but foreign ones. Returns MDS_NOT_FOUND if a merge has
 * removed one. */
static mds_status_t
mds_copy_open_files(mds_registry_copy_t *copy, mds_error_t *err)
{
    mds_error_t  why;
    mds_status_t status = MDS_OK;

    copy->foreign.count = 0;

    for (size_t i = 0; i < copy->files.count; i++) {
        copy->fds[i] = -1;
    }

    for (size_t i = 0; status == MDS_OK && i < copy->files.count; i++) {
        const mds_device_file_t *file = &copy->files.files[i];

        if (file->kind != MDS_DEVICE_FILE_TEMP) {
            status = mds_device_file_open(copy->dir, file->name, O_RDONLY, &why,
                                          &copy->fds[i], &copy->bytes[i]);
        }

        if (status == MDS_INVALID) {
            status = MDS_OK;
            copy->foreign.why
                = copy->foreign.count++ == 0 ? why : copy->foreign.why;
        }
    }

    return status == MDS_OK ? MDS_OK : mds_fail(err, status, "%s", why.text);
}

static mds_status_t
mds_copy_open(mds_registry_copy_t *copy, mds_error_t *err)
{
    mds_status_t status = mds_device_folder_list(copy->dir, err, &copy->files);

    if (status != MDS_OK) {
        return status;
    }

    copy->fds = calloc(copy->files.count + 1, sizeof(*copy->fds));
    copy->bytes = calloc(copy->files.count + 1, sizeof(*copy->bytes));

    if (copy->fds == NULL || copy->bytes == NULL) {
        free(copy->fds);
        copy->fds = NULL;
        return mds_fail_memory(err);
    }

    return mds_copy_open_files(copy, err);
}

mds_status_t
mds_registry_visit_files(const char *depot, mds_registry_file_t visit,
                         void *data, mds_error_t *err,
                         mds_registry_foreign_t *foreign)
{
    mds_registry_copy_t copy = { 0 };
    mds_status_t        status = mds_device_folder_open(depot, err, &copy.dir);

    if (status != MDS_OK) {
        return status == MDS_NOT_FOUND ? MDS_OK : status;
    }

    status = MDS_NOT_FOUND;

    for (int i = 0; status == MDS_NOT_FOUND && i < MDS_REGISTRY_TRIES; i++) {
        mds_copy_close(&copy);
        status = mds_copy_open(&copy, err);
    }

    for (size_t i = 0; status == MDS_OK && i < copy.files.count; i++) {
        if (copy.fds[i] >= 0) {
            status = visit(data, copy.files.files[i].name, copy.fds[i],
                           copy.bytes[i], err);
        }
    }

    if (status == MDS_OK) {
        *foreign = copy.foreign;
    }

    mds_copy_close(&copy);
    close(copy.dir);
    return status;
}
