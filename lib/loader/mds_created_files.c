/*
 * Notes the names in a depot's directories before a change: every name that is
 * new after it is a file of the change.
 */

#include "loader/mds_created_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "base/mds_intern.h"

static const char *const mds_created_files_dirs[]
    = { "files", "lists", "trees" };

#define MDS_CREATED_FILES_TREES 2 /* the index of "trees" */
#define MDS_CREATED_FILES_DIRS mds_nelems(mds_created_files_dirs)

struct mds_created_files_s {
    mds_path_t    dirs[MDS_CREATED_FILES_DIRS];
    mds_intern_t *names[MDS_CREATED_FILES_DIRS];
};

/* Notes all names of a directory, and removes new ones if `remove` says so. */
static mds_status_t
mds_created_files_walk(mds_created_files_t *files, size_t i, bool remove,
                       mds_error_t *err)
{
    struct dirent *entry;
    bool           fresh;
    mds_status_t   status = MDS_OK;
    DIR           *dir = opendir(files->dirs[i].text);

    if (dir == NULL && errno == ENOENT && i == MDS_CREATED_FILES_TREES) {
        return MDS_OK; /* the first tree makes the folder */
    }

    if (dir == NULL) {
        return mds_fail_errno(err, "open \"%s\"", files->dirs[i].text);
    }

    while (status == MDS_OK && (entry = readdir(dir)) != NULL) {
        if (mds_intern(files->names[i], mds_str_of(entry->d_name), &fresh)
            == UINT32_MAX)
        {
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
                      mds_created_files_t **files)
{
    mds_created_files_t *created = calloc(1, sizeof(*created));
    mds_status_t         status = MDS_OK;

    if (created == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; status == MDS_OK && i < MDS_CREATED_FILES_DIRS; i++) {
        created->names[i] = mds_intern_new();
        status = created->names[i] == NULL
                     ? mds_fail_memory(err)
                     : mds_path(&created->dirs[i], err, "%s/%s", depot,
                                mds_created_files_dirs[i]);

        if (status == MDS_OK) {
            status = mds_created_files_walk(created, i, false, err);
        }
    }

    if (status != MDS_OK) {
        mds_created_files_free(created);
        return status;
    }

    *files = created;
    return MDS_OK;
}

void
mds_created_files_free(mds_created_files_t *files)
{
    for (size_t i = 0; files != NULL && i < MDS_CREATED_FILES_DIRS; i++) {
        mds_intern_free(files->names[i]);
    }

    free(files);
}

void
mds_created_files_remove(mds_created_files_t *files)
{
    for (size_t i = 0; files != NULL && i < MDS_CREATED_FILES_DIRS; i++) {
        (void) mds_created_files_walk(files, i, true, NULL);
    }
}
