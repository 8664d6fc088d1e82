/*
 * mds_delta: differences between two files, as RFC 9842 "dcz".
 *
 *   5e 2a 4d 18 20 00 00 00   a skippable zstd frame of 32 bytes:
 *   SHA-256 of the old file
 *   one zstd frame, made with the old file as its prefix
 *
 * Level 19, long-distance matching, checksum and content size in the frame, a
 * window that spans the larger file. `zstd -d --patch-from=OLD` undoes one.
 *
 * RFC 9842 lets a browser refuse a window above the larger of 8 MiB and 1.25
 * times the old file; here every client takes 128 MiB, zstd's own default.
 */

#ifndef MDS_DELTA_H
#define MDS_DELTA_H

#include "base/mds_base.h"
#include "base/mds_terms.h"

/* Of either file: windows above 128 MiB are refused by default decoders. */
#define MDS_DELTA_FILE_MAX ((uint64_t) 128 * 1024 * 1024)

/* Whether a difference can be made between files of these sizes. */
static inline bool
mds_delta_possible(uint64_t old_bytes, uint64_t new_bytes)
{
    return old_bytes <= MDS_DELTA_FILE_MAX && new_bytes <= MDS_DELTA_FILE_MAX;
}

/*
 * Makes out_path (0444, atomically) and decodes it again, against the new
 * file, before it gets its name. Takes the old file's size in memory and some
 * 300 MB at most besides. progress may be NULL; it counts bytes of the new
 * file. MDS_INVALID: a file is over MDS_DELTA_FILE_MAX; MDS_CONFLICT: a file
 * changed meanwhile.
 */
mds_status_t
mds_delta_make(const char *old_path, const char *new_path, const char *out_path,
               mds_progress_t *progress, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Makes out_path (0644, atomically) from the old file and a difference that
 * may come from anywhere: no more than max_bytes are ever written.
 * MDS_INCOMPATIBLE: no dcz file, or made for another old file; MDS_DAMAGED: it
 * is cut, changed, or followed by something; MDS_INVALID: a file is too large,
 * or the new one would be.
 */
mds_status_t mds_delta_apply(const char *old_path, const char *delta_path,
                             const char *out_path, uint64_t max_bytes,
                             mds_error_t *err) MDS_MUST_CHECK;

/* What a whole file takes under zstd, with the settings of a difference. */
mds_status_t
mds_compressed_size(const char *path, mds_progress_t *progress,
                    mds_error_t *err, uint64_t *size_bytes) MDS_MUST_CHECK;

/* Whether a difference pays: below 80 % of the compressed whole. */
static inline bool
mds_delta_worth(uint64_t delta_bytes, uint64_t compressed_bytes)
{
    return delta_bytes * 5 < compressed_bytes * 4;
}

#endif
