/* unpack_entry: creates the files and directories of an archive's entries. */

#ifndef MDSCTL_UNPACK_ENTRY_H
#define MDSCTL_UNPACK_ENTRY_H

#include <time.h>

#include "archive/archive.h"
#include "archive/unpack.h"

/* An unpacking; bytes and entries count up to the limits. */
typedef struct {
    const char       *path; /* of the archive */
    mdsctl_archive_t *archive;
    mds_progress_t   *progress; /* or NULL */
    int               root;     /* the directory to unpack to */
    struct timespec   times[2]; /* of all files */
    uint64_t          bytes;
    uint64_t          max_bytes;
    uint64_t          ratio; /* the reason for max_bytes; 0: --unpack-bytes */
    uint64_t          entries;
    uint64_t          max_entries;
} mdsctl_unpack_t;

/* Creates the file or directory of the archive's current entry, and the
 * directories above it. */
mds_status_t
mdsctl_unpack_entry(mdsctl_unpack_t *unpack, const mdsctl_entry_t *entry,
                    mds_error_t *err) MDS_MUST_CHECK;

#endif
