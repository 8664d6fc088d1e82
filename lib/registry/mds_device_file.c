/* mds_device_file: opens, creates, reads and writes files of the registry. */

#include "registry/mds_device_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_digest.h"
#include "base/mds_endian.h"

/* Reads len bytes of two lower-case hexadecimal digits each. */
static bool
mds_name_take_bytes(const char **name, uint8_t *bytes, size_t len)
{
    if (strlen(*name) < 2 * len
        || !mds_hex_parse((mds_str_t){ 2 * len, *name }, bytes, len))
    {
        return false;
    }

    *name += 2 * len;
    return true;
}

/* Reads a serial, or a time, of 16 digits. */
static bool
mds_name_take_serial(const char **name, uint64_t *serial)
{
    uint8_t bytes[8];

    if (!mds_name_take_bytes(name, bytes, sizeof(bytes))) {
        return false;
    }

    *serial = mds_load_be64(bytes);
    return *serial <= MDS_DEVICE_SERIAL_MAX;
}

/* Reads the number of a part, or a random number, of 8 digits. */
static bool
mds_name_take_part(const char **name, uint32_t *part)
{
    uint8_t bytes[4];

    if (!mds_name_take_bytes(name, bytes, sizeof(bytes))) {
        return false;
    }

    *part = mds_load_be32(bytes);
    return true;
}

static bool
mds_name_take_char(const char **name, char c)
{
    bool is = **name == c;

    *name += is ? 1 : 0;
    return is;
}

/* Reads "LEVEL-SERIAL-PART". */
static bool
mds_name_parse_run(const char *name, mds_device_file_t *file)
{
    if (*name < '0' || *name > '0' + MDS_DEVICE_LEVEL_BASE) {
        return false;
    }

    file->level = (unsigned) (*name++ - '0');

    return mds_name_take_char(&name, '-')
           && mds_name_take_serial(&name, &file->serial)
           && mds_name_take_char(&name, '-')
           && mds_name_take_part(&name, &file->part) && *name == '\0';
}

/* Reads "TIME-RANDOM". */
static bool
mds_name_parse_log(const char *name, mds_device_file_t *file)
{
    uint32_t random;

    return mds_name_take_serial(&name, &file->serial)
           && mds_name_take_char(&name, '-')
           && mds_name_take_part(&name, &random) && *name == '\0';
}

mds_device_file_kind_t
mds_device_file_parse(const char *name, mds_device_file_t *file)
{
    static const char *const prefixes[]
        = { [MDS_DEVICE_FILE_LOG] = "log-",
            [MDS_DEVICE_FILE_FORGET] = "forget-",
            [MDS_DEVICE_FILE_FORGOT] = "forgot-",
            [MDS_DEVICE_FILE_RUN] = "run-",
            [MDS_DEVICE_FILE_TEMP] = MDS_TEMP_PREFIX };

    *file = (mds_device_file_t){ .kind = MDS_DEVICE_FILE_OTHER };

    for (size_t i = 0; i < mds_nelems(prefixes); i++) {
        size_t      len = strlen(prefixes[i]);
        const char *rest = name + len;

        if (strncmp(name, prefixes[i], len) != 0
            || strlen(name) >= sizeof(file->name)) {
            continue;
        }

        if (i == MDS_DEVICE_FILE_TEMP
            || (i == MDS_DEVICE_FILE_RUN ? mds_name_parse_run(rest, file)
                                         : mds_name_parse_log(rest, file)))
        {
            file->kind = (mds_device_file_kind_t) i;
            snprintf(file->name, sizeof(file->name), "%s", name);
        }
    }

    return file->kind;
}

/* Returns MDS_OK if a file may be read. A process of root, above all, must not
 * be led to the file of another user. */
static mds_status_t
mds_device_file_check(int dir, const char *name, const struct stat *st,
                      mds_error_t *err)
{
    struct stat folder;

    if (!S_ISREG(st->st_mode)) {
        return mds_fail(err, MDS_INVALID,
                        "\"state/devices/%s\" must be a regular file", name);
    }

    if (geteuid() == 0
        && (fstat(dir, &folder) != 0 || st->st_uid != folder.st_uid
            || st->st_nlink != 1))
    {
        return mds_fail(err, MDS_INVALID,
                        "\"state/devices/%s\" must belong to user %u, as its"
                        " folder does, and have one name; it belongs to user %u"
                        " and has %lu",
                        name, (unsigned) folder.st_uid, (unsigned) st->st_uid,
                        (unsigned long) st->st_nlink);
    }

    return MDS_OK;
}

/* Returns whether errno is that of open() for a link, a socket, a device, or a
 * directory that is opened for writing. */
static bool
mds_errno_is_irregular(void)
{
    return errno == ELOOP || errno == ENXIO || errno == ENODEV
           || errno == EISDIR;
}

/* Gives a new file to the folder's owner. */
static mds_status_t
mds_device_file_give(int dir, int fd, const char *name, mds_error_t *err)
{
    struct stat folder;

    if (fstat(dir, &folder) != 0
        || (geteuid() == 0 && folder.st_uid != 0
            && fchown(fd, folder.st_uid, folder.st_gid) != 0)
        || fchmod(fd, 0600 | (folder.st_mode & 0060)) != 0)
    {
        return mds_fail_errno(err, "give \"state/devices/%s\" to the workers",
                              name);
    }

    return MDS_OK;
}

mds_status_t
mds_device_file_create(int dir, const char *name, mds_error_t *err, int *fd)
{
    int opened
        = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                 0600);
    mds_status_t status;

    if (opened < 0) {
        return mds_fail_errno(err, "create \"state/devices/%s\"", name);
    }

    status = mds_device_file_give(dir, opened, name, err);

    if (status != MDS_OK) {
        close(opened);
        (void) unlinkat(dir, name, 0);
        return status;
    }

    *fd = opened;
    return MDS_OK;
}

mds_status_t
mds_device_file_open(int dir, const char *name, int flags, mds_error_t *err,
                     int *fd, uint64_t *bytes)
{
    struct stat  st;
    mds_status_t status;
    int opened = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (opened < 0 && errno == ENOENT && (flags & O_RDWR) != 0) {
        status = mds_device_file_create(dir, name, err, &opened);
        if (status != MDS_OK && status != MDS_EXISTS) {
            return status;
        }
        if (status == MDS_EXISTS) {
            opened = openat(dir, name,
                            flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        }
    }

    if (opened < 0 && mds_errno_is_irregular()) {
        return mds_fail(err, MDS_INVALID,
                        "\"state/devices/%s\" must be a regular file", name);
    }

    if (opened < 0 && errno == EIO) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"state/devices/%s\" cannot be opened: the disk has an"
                        " error",
                        name);
    }

    if (opened < 0 || fstat(opened, &st) != 0) {
        status = mds_fail_errno(err, "open \"state/devices/%s\"", name);
    } else {
        status = mds_device_file_check(dir, name, &st, err);
    }

    if (status != MDS_OK) {
        if (opened >= 0) {
            close(opened);
        }
        return status;
    }

    *fd = opened;
    *bytes = (uint64_t) st.st_size;
    return MDS_OK;
}

mds_status_t
mds_device_file_commit(int dir, int fd, const char *temp, const char *name,
                       mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (fdatasync(fd) != 0) {
        status = mds_fail_errno(err, "sync \"state/devices/%s\"", name);
    }

    close(fd);

    if (status == MDS_OK && renameat(dir, temp, dir, name) != 0) {
        status = mds_fail_errno(err, "rename to \"state/devices/%s\"", name);
    }

    if (status != MDS_OK) {
        (void) unlinkat(dir, temp, 0);
        return status;
    }

    return fsync(dir) == 0 ? MDS_OK
                           : mds_fail_errno(err, "sync \"state/devices\"");
}

mds_status_t
mds_device_file_set_aside(int dir, const char *name, mds_error_t *err)
{
    char     to[sizeof(MDS_DEVICE_DAMAGED_PREFIX) + MDS_DEVICE_NAME_BYTES + 9];
    uint32_t random;

    (void) snprintf(to, sizeof(to), MDS_DEVICE_DAMAGED_PREFIX "%s", name);

    if (renameat(dir, name, dir, to) == 0 || errno == ENOENT) {
        return MDS_OK;
    }

    /* A file cannot replace a directory, and the other way around. */
    mds_random(&random, sizeof(random));
    (void) snprintf(to, sizeof(to), MDS_DEVICE_DAMAGED_PREFIX "%s-%08" PRIx32,
                    name, random);

    return renameat(dir, name, dir, to) == 0 || errno == ENOENT
               ? MDS_OK
               : mds_fail_errno(err, "rename \"state/devices/%s\" to \"%s\"",
                                name, to);
}

/* A file's path in the depot, for messages. Names that are longer than the
 * registry's own are cut. */
typedef struct {
    char text[sizeof("state/devices/") + MDS_DEVICE_NAME_BYTES];
} mds_device_path_t;

static void
mds_device_path(mds_device_path_t *path, const char *name)
{
    (void) snprintf(path->text, sizeof(path->text), "state/devices/%s", name);
}

mds_status_t
mds_device_file_write(int fd, const char *name, const void *data, size_t len,
                      mds_error_t *err)
{
    mds_device_path_t path;

    mds_device_path(&path, name);
    return mds_file_write_all(fd, path.text, data, len, err);
}

mds_status_t
mds_device_file_read(int fd, const char *name, uint64_t offset, void *data,
                     size_t len, mds_error_t *err)
{
    mds_device_path_t path;
    mds_status_t      status;

    mds_device_path(&path, name);
    errno = 0;
    status = mds_file_read_at(fd, path.text, offset, data, len, err);

    /* A disk that has lost a part of the file will not have it the next time.
     */
    return status == MDS_IO && errno == EIO
               ? mds_fail(err, MDS_DAMAGED,
                          "\"%s\" cannot be read: the disk has an error",
                          path.text)
               : status;
}

mds_status_t
mds_device_lock(int dir, const char *name, bool shared, mds_error_t *err,
                int *lock)
{
    uint64_t     bytes;
    int          fd;
    mds_status_t status
        = mds_device_file_open(dir, name, O_RDWR, err, &fd, &bytes);

    if (status != MDS_OK) {
        return status;
    }

    if (flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        close(fd);
        fd = -1;
    }

    *lock = fd;
    return MDS_OK;
}

bool
mds_device_is_locked(int dir, const char *name)
{
    uint64_t bytes;
    int      fd;
    bool     locked;

    if (mds_device_file_open(dir, name, O_RDONLY, NULL, &fd, &bytes) != MDS_OK)
    {
        return false;
    }

    locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return locked;
}

void
mds_device_file_name(const char *prefix, int64_t now_ms,
                     char name[MDS_DEVICE_NAME_BYTES])
{
    uint32_t random;

    mds_random(&random, sizeof(random));
    snprintf(name, MDS_DEVICE_NAME_BYTES, "%s-%016" PRIx64 "-%08" PRIx32,
             prefix, (uint64_t) now_ms, random);
}
