/*
 * archive: reads the entries of a zip or a tar (plain, or compressed by gzip,
 * xz or zstd) in the order in which they are stored.
 *
 * Names are valid UTF-8 without control and bidirectional characters, and are
 * not converted.
 */

#ifndef MDSCTL_ARCHIVE_H
#define MDSCTL_ARCHIVE_H

#include "base/mds_base.h"

typedef struct mdsctl_archive_s mdsctl_archive_t;

typedef struct {
    const char *name; /* as stored; valid until the next call */
    bool        folder;
} mdsctl_entry_t;

/* Returns MDS_INCOMPATIBLE if the file is neither a zip nor a tar. The caller
 * closes *archive; path must outlive it. */
mds_status_t mdsctl_archive_open(const char *path, mds_error_t *err,
                                 mdsctl_archive_t **archive) MDS_MUST_CHECK;

/* Opens the file as one entry without a name: its decompressed bytes. An empty
 * file has no entry. NULL is standard input. */
mds_status_t mdsctl_archive_open_raw(const char *path, mds_error_t *err,
                                     mdsctl_archive_t **archive) MDS_MUST_CHECK;

/* Returns how many bytes of the file of mdsctl_archive_open_raw() were read,
 * compressed as they are. */
uint64_t mdsctl_archive_position(const mdsctl_archive_t *archive);

void mdsctl_archive_close(mdsctl_archive_t *archive);

/*
 * Reads the next entry; *more is false if there is none. Returns MDS_INVALID if
 * it is neither a file nor a directory, or has an invalid name; MDS_DAMAGED.
 */
mds_status_t
mdsctl_archive_next(mdsctl_archive_t *archive, mds_error_t *err,
                    mdsctl_entry_t *entry, bool *more) MDS_MUST_CHECK;

/* Reads bytes of the current entry; *len is 0 at its end. MDS_DAMAGED. */
mds_status_t
mdsctl_archive_read(mdsctl_archive_t *archive, void *data, size_t size,
                    mds_error_t *err, size_t *len) MDS_MUST_CHECK;

/* Finds out whether a tar is compressed. Returns MDS_INCOMPATIBLE if the file
 * is not a tar. */
mds_status_t mdsctl_archive_is_tar(const char *path, mds_error_t *err,
                                   bool *compressed) MDS_MUST_CHECK;

#endif
