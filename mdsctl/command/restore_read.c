/*
 * restore_read: unpacks a snapshot beside the depot. Each entry becomes a new
 * file; the archive's list of checksums, its last entry, must name each of
 * them once.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/tarball.h"
#include "base/mds_digest.h"
#include "command/restore.h"

/* An archive may grow to so many times its size, or to FREE_BYTES; a bomb ends
 * there. Ids and LMDB's pages pack well, but not that well. */
#define RATIO_MAX 1024
#define FREE_BYTES (UINT64_C(1) << 30)
#define SUMS_BYTES_MAX ((size_t) 1 << 30)

static mds_status_t
count_bytes(mdsctl_restore_t *r, size_t len, mds_error_t *err)
{
    r->bytes += len;
    r->bar->report(r->bar, r->bytes, 0);

    return r->bytes <= FREE_BYTES || r->bytes / RATIO_MAX <= r->archive_bytes
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "the archive grows to more than %d times its size",
                          RATIO_MAX);
}

static mds_status_t
copy_entry(mdsctl_restore_t *r, mdsctl_archive_t *archive, int fd,
           const char *path, mds_error_t *err, mds_sha256_t *sha256)
{
    mds_sha256_state_t state;
    size_t             len = 1;
    mds_status_t       status = MDS_OK;

    mds_sha256_begin(&state);

    while (status == MDS_OK && len > 0) {
        status = mdsctl_archive_read(archive, r->chunk, MDSCTL_RESTORE_CHUNK,
                                     err, &len);

        if (status == MDS_OK && len > 0) {
            mds_sha256_add(&state, r->chunk, len);
            status = count_bytes(r, len, err);

            if (status == MDS_OK) {
                status = mds_file_write_all(fd, path, r->chunk, len, err);
            }
        }
    }

    mds_sha256_end(&state, sha256);
    return status;
}

/* Gives a file of state/ to the owner of that folder. */
static bool
set_owner(const mdsctl_restore_t *r, const char *name, int fd)
{
    return strncmp(name, "state/", 6) != 0
           || (r->owner.uid < 0 && r->owner.gid < 0)
           || fchown(fd, (uid_t) r->owner.uid, (gid_t) r->owner.gid) == 0;
}

/* Writes the entry to a new file, whose name mdsctl_restore_mode() knows. */
static mds_status_t
read_file(mdsctl_restore_t *r, mdsctl_archive_t *archive, const char *name,
          mode_t mode, mds_error_t *err)
{
    char         hex[MDS_SHA256_HEX + 1];
    mds_path_t   path;
    mds_sha256_t sha256;
    int          fd;
    mds_status_t status = mds_path(&path, err, "%s/%s", r->stage.text, name);

    if (status != MDS_OK) {
        return status;
    }

    fd = open(path.text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
              0600);
    if (fd < 0) {
        return errno == EEXIST
                   ? mds_fail(err, MDS_INVALID,
                              "\"%s\" is in the archive twice", name)
                   : mds_fail_errno(err, "create \"%s\"", path.text);
    }

    status = copy_entry(r, archive, fd, path.text, err, &sha256);

    if (status == MDS_OK
        && (!set_owner(r, name, fd) || fchmod(fd, mode) != 0 || fsync(fd) != 0))
    {
        status = mds_fail_errno(err, "write \"%s\"", path.text);
    }

    close(fd);
    r->files++;

    return status == MDS_OK
               ? mds_json_set_str(r->digests, name,
                                  mds_str_of(mds_sha256_hex(&sha256, hex)))
               : status;
}

/* Checks a line, "SHA256  NAME", and marks its entry as listed. */
static mds_status_t
check_sum(mdsctl_restore_t *r, mds_str_t line, mds_error_t *err)
{
    mds_str_t         sum = { MDS_SHA256_HEX, line.data }, name;
    const mds_json_t *found;

    if (line.len < MDS_SHA256_HEX + 3) {
        return mds_fail(err, MDS_DAMAGED,
                        MDSCTL_TARBALL_SUMS " has an invalid line");
    }

    name = (mds_str_t){ line.len - MDS_SHA256_HEX - 2,
                        line.data + MDS_SHA256_HEX + 2 };
    found = mds_json_find(r->digests, name);

    if (found == NULL) {
        return mds_fail(err, MDS_DAMAGED, "%.*s is not in the archive",
                        MDS_STR(name));
    }

    if (mds_json_is_null(found)) {
        return mds_fail(err, MDS_DAMAGED,
                        MDSCTL_TARBALL_SUMS " names %.*s twice", MDS_STR(name));
    }

    if (!mds_str_eq(mds_json_string(found), sum)) {
        return mds_fail(err, MDS_DAMAGED, "%.*s is damaged in the archive",
                        MDS_STR(name));
    }

    return mds_json_done(mds_json_put(r->digests, name, mds_json_null_new()),
                         err);
}

/* Checks that there is one line for each entry that was read. */
static mds_status_t
check_sums(mdsctl_restore_t *r, mds_str_t text, mds_error_t *err)
{
    uint64_t     listed = 0;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && text.len > 0) {
        status = check_sum(r, mds_str_cut(&text, '\n'), err);
        listed++;
    }

    if (status != MDS_OK) {
        return status;
    }

    r->sums = listed == r->files;

    return r->sums ? MDS_OK
                   : mds_fail(err, MDS_DAMAGED,
                              MDSCTL_TARBALL_SUMS " does not name all files");
}

static mds_status_t
read_sums(mdsctl_restore_t *r, mdsctl_archive_t *archive, mds_error_t *err)
{
    char        *text = NULL, *grown;
    size_t       len = 0, n = 1;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && n > 0) {
        grown = realloc(text, len + MDSCTL_RESTORE_CHUNK);
        if (grown == NULL || len > SUMS_BYTES_MAX) {
            free(grown == NULL ? text : grown);
            return mds_fail_memory(err);
        }

        text = grown;
        status = mdsctl_archive_read(archive, text + len, MDSCTL_RESTORE_CHUNK,
                                     err, &n);
        len += status == MDS_OK ? n : 0;
    }

    if (status == MDS_OK) {
        status = check_sums(r, (mds_str_t){ len, text }, err);
    }

    free(text);
    return status;
}

static mds_status_t
read_entry(mdsctl_restore_t *r, mdsctl_archive_t *archive,
           const mdsctl_entry_t *entry, mds_error_t *err)
{
    char   name[MDSCTL_TARBALL_NAME_MAX];
    mode_t mode;

    if (r->sums) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\" comes after the archive's end", entry->name);
    }

    if (!entry->folder && strcmp(entry->name, MDSCTL_TARBALL_SUMS) == 0) {
        return read_sums(r, archive, err);
    }

    mode = entry->folder || strlen(entry->name) >= sizeof(name)
               ? 0
               : mdsctl_restore_mode(r, entry->name);

    if (mode == 0) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\" does not belong in a snapshot", entry->name);
    }

    /* The name belongs to the archive, and goes when it is read from. */
    snprintf(name, sizeof(name), "%s", entry->name);
    return read_file(r, archive, name, mode, err);
}

mds_status_t
mdsctl_restore_read(mdsctl_restore_t *r, const char *file, mds_error_t *err)
{
    mdsctl_archive_t *archive;
    mdsctl_entry_t    entry;
    bool              more = true;
    mds_status_t      status = mdsctl_archive_open(file, err, &archive);

    if (status != MDS_OK) {
        return status;
    }

    while (status == MDS_OK && more) {
        status = mdsctl_archive_next(archive, err, &entry, &more);

        if (status == MDS_OK && more) {
            status = read_entry(r, archive, &entry, err);
        }
    }

    mdsctl_archive_close(archive);

    if (status == MDS_OK
        && (!r->sums || !r->journal || !r->state || r->generations == 0))
    {
        status = mds_fail(err, MDS_DAMAGED,
                          "\"%s\" is not a snapshot, or it is cut short", file);
    }

    return status;
}
