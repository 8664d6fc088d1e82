/*
 * bounded_file: writes an unfinished file that may not exceed a size, so that
 * an archive which expands without end does not fill the disk.
 */

#ifndef MDSCTL_BOUNDED_FILE_H
#define MDSCTL_BOUNDED_FILE_H

#include "base/mds_file.h"

typedef struct {
    const char      *source; /* path of the archive, for messages */
    mds_temp_file_t *draft;
    mds_progress_t  *progress; /* or NULL */
    uint64_t         max_bytes;
    uint64_t         written;
} mdsctl_bounded_file_t;

/* Appends bytes. Returns MDS_INVALID if the file would exceed max_bytes. */
mds_status_t
mdsctl_bounded_file_write(mdsctl_bounded_file_t *file, const void *data,
                          size_t len, mds_error_t *err) MDS_MUST_CHECK;

#endif
