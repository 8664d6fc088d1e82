/*
 * mds_delta_check: checks deltas that were made elsewhere, by applying them.
 *
 *   format             applied by
 *   dcz                our own code
 *   bsdiff             bspatch OLD NEW DIFFERENCE
 *   xdelta3, vcdiff    xdelta3 -d -f -s OLD DIFFERENCE NEW
 *   zstd               zstd -d --patch-from=OLD DIFFERENCE -o NEW
 *
 * A tool is looked for in PATH, and runs without a shell, in a directory of its
 * own below TMPDIR (or /tmp), for MDS_DELTA_CHECK_SECONDS at most, with a limit
 * on what it may write. Deltas of other formats are not checked.
 */

#ifndef MDS_DELTA_CHECK_H
#define MDS_DELTA_CHECK_H

#include "base/mds_digest.h"

#define MDS_DELTA_CHECK_SECONDS 300

typedef struct {
    mds_str_t    format;
    const char  *old_path;
    const char  *delta_path;
    mds_sha256_t made; /* the file that it must make */
    uint64_t     made_bytes;
} mds_delta_check_t;

/*
 * Applies a delta, and compares the result. *checked is false if there is no
 * tool for it. MDS_INVALID: it does not make that file. Other statuses: it was
 * not applied.
 */
mds_status_t mds_delta_check(const mds_delta_check_t *check, mds_error_t *err,
                             bool *checked) MDS_MUST_CHECK;

#endif
