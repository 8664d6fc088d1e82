/* restore_swap: puts the new depot in the place of the old one, in one step. */

#define _GNU_SOURCE /* renameat2() */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "command/restore.h"
#include "loader/mds_journal.h"

/* Links the files of the old depot into the new one, so that devices can finish
 * their downloads; the next gc removes them. */
static void
link_old_files(const mdsctl_restore_t *r)
{
    mds_path_t     from, to;
    struct dirent *entry;
    DIR           *dir = NULL;

    if (mds_path(&from, NULL, "%s/files", r->depot) == MDS_OK) {
        dir = opendir(from.text);
    }

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.'
            && mds_path(&from, NULL, "%s/files/%s", r->depot, entry->d_name)
                   == MDS_OK
            && mds_path(&to, NULL, "%s/files/%s", r->stage.text, entry->d_name)
                   == MDS_OK
            && link(from.text, to.text) != 0 && errno != EEXIST)
        {
            break; /* another file system has none of them */
        }
    }

    if (dir != NULL) {
        closedir(dir);
    }
}

static mds_status_t
exchange(mdsctl_restore_t *r, mds_error_t *err)
{
    mds_path_t   parent;
    mds_status_t status = mds_path_dir(r->depot, err, &parent);

    if (status != MDS_OK) {
        return status;
    }

    /* A new name, or that of an empty directory, is simply replaced. */
    if (renameat2(AT_FDCWD, r->stage.text, AT_FDCWD, r->depot,
                  r->exists ? RENAME_EXCHANGE : 0)
        != 0)
    {
        return mds_fail_errno(err, "replace \"%s\" by the new depot", r->depot);
    }

    return mds_file_sync_dir(parent.text, err);
}

mds_status_t
mdsctl_restore_swap(mdsctl_restore_t *r, mds_error_t *err)
{
    mds_journal_t *journal = NULL;
    mds_path_t     path;
    struct stat    st;
    mds_status_t status = mds_path(&path, err, "%s/journal/data.mdb", r->depot);

    if (status != MDS_OK || !r->exists) {
        return status == MDS_OK ? exchange(r, err) : status;
    }

    if (stat(path.text, &st) == 0
        && mds_journal_open(r->depot, NULL, &journal) == MDS_OK
        && mds_journal_write(journal, NULL) != MDS_OK)
    {
        mds_journal_close(journal);
        journal = NULL;
    }

    link_old_files(r);
    status = exchange(r, err);

    if (journal != NULL) {
        mds_journal_abort(journal);
        mds_journal_close(journal);
    }

    return status;
}
