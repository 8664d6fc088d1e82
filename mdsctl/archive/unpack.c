/* unpack: fills DIR/.tmp-VERSION and renames it to DIR/VERSION. */

#define _GNU_SOURCE /* syncfs */

#include "archive/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tree.h"
#include "archive/unpack_entry.h"
#include "base/mds_version.h"

#define ANY_RATIO_BYTES ((uint64_t) 16 << 20)

static mds_status_t
unpack_entries(mdsctl_unpack_t *u, mds_error_t *err)
{
    mdsctl_entry_t entry;
    bool           more = true;
    mds_status_t   status = MDS_OK;

    while (status == MDS_OK && more) {
        status = mdsctl_archive_next(u->archive, err, &entry, &more);
        if (status == MDS_OK && more) {
            status = mdsctl_unpack_entry(u, &entry, err);
        }
    }

    if (status == MDS_OK
        && (futimens(u->root, u->times) != 0 || syncfs(u->root) != 0))
    {
        status = mds_fail_errno(err, "unpack \"%s\"", u->path);
    }

    return status;
}

/* Sets the time of all files to the current time, or to a second after the
 * newest version in dir, if that is later. */
static mds_status_t
choose_time(mdsctl_unpack_t *u, int dir, mds_error_t *err)
{
    struct stat    st;
    struct dirent *entry;
    int            fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR           *stream = fd < 0 ? NULL : fdopendir(fd);
    time_t         chosen = time(NULL);

    if (stream == NULL) {
        mds_status_t status = mds_fail_errno(err, "read the directory");

        if (fd >= 0) {
            (void) close(fd);
        }

        return status;
    }

    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.'
            && fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISDIR(st.st_mode) && st.st_mtime >= chosen)
        {
            chosen = st.st_mtime + 1;
        }
    }

    closedir(stream);
    u->times[0].tv_sec = u->times[1].tv_sec = chosen;

    return MDS_OK;
}

static mds_status_t
unpack_to_temp(mdsctl_unpack_t *u, int dir, const char *temp, mds_error_t *err)
{
    mds_status_t status = mdsctl_tree_remove(dir, temp, err);

    if (status == MDS_OK) {
        status = choose_time(u, dir, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    if (mkdirat(dir, temp, 0755) != 0) {
        return mds_fail_errno(err, "create \"%s\"", temp);
    }

    u->root
        = openat(dir, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (u->root < 0) {
        return mds_fail_errno(err, "open \"%s\"", temp);
    }

    status = unpack_entries(u, err);
    close(u->root);

    return status;
}

/* Renames temp to version; *made is false if version exists already with the
 * same files. */
static mds_status_t
rename_or_compare(int dir, const char *temp, const char *version,
                  const char *place, mds_error_t *err, bool *made)
{
    bool         same = false;
    struct stat  st;
    mds_status_t status;

    if (fstatat(dir, version, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT || renameat(dir, temp, dir, version) != 0
            || fsync(dir) != 0)
        {
            return mds_fail_errno(err, "create \"%s\"", place);
        }

        *made = true;
        return MDS_OK;
    }

    status = mdsctl_tree_compare(dir, temp, version, err, &same);

    if (status == MDS_OK && !same) {
        status = mds_fail(err, MDS_EXISTS,
                          "\"%s\" exists already and differs from the package",
                          place);
    }

    if (status == MDS_OK) {
        *made = false;
    }

    return status;
}

static mds_status_t
unpack_version(mdsctl_unpack_t *u, int dir, const char *version,
               mdsctl_unpacked_t *unpacked, mds_error_t *err)
{
    char         temp[sizeof(MDS_TEMP_PREFIX) + MDS_VERSION_MAX];
    mds_status_t status, removed;

    /* mds_version_parse() has checked the length. */
    (void) snprintf(temp, sizeof(temp), MDS_TEMP_PREFIX "%s", version);
    status = unpack_to_temp(u, dir, temp, err);

    if (status == MDS_OK) {
        status = rename_or_compare(dir, temp, version, unpacked->place.text,
                                   err, &unpacked->made);
    }

    removed = mdsctl_tree_remove(dir, temp, status == MDS_OK ? err : NULL);

    return status == MDS_OK ? removed : status;
}

static mds_status_t
open_dir(mdsctl_unpacked_t *unpacked, mds_error_t *err, int *fd)
{
    const char *dir = unpacked->dir.text;

    unpacked->made_dir = mkdir(dir, 0755) == 0;

    if (!unpacked->made_dir && errno != EEXIST) {
        return mds_fail_errno(err, "create \"%s\"", dir);
    }

    *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return *fd < 0 ? mds_fail_errno(err, "open \"%s\"", dir) : MDS_OK;
}

static mds_status_t
open_archive(mdsctl_unpack_t *u, const mdsctl_unpack_limits_t *limits,
             mds_error_t *err)
{
    int          fd;
    uint64_t     size, by_ratio;
    mds_status_t status = mds_file_open(u->path, err, &fd, &size);

    if (status != MDS_OK) {
        return status;
    }

    close(fd);

    by_ratio = size * limits->ratio;
    if (by_ratio < ANY_RATIO_BYTES) {
        by_ratio = ANY_RATIO_BYTES;
    }

    u->max_entries = limits->entries;
    u->max_bytes = limits->bytes;

    if (limits->ratio > 0 && by_ratio < limits->bytes) {
        u->max_bytes = by_ratio;
        u->ratio = limits->ratio;
    }

    return mdsctl_archive_open(u->path, err, &u->archive);
}

mds_status_t
mdsctl_unpack(const char *archive, const char *dir, const char *version,
              const mdsctl_unpack_limits_t *limits, mds_progress_t *progress,
              mds_error_t *err, mdsctl_unpacked_t *unpacked)
{
    mdsctl_unpack_t   u = { .path = archive, .progress = progress };
    mdsctl_unpacked_t result = { .made = false };
    mds_version_t     key;
    int               fd = -1;
    mode_t            mask;
    mds_status_t      status;

    if (!mds_version_parse(mds_str_of(version), &key)) {
        return mds_fail(err, MDS_INVALID, "\"%s\" is not a version", version);
    }

    if ((status = mds_path(&result.dir, err, "%s", dir)) != MDS_OK
        || (status = mds_path(&result.place, err, "%s/%s", dir, version))
               != MDS_OK
        || (status = open_archive(&u, limits, err)) != MDS_OK)
    {
        return status;
    }

    mask = umask(022);
    status = open_dir(&result, err, &fd);

    if (status == MDS_OK) {
        status = unpack_version(&u, fd, version, &result, err);
        close(fd);
    }

    umask(mask);
    mdsctl_archive_close(u.archive);

    if (status == MDS_OK) {
        *unpacked = result;
    } else if (result.made_dir) {
        rmdir(dir);
    }

    return status;
}

void
mdsctl_unpack_undo(const mdsctl_unpacked_t *unpacked)
{
    mds_status_t removed = MDS_OK;

    if (unpacked->made) {
        removed = mdsctl_tree_remove(AT_FDCWD, unpacked->place.text, NULL);
    }

    if (removed == MDS_OK && unpacked->made_dir) {
        rmdir(unpacked->dir.text);
    }
}
