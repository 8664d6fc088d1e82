/*
 * mds_delta: makes and applies deltas, in the "dcz" format of RFC 9842.
 *
 *   5e 2a 4d 18 20 00 00 00   a skippable zstd frame of 32 bytes:
 *   SHA-256 of the old file
 *   one zstd frame, made with the old file as its prefix
 *
 * The window spans the larger file; checksum and content size are in the frame.
 * `zstd -d --patch-from=OLD` applies one.
 *
 * A browser may refuse a window above the larger of 8 MiB and 1.25 times the
 * old file (RFC 9842). Clients of mds take 128 MiB, zstd's default.
 */

#ifndef MDS_DELTA_H
#define MDS_DELTA_H

#include "base/mds_digest.h"
#include "base/mds_terms.h"
#include "files/mds_zstd.h"

/* The size of either file: decoders refuse larger windows by default. */
#define MDS_DELTA_FILE_MAX ((uint64_t) 128 * 1024 * 1024)

/* Returns whether a delta can be made between files of these sizes. */
static inline bool
mds_delta_possible(uint64_t old_bytes, uint64_t new_bytes)
{
    return old_bytes <= MDS_DELTA_FILE_MAX && new_bytes <= MDS_DELTA_FILE_MAX;
}

/*
 * Makes out_path (0444, atomically). Before the delta gets its name, it is
 * decoded and compared with the new file. progress (may be NULL) counts the
 * bytes that are read: of both files at each level, and of the new one once
 * more. MDS_INVALID: a file is above MDS_DELTA_FILE_MAX. MDS_CONFLICT: a file
 * changed meanwhile.
 */
mds_status_t
mds_delta_make(const char *old_path, const char *new_path,
               mds_zstd_level_t level, const char *out_path,
               mds_progress_t *progress, mds_error_t *err) MDS_MUST_CHECK;

/* Returns the bytes that mds_delta_make() reports in the end. */
static inline uint64_t
mds_delta_work(mds_zstd_level_t level, uint64_t old_bytes, uint64_t new_bytes)
{
    uint64_t packed = old_bytes + new_bytes;

    return (level == MDS_ZSTD_FAST ? packed : 2 * packed) + new_bytes;
}

/*
 * Returns the memory that mds_delta_make() takes at most: zstd's tables, its
 * window, which spans the larger file, and the old file.
 */
static inline uint64_t
mds_delta_memory(uint64_t old_bytes, uint64_t new_bytes)
{
    uint64_t larger = old_bytes > new_bytes ? old_bytes : new_bytes;

    return ((uint64_t) 192 << 20) + 2 * larger + old_bytes;
}

/* Gives the digest of the old file that a delta names. */
mds_status_t mds_delta_read_old(const char *delta_path, mds_error_t *err,
                                mds_sha256_t *old_sha256) MDS_MUST_CHECK;

/*
 * Makes out_path (0644, atomically) from the old file and a delta, which is not
 * trusted: at most max_bytes are written. MDS_INCOMPATIBLE: it is not a dcz
 * file, or is for another old file. MDS_DAMAGED: it is truncated, changed, or
 * followed by other bytes. MDS_INVALID: a file is too large, or the new one
 * would be.
 */
mds_status_t mds_delta_apply(const char *old_path, const char *delta_path,
                             const char *out_path, uint64_t max_bytes,
                             mds_error_t *err) MDS_MUST_CHECK;

/* Gives the size of a whole file that zstd has compressed at its fast level,
 * which tells whether a delta is worth it. */
mds_status_t
mds_compressed_size(const char *path, mds_progress_t *progress,
                    mds_error_t *err, uint64_t *size_bytes) MDS_MUST_CHECK;

/* Returns whether a delta is worth keeping: it is below 80 % of the compressed
 * whole file. */
static inline bool
mds_delta_worth(uint64_t delta_bytes, uint64_t compressed_bytes)
{
    return delta_bytes * 5 < compressed_bytes * 4;
}

#endif
