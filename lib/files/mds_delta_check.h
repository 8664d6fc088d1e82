/*
 * mds_delta_check: differences that were made elsewhere, undone to see that
 * they make what they are said to make.
 *
 *   format             undone by
 *   dcz                our own code
 *   bsdiff             bspatch OLD NEW DIFFERENCE
 *   xdelta3, vcdiff    xdelta3 -d -f -s OLD DIFFERENCE NEW
 *   zstd               zstd -d --patch-from=OLD DIFFERENCE -o NEW
 *
 * Tools are looked for in PATH, and run without a shell, in a directory of
 * their own below TMPDIR (or /tmp), for MDS_FOREIGN_SECONDS at most, with a
 * bound on what they may write. Any other format is carried as it is.
 */

#ifndef MDS_DELTA_CHECK_H
#define MDS_DELTA_CHECK_H

#include "base/mds_digest.h"

#define MDS_FOREIGN_SECONDS 300

typedef struct {
    mds_str_t    format;
    const char  *old_path;
    const char  *delta_path;
    mds_sha256_t made; /* what it has to make */
    uint64_t     made_bytes;
} mds_delta_check_t;

/*
 * *checked false: there is nothing here to undo it with. MDS_INVALID: it does
 * not make that file; MDS_IO and others: it could not be found out.
 */
mds_status_t mds_delta_check(const mds_delta_check_t *foreign, mds_error_t *err,
                             bool *checked) MDS_MUST_CHECK;

#endif
