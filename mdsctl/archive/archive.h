/*
 * archive: what is in a zip or a tar (plain, or compressed by gzip, xz or
 * zstd), entry by entry, in the order in which they lie there.
 *
 * Names are UTF-8, and come out byte by byte as they stand in a zip.
 */

#ifndef MDSCTL_ARCHIVE_H
#define MDSCTL_ARCHIVE_H

#include "base/mds_base.h"

typedef struct mdsctl_archive_s mdsctl_archive_t;

typedef struct {
    const char *name; /* as it stands there; good until the next one */
    bool        folder;
} mdsctl_entry_t;

/* MDS_INCOMPATIBLE: it is neither. The caller closes *archive. */
mds_status_t mdsctl_archive_open(const char *path, mds_error_t *err,
                                 mdsctl_archive_t **archive) MDS_MUST_CHECK;

/* Opens the archive as one nameless entry: its bytes, decompressed. */
mds_status_t mdsctl_archive_open_raw(const char *path, mds_error_t *err,
                                     mdsctl_archive_t **archive) MDS_MUST_CHECK;

void mdsctl_archive_close(mdsctl_archive_t *archive);

/*
 * The next entry. *more false: there is none. MDS_INVALID: it is neither a
 * file nor a folder, or its name is not valid UTF-8; MDS_DAMAGED.
 */
mds_status_t
mdsctl_archive_next(mdsctl_archive_t *archive, mds_error_t *err,
                    mdsctl_entry_t *entry, bool *more) MDS_MUST_CHECK;

/* Bytes of the entry; *len 0: that was all. MDS_DAMAGED. */
mds_status_t
mdsctl_archive_read(mdsctl_archive_t *archive, void *data, size_t size,
                    mds_error_t *err, size_t *len) MDS_MUST_CHECK;

/* Whether the tar (MDS_INCOMPATIBLE: it is none) is compressed as a whole. */
mds_status_t mdsctl_archive_is_tar(const char *path, mds_error_t *err,
                                   bool *compressed) MDS_MUST_CHECK;

#endif
