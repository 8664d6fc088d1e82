/* unpack: unpacks a package into a directory that nginx serves. */

#define _GNU_SOURCE /* syncfs */

#include "archive/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/entry.h"
#include "archive/tree.h"
#include "base/mds_version.h"

#define CHUNK_BYTES 65536
#define COMPONENT_MAX 255                 /* bytes, as file systems have it */
#define NAME_MAX_BYTES 1024               /* of an entry */
#define SMALL_BYTES ((uint64_t) 16 << 20) /* any ratio will do up to here */

typedef struct {
    const char                   *path; /* of the archive */
    const mdsctl_unpack_limits_t *limits;
    mdsctl_archive_t             *archive;
    mds_progress_t               *progress;
    mds_error_t                  *err;
    int                           root;
    uint64_t                      most;     /* bytes */
    bool                          by_ratio; /* that is why no more */
    uint64_t                      bytes;
    uint64_t                      entries;
    struct timespec               times[2];
} unpacking_t;

/* --- names */

static mds_status_t
bad_name(const unpacking_t *u, const char *name, const char *why)
{
    return mds_fail(u->err, MDS_INVALID, "\"%s\": entry \"%.200s\" %s", u->path,
                    name, why);
}

/* Why the component cannot be; NULL: it can. */
static const char *
bad_component(mds_str_t c)
{
    return c.len == 0                     ? "has an empty component"
           : mds_str_eq(c, mds_str("."))  ? "has the component \".\""
           : mds_str_eq(c, mds_str("..")) ? "has the component \"..\""
           : c.len > COMPONENT_MAX        ? "has a component of over 255"
                                            " bytes"
                                          : NULL;
}

/* The entry's name without "./" in front and "/" behind, which tar adds. */
static mds_status_t
check_name(const unpacking_t *u, const mdsctl_entry_t *entry, mds_str_t *name)
{
    mds_str_t   rest = mds_str_of(entry->name);
    const char *why = NULL;
    int         depth = 0;
    char        text[MDSCTL_ENTRY_TEXT];

    if (!mdsctl_entry_plain(rest, text)) {
        return bad_name(u, text, MDSCTL_ENTRY_ODD);
    }

    if (rest.len > NAME_MAX_BYTES) {
        return bad_name(u, entry->name, "has a name of over 1024 bytes");
    }

    if (rest.len > 0 && rest.data[0] == '/') {
        return bad_name(u, entry->name, "has an absolute path");
    }

    if (mds_str_eq(rest, mds_str(".")) || mds_str_starts(rest, mds_str("./"))) {
        rest.data += rest.len > 1 ? 2 : 1;
        rest.len -= rest.len > 1 ? 2 : 1;
    }

    if (entry->folder && rest.len > 0 && rest.data[rest.len - 1] == '/') {
        rest.len--;
    }

    *name = rest;

    if (rest.len == 0) {
        return entry->folder ? MDS_OK
                             : bad_name(u, entry->name, "has an empty name");
    }

    do {
        bool last = memchr(rest.data, '/', rest.len) == NULL;

        why = bad_component(mds_str_cut(&rest, '/'));
        if (why == NULL && !last && rest.len == 0) {
            why = "has an empty component";
        }
    } while (why == NULL && rest.len > 0 && ++depth < MDSCTL_TREE_DEPTH);

    if (why == NULL && rest.len > 0) {
        why = "lies in over 64 directories";
    }

    return why == NULL ? MDS_OK : bad_name(u, entry->name, why);
}

/* --- entries */

static mds_status_t
count_entry(unpacking_t *u)
{
    if (++u->entries > u->limits->entries) {
        return mds_fail(
            u->err, MDS_INVALID,
            "\"%s\" has over %" PRIu64
            " files and directories; --unpack-entries N allows more",
            u->path, u->limits->entries);
    }

    return MDS_OK;
}

static mds_status_t
count_bytes(unpacking_t *u, size_t len)
{
    u->bytes += len;

    if (u->bytes > u->most) {
        return u->by_ratio
                   ? mds_fail(u->err, MDS_INVALID,
                              "\"%s\" unpacks to over %" PRIu64
                              " times its size; --unpack-bytes N allows it",
                              u->path, u->limits->ratio)
                   : mds_fail(u->err, MDS_INVALID,
                              "\"%s\" unpacks to over %" PRIu64
                              " bytes; --unpack-bytes N allows more",
                              u->path, u->most);
    }

    if (u->progress != NULL) {
        u->progress->report(u->progress, u->bytes, 0);
    }

    return MDS_OK;
}

/* Goes down into a folder, made if need be: *at is that one then. */
static mds_status_t
descend(unpacking_t *u, mds_str_t component, const char *name, int *at)
{
    char         text[COMPONENT_MAX + 1];
    int          fd;
    mds_status_t status = MDS_OK;

    snprintf(text, sizeof(text), "%.*s", MDS_STR(component));

    if (mkdirat(*at, text, 0755) == 0) {
        status = count_entry(u);
    } else if (errno != EEXIST) {
        status = mds_fail_errno(u->err, "make \"%s\" of \"%s\"", name, u->path);
    }

    if (status != MDS_OK) {
        return status;
    }

    fd = openat(*at, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOTDIR || errno == ELOOP
                   ? bad_name(u, name, "lies below a file")
                   : mds_fail_errno(u->err, "open \"%s\" of \"%s\"", name,
                                    u->path);
    }

    close(*at);
    *at = fd;

    return MDS_OK;
}

static mds_status_t
write_all(const unpacking_t *u, int fd, const char *data, size_t len,
          const char *name)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR) {
            return mds_fail_errno(u->err, "write \"%s\" of \"%s\"", name,
                                  u->path);
        }

        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t) n : 0;
    }

    return MDS_OK;
}

static mds_status_t
copy_file(unpacking_t *u, int fd, const char *name)
{
    char         chunk[CHUNK_BYTES];
    size_t       len;
    mds_status_t status;

    do {
        status = mdsctl_archive_read(u->archive, chunk, sizeof(chunk), u->err,
                                     &len);
        if (status == MDS_OK) {
            status = count_bytes(u, len);
        }
        if (status == MDS_OK) {
            status = write_all(u, fd, chunk, len, name);
        }
    } while (status == MDS_OK && len > 0);

    if (status == MDS_OK && futimens(fd, u->times) != 0) {
        status
            = mds_fail_errno(u->err, "finish \"%s\" of \"%s\"", name, u->path);
    }

    return status;
}

static mds_status_t
make_file(unpacking_t *u, int at, mds_str_t component, const char *name)
{
    char         text[COMPONENT_MAX + 1];
    int          fd;
    mds_status_t status = count_entry(u);

    if (status != MDS_OK) {
        return status;
    }

    snprintf(text, sizeof(text), "%.*s", MDS_STR(component));
    fd = openat(at, text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                0644);
    if (fd < 0) {
        return errno == EEXIST ? bad_name(u, name, "occurs twice")
                               : mds_fail_errno(u->err, "make \"%s\" of \"%s\"",
                                                name, u->path);
    }

    status = copy_file(u, fd, name);
    close(fd);

    return status;
}

static mds_status_t
unpack_entry(unpacking_t *u, const mdsctl_entry_t *entry)
{
    int          at;
    mds_str_t    rest;
    mds_status_t status = check_name(u, entry, &rest);

    if (status != MDS_OK || rest.len == 0) {
        return status;
    }

    at = fcntl(u->root, F_DUPFD_CLOEXEC, 0);
    if (at < 0) {
        return mds_fail_errno(u->err, "open a folder");
    }

    while (status == MDS_OK && rest.len > 0) {
        mds_str_t component = mds_str_cut(&rest, '/');

        status = rest.len > 0 || entry->folder
                     ? descend(u, component, entry->name, &at)
                     : make_file(u, at, component, entry->name);
    }

    close(at);
    return status;
}

static mds_status_t
unpack_entries(unpacking_t *u)
{
    mdsctl_entry_t entry;
    bool           more;
    mds_status_t   status;

    do {
        status = mdsctl_archive_next(u->archive, u->err, &entry, &more);
        if (status == MDS_OK && more) {
            status = unpack_entry(u, &entry);
        }
    } while (status == MDS_OK && more);

    if (status == MDS_OK
        && (futimens(u->root, u->times) != 0 || syncfs(u->root) != 0))
    {
        status = mds_fail_errno(u->err, "unpack \"%s\"", u->path);
    }

    return status;
}

/* --- the folder */

static void
set_most(unpacking_t *u, uint64_t archive_bytes)
{
    uint64_t by_ratio = archive_bytes * u->limits->ratio;

    if (by_ratio < SMALL_BYTES) {
        by_ratio = SMALL_BYTES;
    }

    u->by_ratio = u->limits->ratio > 0 && by_ratio < u->limits->bytes;
    u->most = u->by_ratio ? by_ratio : u->limits->bytes;
}

/* Now, or a second behind the newest version, if that is later. */
static mds_status_t
set_times(unpacking_t *u, int dir)
{
    struct stat    st;
    struct dirent *entry;
    int            fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR           *folder = fd < 0 ? NULL : fdopendir(fd);
    time_t         stamp = time(NULL);

    if (folder == NULL) {
        return mds_fail_errno(u->err, "read the folder");
    }

    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.'
            && fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISDIR(st.st_mode) && st.st_mtime >= stamp)
        {
            stamp = st.st_mtime + 1;
        }
    }

    closedir(folder);
    u->times[0].tv_sec = u->times[1].tv_sec = stamp;

    return MDS_OK;
}

static mds_status_t
unpack_aside(unpacking_t *u, int dir, const char *aside)
{
    mds_status_t status = mdsctl_tree_remove(dir, aside, u->err);

    if (status == MDS_OK) {
        status = set_times(u, dir);
    }

    if (status != MDS_OK) {
        return status;
    }

    if (mkdirat(dir, aside, 0755) != 0) {
        return mds_fail_errno(u->err, "make \"%s\"", aside);
    }

    u->root
        = openat(dir, aside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (u->root < 0) {
        return mds_fail_errno(u->err, "open \"%s\"", aside);
    }

    status = unpack_entries(u);
    close(u->root);

    return status;
}

/* *made: it is a new one; else it was there, with the same in it. */
static mds_status_t
put_in_place(int dir, const char *aside, const char *version, const char *place,
             mds_error_t *err, bool *made)
{
    bool         same = false;
    struct stat  st;
    mds_status_t status;

    if (fstatat(dir, version, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT || renameat(dir, aside, dir, version) != 0
            || fsync(dir) != 0)
        {
            return mds_fail_errno(err, "make \"%s\"", place);
        }

        *made = true;
        return MDS_OK;
    }

    status = mdsctl_tree_same(dir, aside, version, err, &same);

    if (status == MDS_OK && !same) {
        status = mds_fail(err, MDS_EXISTS,
                          "\"%s\" exists already and differs from the package",
                          place);
    }

    *made = false;
    return status;
}

static mds_status_t
unpack_into(unpacking_t *u, int dir, const char *version, const char *place,
            bool *made)
{
    char         aside[sizeof(MDS_TEMP_PREFIX) + MDS_VERSION_MAX];
    mds_status_t status, removed;

    snprintf(aside, sizeof(aside), MDS_TEMP_PREFIX "%s", version);
    status = unpack_aside(u, dir, aside);

    if (status == MDS_OK) {
        status = put_in_place(dir, aside, version, place, u->err, made);
    }

    removed = mdsctl_tree_remove(dir, aside, status == MDS_OK ? u->err : NULL);

    return status == MDS_OK ? removed : status;
}

static mds_status_t
open_dir(const char *dir, mds_error_t *err, bool *made, int *fd)
{
    *made = mkdir(dir, 0755) == 0;

    if (!*made && errno != EEXIST) {
        return mds_fail_errno(err, "make \"%s\"", dir);
    }

    *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return *fd < 0 ? mds_fail_errno(err, "open \"%s\"", dir) : MDS_OK;
}

static mds_status_t
open_archive(unpacking_t *u)
{
    int          fd;
    uint64_t     size;
    mds_status_t status = mds_file_open(u->path, u->err, &fd, &size);

    if (status != MDS_OK) {
        return status;
    }

    close(fd);
    set_most(u, size);

    return mdsctl_archive_open(u->path, u->err, &u->archive);
}

mds_status_t
mdsctl_unpack(const char *archive, const char *dir, const char *version,
              const mdsctl_unpack_limits_t *limits, mds_progress_t *progress,
              mds_error_t *err, mdsctl_unpacked_t *unpacked)
{
    unpacking_t u = {
        .path = archive, .limits = limits, .progress = progress, .err = err
    };
    mdsctl_unpacked_t done = { .made = false };
    mds_version_t     key;
    int               fd = -1;
    mode_t            mask;
    mds_status_t      status;

    if (!mds_version_parse(mds_str_of(version), &key)) {
        return mds_fail(err, MDS_INVALID, "\"%s\" is not a version", version);
    }

    status = mds_path(&done.dir, err, "%s", dir);

    if (status == MDS_OK) {
        status = mds_path(&done.place, err, "%s/%s", dir, version);
    }

    if (status == MDS_OK) {
        status = open_archive(&u);
    }

    mask = umask(022);

    if (status == MDS_OK) {
        status = open_dir(dir, err, &done.made_dir, &fd);
    }

    if (status == MDS_OK) {
        status = unpack_into(&u, fd, version, done.place.text, &done.made);
    }

    umask(mask);
    mdsctl_archive_close(u.archive);
    if (fd >= 0) {
        close(fd);
    }

    if (status == MDS_OK) {
        *unpacked = done;
    } else if (done.made_dir) {
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
