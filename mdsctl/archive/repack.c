/* repack: stores what a package holds compressed, where that pays. */

#include "archive/repack.h"

#include <inttypes.h>
#include <unistd.h>

#include "archive/archive.h"
#include "archive/zip.h"

#define CHUNK_BYTES 65536

static mds_status_t
look(const char *path, mds_error_t *err, mdsctl_zip_t **zip, bool *compressed)
{
    mds_status_t status = mdsctl_zip_open(path, err, zip);

    if (status == MDS_INCOMPATIBLE) {
        return mdsctl_archive_is_tar(path, err, compressed);
    }

    if (status == MDS_OK) {
        *compressed = mdsctl_zip_compressed(*zip) > 0;
    }

    return status;
}

bool
mdsctl_repack_pays(const char *path)
{
    mdsctl_zip_t *zip = NULL;
    bool          compressed = false;
    mds_status_t  status = look(path, NULL, &zip, &compressed);

    mdsctl_zip_close(zip);

    return status == MDS_OK && compressed;
}

static mds_status_t
decompress(const char *path, uint64_t max_bytes, mds_progress_t *progress,
           mds_error_t *err, mds_temp_file_t *draft)
{
    mdsctl_archive_t *archive = NULL;
    mdsctl_entry_t    entry;
    char              chunk[CHUNK_BYTES];
    size_t            len = 1;
    uint64_t          done = 0;
    bool              more;
    mds_status_t      status = mdsctl_archive_open_raw(path, err, &archive);

    if (status == MDS_OK) {
        status = mdsctl_archive_next(archive, err, &entry, &more);
    }

    while (status == MDS_OK && len > 0) {
        status = mdsctl_archive_read(archive, chunk, sizeof(chunk), err, &len);
        done += len;

        if (status == MDS_OK && done > max_bytes) {
            status = mds_fail(err, MDS_INVALID,
                              "\"%s\" would be stored in over %" PRIu64
                              " bytes; --unpack-bytes N allows more",
                              path, max_bytes);
        }
        if (status == MDS_OK) {
            status = mds_temp_file_write(draft, chunk, len, err);
        }
        if (status == MDS_OK && progress != NULL) {
            progress->report(progress, done, 0);
        }
    }

    mdsctl_archive_close(archive);
    return status;
}

/* The end of a zip's directory is within so many bytes of its end: 22, and a
 * comment. */
#define ZIP_TAIL_BYTES (22 + 65535)

/* Where the directory begins, by the tail of the file; 0: it is no zip. */
static uint32_t
zip_directory(const uint8_t *tail, size_t len)
{
    for (size_t i = len; i >= 22; i--) {
        const uint8_t *end = tail + i - 22;

        if (memcmp(end, "PK\5\6", 4) == 0) {
            return (uint32_t) end[16] | (uint32_t) end[17] << 8
                   | (uint32_t) end[18] << 16 | (uint32_t) end[19] << 24;
        }
    }

    return 0;
}

/* Whether an APK Signing Block ends where the directory begins: it signs the
 * bytes of the archive, and Android refuses one that was laid out anew. */
static bool
has_signing_block(int fd, uint64_t size)
{
    static const char magic[] = "APK Sig Block 42";
    size_t   len = size < ZIP_TAIL_BYTES ? (size_t) size : ZIP_TAIL_BYTES;
    uint8_t  tail[ZIP_TAIL_BYTES];
    char     found[sizeof(magic) - 1];
    uint32_t directory = 0;

    if (pread(fd, tail, len, (off_t) (size - len)) == (ssize_t) len) {
        directory = zip_directory(tail, len);
    }

    return directory >= sizeof(found)
           && pread(fd, found, sizeof(found),
                    (off_t) (directory - sizeof(found)))
                  == (ssize_t) sizeof(found)
           && memcmp(found, magic, sizeof(found)) == 0;
}

static mds_status_t
refuse_signed(const char *path, mds_error_t *err)
{
    int          fd;
    uint64_t     size;
    bool         is_signed;
    mds_status_t status = mds_file_open(path, err, &fd, &size);

    if (status != MDS_OK) {
        return status;
    }

    is_signed = has_signing_block(fd, size);
    close(fd);

    return is_signed ? mds_fail(err, MDS_INVALID,
                                "\"%s\" has an APK Signing Block, which --store"
                                " would break: Android refuses the repacked"
                                " file; publish it without --store",
                                path)
                     : MDS_OK;
}

mds_status_t
mdsctl_repack(const char *path, uint64_t max_bytes, mds_progress_t *progress,
              mds_error_t *err, mds_temp_file_t *draft, bool *repacked)
{
    mdsctl_zip_t *zip = NULL;
    bool          compressed = false;
    mds_status_t  status = refuse_signed(path, err);

    if (status == MDS_OK) {
        status = look(path, err, &zip, &compressed);
    }

    if (status == MDS_OK && compressed) {
        status = zip != NULL
                     ? mdsctl_zip_store(zip, max_bytes, progress, err, draft)
                     : decompress(path, max_bytes, progress, err, draft);
    }

    mdsctl_zip_close(zip);

    if (status == MDS_OK) {
        *repacked = compressed;
    }

    return status;
}
