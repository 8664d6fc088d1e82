/*
 * Reads and writes DEPOT/state/PROVED.
 */

#include "catalog/mds_validation_hint.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_siphash.h"

#define MDS_HINT_NAME "PROVED"
#define MDS_HINT_TAG "mdsprv1"
#define MDS_HINT_BOOT 36 /* characters of a UUID */

typedef struct {
    char     tag[8];
    uint64_t word;
} mds_validation_hint_file_t;

_Static_assert(sizeof(mds_validation_hint_file_t) == 16, "as drawn");

/* The file is not mapped, since others who may write to the folder could
 * truncate it under a mapping. */
struct mds_validation_hint_s {
    int  fd;
    char boot[MDS_HINT_BOOT];
};

/* Reads the id of this boot. A hint of an earlier one does not count, since the
 * disk may have changed in between. */
static mds_status_t
mds_validation_hint_read_boot(char boot[MDS_HINT_BOOT], mds_error_t *err)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    char             *text;
    size_t            len;
    mds_status_t      status = mds_file_read(path, 4096, err, &text, &len);

    if (status != MDS_OK) {
        return status;
    }

    if (len < MDS_HINT_BOOT) {
        status = mds_fail(err, MDS_INCOMPATIBLE, "\"%s\" is too short", path);
    } else {
        memcpy(boot, text, MDS_HINT_BOOT);
    }

    free(text);
    return status;
}

/* Creates an empty file for the folder's owner and, as far as the folder is
 * open to it, group. Returns a value below
 * zero if that fails, or if another process was faster. */
static int
mds_validation_hint_create(int dir, const struct stat *owner)
{
    const mds_validation_hint_file_t empty = { .tag = MDS_HINT_TAG };
    int                              fd = openat(dir, MDS_HINT_NAME,
                                                 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd >= 0
        && (write(fd, &empty, sizeof(empty)) != sizeof(empty)
            || fchmod(fd, 0600 | (owner->st_mode & 0060)) != 0
            || (fchown(fd, owner->st_uid, owner->st_gid) != 0
                && errno != EPERM)))
    {
        close(fd);
        return -1;
    }

    return fd;
}

/* Returns whether the file has the right form. Root accepts only a file of the
 * folder's owner with a single link. */
static bool
mds_validation_hint_is_valid(int fd, const struct stat *owner)
{
    mds_validation_hint_file_t file;
    struct stat                st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
           && (geteuid() != 0
               || (st.st_uid == owner->st_uid && st.st_nlink == 1))
           && st.st_size == sizeof(file)
           && pread(fd, &file, sizeof(file), 0) == sizeof(file)
           && memcmp(file.tag, MDS_HINT_TAG, sizeof(file.tag)) == 0;
}

static mds_status_t
mds_validation_hint_open_in(int dir, const char *path, bool make,
                            mds_error_t *err, int *fd)
{
    struct stat owner;
    int         opened = -1;

    if (fstat(dir, &owner) != 0) {
        return mds_fail_errno(err, "stat \"%s\"", path);
    }

    if (make) {
        opened = mds_validation_hint_create(dir, &owner);
    }

    if (opened < 0) {
        opened = openat(dir, MDS_HINT_NAME,
                        O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    }

    if (opened < 0) {
        return mds_fail_errno(err, "open \"%s/" MDS_HINT_NAME "\"", path);
    }

    if (!mds_validation_hint_is_valid(opened, &owner)) {
        close(opened);
        return mds_fail(err, MDS_INCOMPATIBLE,
                        "\"%s/" MDS_HINT_NAME "\" is not a depot's", path);
    }

    *fd = opened;
    return MDS_OK;
}

mds_status_t
mds_validation_hint_open(const char *depot, bool make, mds_error_t *err,
                         mds_validation_hint_t **hint)
{
    mds_path_t             path;
    mds_validation_hint_t *opened;
    mds_status_t           status = mds_path(&path, err, "%s/state", depot);
    int                    dir;

    if (status != MDS_OK) {
        return status;
    }

    dir = open(path.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return mds_fail_errno(err, "open \"%s\"", path.text);
    }

    opened = calloc(1, sizeof(*opened));
    if (opened == NULL) {
        status = mds_fail_memory(err);
    }

    if (status == MDS_OK) {
        status = mds_validation_hint_read_boot(opened->boot, err);
    }

    if (status == MDS_OK) {
        status = mds_validation_hint_open_in(dir, path.text, make, err,
                                             &opened->fd);
    }

    close(dir);

    if (status != MDS_OK) {
        free(opened);
        return status;
    }

    *hint = opened;
    return MDS_OK;
}

void
mds_validation_hint_close(mds_validation_hint_t *hint)
{
    if (hint != NULL) {
        close(hint->fd);
        free(hint);
    }
}

/* Of a generation in one file, an older program gives the same word. */
static uint64_t
mds_validation_hint_word(const mds_validation_hint_t *hint, uint64_t serial,
                         const mds_chain_files_t *files)
{
    static const uint8_t key[MDS_SIPHASH_KEY] = "mds proved mark";
    struct {
        uint64_t      serial;
        mds_file_id_t file_id;
        char          boot[40];
        mds_file_id_t below[MDS_LAYERS_MAX - 1];
    } all = { .serial = serial, .file_id = files->seals[0].file_id };
    size_t len = offsetof(__typeof__(all), below)
                 + (files->count - 1) * sizeof(all.below[0]);

    memcpy(all.boot, hint->boot, sizeof(hint->boot));

    for (unsigned i = 1; i < files->count; i++) {
        all.below[i - 1] = files->seals[i].file_id;
    }

    return serial << 32
           | mds_siphash(key, (mds_str_t){ len, (const char *) &all }) >> 32;
}

/* Returns the word; 0: nothing was published, or the file cannot be read. */
static uint64_t
mds_validation_hint_read(const mds_validation_hint_t *hint)
{
    uint64_t word;

    return pread(hint->fd, &word, sizeof(word),
                 offsetof(mds_validation_hint_file_t, word))
                   == sizeof(word)
               ? word
               : 0;
}

void
mds_validation_hint_publish(mds_validation_hint_t *hint, uint64_t serial,
                            uint64_t current, const mds_chain_files_t *files)
{
    uint64_t word, published;
    ssize_t  n;

    if (hint == NULL) {
        return;
    }

    word = mds_validation_hint_word(hint, serial, files);
    published = mds_validation_hint_read(hint);

    /* A serial above the one in force is of an earlier depot. If two processes
     * publish at once, the older serial may stay: the newer generation is then
     * validated once more. */
    if (published >> 32 <= (uint32_t) serial
        || published >> 32 > (uint32_t) current)
    {
        n = pwrite(hint->fd, &word, sizeof(word),
                   offsetof(mds_validation_hint_file_t, word));
        (void) n;
    }
}

uint32_t
mds_validation_hint_serial(const mds_validation_hint_t *hint)
{
    return hint == NULL ? 0 : (uint32_t) (mds_validation_hint_read(hint) >> 32);
}

bool
mds_validation_hint_matches(const mds_validation_hint_t *hint, uint64_t serial,
                            const mds_chain_files_t *files)
{
    return hint != NULL
           && mds_validation_hint_read(hint)
                  == mds_validation_hint_word(hint, serial, files);
}
