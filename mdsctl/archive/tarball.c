/* tarball: writes a tar with libarchive, and the checksums of its entries. */

#include "archive/tarball.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/mds_buffer.h"
#include "base/mds_digest.h"
#include "base/mds_file.h"

#define CHUNK_BYTES ((size_t) 256 * 1024)

struct mdsctl_tarball_s {
    struct archive *writer;
    mds_buffer_t    sums;
    char            chunk[CHUNK_BYTES];
};

static mds_status_t
fail(const mdsctl_tarball_t *t, mds_error_t *err)
{
    int         number = archive_errno(t->writer);
    const char *words = archive_error_string(t->writer);

    /* Where memory is short, libarchive may fail without a word. */
    if (number <= 0 && words == NULL) {
        return mds_fail_memory(err);
    }

    /* The message of libarchive is only "Write error". */
    return mds_fail(err, number == ENOSPC ? MDS_NO_SPACE : MDS_IO,
                    "write the archive: %s",
                    number > 0 ? strerror(number) : words);
}

mds_status_t
mdsctl_tarball_open(int fd, mds_error_t *err, mdsctl_tarball_t **tarball)
{
    mdsctl_tarball_t *t = calloc(1, sizeof(*t));
    mds_status_t      status;

    if (t == NULL || (t->writer = archive_write_new()) == NULL) {
        free(t);
        return mds_fail_memory(err);
    }

    if (archive_write_set_format_pax_restricted(t->writer) != ARCHIVE_OK
        || archive_write_add_filter_zstd(t->writer) != ARCHIVE_OK
        || archive_write_open_fd(t->writer, fd) != ARCHIVE_OK)
    {
        status = fail(t, err);
        mdsctl_tarball_close(t);
        return status;
    }

    *tarball = t;
    return MDS_OK;
}

void
mdsctl_tarball_close(mdsctl_tarball_t *tarball)
{
    if (tarball != NULL) {
        archive_write_free(tarball->writer);
        mds_buffer_free(&tarball->sums);
        free(tarball);
    }
}

static mds_status_t
write_header(mdsctl_tarball_t *t, const char *name, uint64_t size_bytes,
             mds_error_t *err)
{
    struct archive_entry *entry = archive_entry_new();
    mds_status_t          status = MDS_OK;

    if (entry == NULL) {
        return mds_fail_memory(err);
    }

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_mtime(entry, time(NULL), 0);
    archive_entry_set_size(entry, (la_int64_t) size_bytes);

    if (archive_write_header(t->writer, entry) != ARCHIVE_OK) {
        status = fail(t, err);
    }

    archive_entry_free(entry);
    return status;
}

static mds_status_t
write_bytes(mdsctl_tarball_t *t, const void *data, size_t len, mds_error_t *err)
{
    return archive_write_data(t->writer, data, len) == (la_ssize_t) len
               ? MDS_OK
               : fail(t, err);
}

/* Writes exactly size_bytes, as the header announces. */
static mds_status_t
write_file(mdsctl_tarball_t *t, int fd, const char *path, uint64_t size_bytes,
           mds_progress_t *progress, mds_error_t *err, mds_sha256_t *sha256)
{
    mds_sha256_state_t state;
    uint64_t           done = 0;
    mds_status_t       status = MDS_OK;

    mds_sha256_begin(&state);

    while (status == MDS_OK && done < size_bytes) {
        uint64_t left = size_bytes - done;
        ssize_t  n = read(fd, t->chunk,
                         left < CHUNK_BYTES ? (size_t) left : CHUNK_BYTES);

        if (n < 0) {
            return mds_fail_errno(err, "read \"%s\"", path);
        }

        if (n == 0) {
            return mds_fail(err, MDS_DAMAGED, "\"%s\" was truncated meanwhile",
                            path);
        }

        status = write_bytes(t, t->chunk, (size_t) n, err);
        mds_sha256_add(&state, t->chunk, (size_t) n);
        done += (uint64_t) n;
        progress->report(progress, done, size_bytes);
    }

    mds_sha256_end(&state, sha256);
    return status;
}

mds_status_t
mdsctl_tarball_add(mdsctl_tarball_t *tarball, const char *name,
                   const char *path, mds_progress_t *progress, mds_error_t *err)
{
    char         hex[MDS_SHA256_HEX + 1];
    mds_sha256_t sha256;
    uint64_t     size;
    int          fd;
    mds_status_t status = mds_file_open(path, err, &fd, &size);

    if (status != MDS_OK) {
        return status;
    }

    status = write_header(tarball, name, size, err);

    if (status == MDS_OK) {
        status = write_file(tarball, fd, path, size, progress, err, &sha256);
    }

    close(fd);

    if (status == MDS_OK) {
        mds_buffer_add(&tarball->sums, mds_sha256_hex(&sha256, hex),
                       MDS_SHA256_HEX);
        mds_buffer_add(&tarball->sums, "  ", 2);
        mds_buffer_add(&tarball->sums, name, strlen(name));
        mds_buffer_add(&tarball->sums, "\n", 1);
    }

    return status;
}

mds_status_t
mdsctl_tarball_finish(mdsctl_tarball_t *tarball, mds_error_t *err)
{
    mds_status_t status;

    if (mds_buffer_failed(&tarball->sums)) {
        return mds_fail_memory(err);
    }

    status = write_header(tarball, MDSCTL_TARBALL_SUMS, tarball->sums.len, err);

    if (status == MDS_OK) {
        status
            = write_bytes(tarball, tarball->sums.data, tarball->sums.len, err);
    }

    return status == MDS_OK
                   && archive_write_close(tarball->writer) != ARCHIVE_OK
               ? fail(tarball, err)
               : status;
}
