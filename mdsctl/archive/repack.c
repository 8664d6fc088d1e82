/* repack: stores the entries of a package that are compressed. */

#include "archive/repack.h"

#include "archive/archive.h"
#include "archive/bounded_file.h"
#include "archive/zip.h"

#define CHUNK_BYTES 65536

/* Opens the file as a zip, or checks that it is a tar; *zip is NULL then. */
static mds_status_t
inspect(const char *path, mds_error_t *err, mdsctl_zip_t **zip,
        bool *compressed)
{
    mds_status_t status = mdsctl_zip_open(path, err, zip);

    if (status == MDS_INCOMPATIBLE) {
        return mdsctl_archive_is_tar(path, err, compressed);
    }

    if (status == MDS_OK) {
        *compressed = mdsctl_zip_is_compressed(*zip);
    }

    return status;
}

bool
mdsctl_repack_pays(const char *path)
{
    mdsctl_zip_t *zip = NULL;
    bool          compressed = false;
    mds_status_t  status = inspect(path, NULL, &zip, &compressed);

    mdsctl_zip_close(zip);

    return status == MDS_OK && compressed;
}

static mds_status_t
decompress(mdsctl_bounded_file_t *out, mds_error_t *err)
{
    mdsctl_archive_t *archive = NULL;
    mdsctl_entry_t    entry;
    char              chunk[CHUNK_BYTES];
    size_t            len = 1;
    bool              more;
    mds_status_t status = mdsctl_archive_open_raw(out->source, err, &archive);

    if (status == MDS_OK) {
        status = mdsctl_archive_next(archive, err, &entry, &more);
    }

    while (status == MDS_OK && len > 0) {
        status = mdsctl_archive_read(archive, chunk, sizeof(chunk), err, &len);
        if (status == MDS_OK) {
            status = mdsctl_bounded_file_write(out, chunk, len, err);
        }
    }

    mdsctl_archive_close(archive);
    return status;
}

mds_status_t
mdsctl_repack(const char *path, uint64_t max_bytes, mds_progress_t *progress,
              mds_error_t *err, mds_temp_file_t *draft, bool *repacked)
{
    mdsctl_bounded_file_t out = { .source = path,
                                  .draft = draft,
                                  .progress = progress,
                                  .max_bytes = max_bytes };
    mdsctl_zip_t         *zip = NULL;
    bool                  compressed = false;
    mds_status_t          status = inspect(path, err, &zip, &compressed);

    if (zip != NULL && mdsctl_zip_has_signing_block(zip)) {
        status = mds_fail(err, MDS_INVALID,
                          "\"%s\" has an APK Signing Block, which --store"
                          " would break: Android refuses the repacked file;"
                          " publish it without --store",
                          path);
    } else if (status == MDS_OK && compressed) {
        status = zip != NULL
                     ? mdsctl_zip_store(zip, max_bytes, progress, err, draft)
                     : decompress(&out, err);
    }

    mdsctl_zip_close(zip);

    if (status == MDS_OK) {
        *repacked = compressed;
    }

    return status;
}
