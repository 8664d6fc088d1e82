#include "repack.h"

#include <inttypes.h>

#include "archive.h"
#include "zip.h"

#define CHUNK_BYTES 65536

/* Whether it is a tar, and compressed. */
static mds_status_t
look_at_tar(const char *path, mds_error_t *err, bool *compressed)
{
    mdsctl_archive_t *archive = NULL;
    mdsctl_entry_t    entry;
    bool              more;
    mds_status_t      status = mdsctl_archive_open(path, err, &archive);

    if (status == MDS_OK) {
        status = mdsctl_archive_next(archive, err, &entry, &more);
    }

    if (status == MDS_OK) {
        *compressed = mdsctl_archive_compressed(archive);
    }

    mdsctl_archive_close(archive);
    return status;
}

static mds_status_t
look(const char *path, mds_error_t *err, mdsctl_zip_t **zip, bool *compressed)
{
    mds_status_t status = mdsctl_zip_open(path, err, zip);

    if (status == MDS_FOREIGN) {
        return look_at_tar(path, err, compressed);
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
           mds_error_t *err, mds_draft_t *draft)
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
            status = mds_draft_write(draft, chunk, len, err);
        }
        if (status == MDS_OK && progress != NULL) {
            progress->report(progress, done, 0);
        }
    }

    mdsctl_archive_close(archive);
    return status;
}

mds_status_t
mdsctl_repack(const char *path, uint64_t max_bytes, mds_progress_t *progress,
              mds_error_t *err, mds_draft_t *draft, bool *repacked)
{
    mdsctl_zip_t *zip = NULL;
    bool          compressed = false;
    mds_status_t  status = look(path, err, &zip, &compressed);

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
