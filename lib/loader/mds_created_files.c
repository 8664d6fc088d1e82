#include "loader/mds_created_files.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "base/mds_intern.h"

static const char *const mds_undo_dirs[] = { "files", "lists" };

#define MDS_UNDO_DIRS mds_nelems(mds_undo_dirs)

struct mds_created_files_s {
    mds_path_t    dirs[MDS_UNDO_DIRS];
    mds_intern_t *names[MDS_UNDO_DIRS];
};

/* Notes all names; those that are new are removed if that is asked for. */
static mds_status_t
mds_created_files_walk(mds_created_files_t *undo, size_t i, bool remove,
                       mds_error_t *err)
{
    struct dirent *entry;
    bool           fresh;
    mds_status_t   status = MDS_OK;
    DIR           *dir = opendir(undo->dirs[i].text);

    if (dir == NULL) {
        return mds_fail_errno(err, "open \"%s\"", undo->dirs[i].text);
    }

    while (status == MDS_OK && (entry = readdir(dir)) != NULL) {
        if (mds_intern(undo->names[i], mds_str_of(entry->d_name), &fresh)
            == UINT32_MAX) {
            status = mds_fail_memory(err);

        } else if (remove && fresh) {
            (void) unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }

    closedir(dir);
    return status;
}

mds_status_t
mds_created_files_new(const char *depot, mds_error_t *err,
                      mds_created_files_t **undo)
{
    mds_created_files_t *begun = calloc(1, sizeof(*begun));
    mds_status_t         status = MDS_OK;

    if (begun == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; status == MDS_OK && i < MDS_UNDO_DIRS; i++) {
        begun->names[i] = mds_intern_new();
        status = begun->names[i] == NULL
                     ? mds_fail_memory(err)
                     : mds_path(&begun->dirs[i], err, "%s/%s", depot,
                                mds_undo_dirs[i]);

        if (status == MDS_OK) {
            status = mds_created_files_walk(begun, i, false, err);
        }
    }

    if (status != MDS_OK) {
        mds_created_files_free(begun);
        return status;
    }

    *undo = begun;
    return MDS_OK;
}

void
mds_created_files_free(mds_created_files_t *undo)
{
    if (undo == NULL) {
        return;
    }

    for (size_t i = 0; i < MDS_UNDO_DIRS; i++) {
        if (undo->names[i] != NULL) {
            mds_intern_free(undo->names[i]);
        }
    }

    free(undo);
}

void
mds_created_files_remove(mds_created_files_t *undo)
{
    for (size_t i = 0; undo != NULL && i < MDS_UNDO_DIRS; i++) {
        (void) mds_created_files_walk(undo, i, true, NULL);
    }
}
