/* mds_device_folder: lists, opens and creates files of the registry's folder.
 */

#include "registry/mds_device_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_digest.h"

#define MDS_DEVICE_FILE_MODE 0660

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
            || fchmod(dir, 02770) != 0))
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

/* Reads up to digits lower-case hexadecimal digits. */
static bool
mds_name_take_number(const char **name, size_t digits, uint64_t *number)
{
    uint64_t value = 0;

    for (size_t i = 0; i < digits; i++) {
        int digit = mds_hex_digit((*name)[i]);

        if (digit < 0 || ((*name)[i] >= 'A' && (*name)[i] <= 'F')) {
            return false;
        }

        value = value << 4 | (unsigned) digit;
    }

    *name += digits;
    *number = value;
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
    uint64_t level, serial, part;

    if (!mds_name_take_number(&name, 1, &level) || level > MDS_DEVICE_LEVEL_BASE
        || !mds_name_take_char(&name, '-')
        || !mds_name_take_number(&name, 16, &serial)
        || !mds_name_take_char(&name, '-')
        || !mds_name_take_number(&name, 8, &part) || *name != '\0')
    {
        return false;
    }

    file->level = (unsigned) level;
    file->serial = serial;
    file->part = (uint32_t) part;
    return true;
}

/* Reads "TIME-RANDOM". */
static bool
mds_name_parse_log(const char *name, mds_device_file_t *file)
{
    uint64_t random;

    return mds_name_take_number(&name, 16, &file->serial)
           && mds_name_take_char(&name, '-')
           && mds_name_take_number(&name, 8, &random) && *name == '\0';
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

/* Gives a new file to the folder's owner. */
static mds_status_t
mds_device_file_give(int dir, int fd, const char *name, mds_error_t *err)
{
    struct stat folder;

    if (fstat(dir, &folder) != 0
        || (geteuid() == 0 && folder.st_uid != 0
            && fchown(fd, folder.st_uid, folder.st_gid) != 0)
        || fchmod(fd, MDS_DEVICE_FILE_MODE) != 0)
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

    if (opened < 0 && errno == ELOOP) {
        return mds_fail(err, MDS_INVALID,
                        "\"state/devices/%s\" must be a regular file", name);
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

    mds_device_path(&path, name);
    return mds_file_read_at(fd, path.text, offset, data, len, err);
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
