/*
 * unpack_entry: checks the name of an entry, and creates its file.
 *
 * Each component of a name is opened below the directory before it, without
 * following links, so that no entry is written outside of the root.
 */

#include "archive/unpack_entry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tree.h"

#define CHUNK_BYTES 65536
#define COMPONENT_MAX 255 /* bytes, the limit of file systems */
#define NAME_MAX_BYTES 1024

static mds_status_t
fail_entry(const mdsctl_unpack_t *u, const char *name, const char *why,
           mds_error_t *err)
{
    return mds_fail(err, MDS_INVALID, "\"%s\": entry \"%.200s\" %s", u->path,
                    name, why);
}

/* Returns why the component is not allowed, or NULL. */
static const char *
component_error(mds_str_t c)
{
    return c.len == 0                     ? "has an empty component"
           : mds_str_eq(c, mds_str("."))  ? "has the component \".\""
           : mds_str_eq(c, mds_str("..")) ? "has the component \"..\""
           : c.len > COMPONENT_MAX        ? "has a component of over 255"
                                            " bytes"
                                          : NULL;
}

/* Returns why one of the components, which are not empty, is not allowed. */
static const char *
components_error(mds_str_t path)
{
    int depth = 0;

    do {
        bool        last = memchr(path.data, '/', path.len) == NULL;
        const char *why = component_error(mds_str_cut(&path, '/'));

        if (why != NULL) {
            return why;
        }
        if (!last && path.len == 0) {
            return "has an empty component";
        }
    } while (path.len > 0 && ++depth < MDSCTL_TREE_DEPTH);

    return path.len > 0 ? "lies in over 64 directories" : NULL;
}

/* Removes "./" at the beginning of a name and "/" at the end of a directory's,
 * which tar adds, and checks the rest; it is empty for the root. */
static const char *
name_error(const mdsctl_entry_t *entry, mds_str_t *path)
{
    mds_str_t rest = mds_str_of(entry->name);

    if (rest.len > NAME_MAX_BYTES) {
        return "has a name of over 1024 bytes";
    }

    if (mds_str_starts(rest, mds_str("/"))) {
        return "has an absolute path";
    }

    if (mds_str_eq(rest, mds_str("."))) {
        rest.len = 0;
    } else if (mds_str_starts(rest, mds_str("./"))) {
        rest.data += 2;
        rest.len -= 2;
    }

    if (entry->folder && rest.len > 0 && rest.data[rest.len - 1] == '/') {
        rest.len--;
    }

    *path = rest;

    if (rest.len == 0) {
        return entry->folder ? NULL : "has an empty name";
    }

    return components_error(rest);
}

static mds_status_t
count_entry(mdsctl_unpack_t *u, mds_error_t *err)
{
    if (++u->entries > u->max_entries) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\" has over %" PRIu64
                        " files and directories; --unpack-entries N allows"
                        " more",
                        u->path, u->max_entries);
    }

    return MDS_OK;
}

static mds_status_t
count_bytes(mdsctl_unpack_t *u, size_t len, mds_error_t *err)
{
    u->bytes += len;

    if (u->bytes > u->max_bytes && u->ratio > 0) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\" unpacks to over %" PRIu64
                        " times its size; --unpack-bytes N allows it",
                        u->path, u->ratio);
    }

    if (u->bytes > u->max_bytes) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\" unpacks to over %" PRIu64
                        " bytes; --unpack-bytes N allows more",
                        u->path, u->max_bytes);
    }

    if (u->progress != NULL) {
        u->progress->report(u->progress, u->bytes, 0);
    }

    return MDS_OK;
}

/* Opens the directory in *at, which it creates if need be, and replaces *at. */
static mds_status_t
enter_directory(mdsctl_unpack_t *u, const char *component, const char *name,
                mds_error_t *err, int *at)
{
    int          fd;
    mds_status_t status = MDS_OK;

    if (mkdirat(*at, component, 0755) == 0) {
        status = count_entry(u, err);
    } else if (errno != EEXIST) {
        status = mds_fail_errno(err, "create \"%s\" of \"%s\"", name, u->path);
    }

    if (status != MDS_OK) {
        return status;
    }

    fd = openat(*at, component,
                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOTDIR || errno == ELOOP
                   ? fail_entry(u, name, "lies below a file", err)
                   : mds_fail_errno(err, "open \"%s\" of \"%s\"", name,
                                    u->path);
    }

    close(*at);
    *at = fd;

    return MDS_OK;
}

static mds_status_t
write_file(mdsctl_unpack_t *u, int fd, const char *name, mds_error_t *err)
{
    char         chunk[CHUNK_BYTES];
    size_t       len = 1;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && len > 0) {
        status
            = mdsctl_archive_read(u->archive, chunk, sizeof(chunk), err, &len);
        if (status == MDS_OK) {
            status = count_bytes(u, len, err);
        }
        if (status == MDS_OK) {
            status = mds_file_write_all(fd, name, chunk, len, err);
        }
    }

    if (status == MDS_OK && futimens(fd, u->times) != 0) {
        status = mds_fail_errno(err, "set the time of \"%s\" of \"%s\"", name,
                                u->path);
    }

    return status;
}

static mds_status_t
create_file(mdsctl_unpack_t *u, int at, const char *component, const char *name,
            mds_error_t *err)
{
    int          fd;
    mds_status_t status = count_entry(u, err);

    if (status != MDS_OK) {
        return status;
    }

    fd = openat(at, component,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) {
        return errno == EEXIST ? fail_entry(u, name, "occurs twice", err)
                               : mds_fail_errno(err, "create \"%s\" of \"%s\"",
                                                name, u->path);
    }

    status = write_file(u, fd, name, err);
    close(fd);

    return status;
}

mds_status_t
mdsctl_unpack_entry(mdsctl_unpack_t *unpack, const mdsctl_entry_t *entry,
                    mds_error_t *err)
{
    char         component[COMPONENT_MAX + 1]; /* name_error() checks it */
    mds_str_t    rest;
    int          at;
    mds_status_t status = MDS_OK;
    const char  *why = name_error(entry, &rest);

    if (why != NULL) {
        return fail_entry(unpack, entry->name, why, err);
    }

    at = fcntl(unpack->root, F_DUPFD_CLOEXEC, 0);
    if (at < 0) {
        return mds_fail_errno(err, "open a directory");
    }

    while (status == MDS_OK && rest.len > 0) {
        mds_str_t c = mds_str_cut(&rest, '/');

        (void) snprintf(component, sizeof(component), "%.*s", MDS_STR(c));
        status = rest.len > 0 || entry->folder
                     ? enter_directory(unpack, component, entry->name, err, &at)
                     : create_file(unpack, at, component, entry->name, err);
    }

    close(at);
    return status;
}
