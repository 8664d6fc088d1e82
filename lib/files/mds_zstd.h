/*
 * mds_zstd: compresses and decompresses files. It wraps zstd, which no other
 * file includes.
 *
 * Files are streamed; the prefix (the old file, which may be empty) is in
 * memory. Frames have a checksum and the content size, and a window of the
 * least power of two that spans the prefix and the file, up to 128 MiB. The
 * same input gives the same bytes.
 */

#ifndef MDS_ZSTD_H
#define MDS_ZSTD_H

#include "base/mds_base.h"

/* A file that is open for reading; its path is for messages. */
typedef struct {
    const char *path;
    int         fd; /* below zero: not open */
    uint64_t    size_bytes;
} mds_source_t;

mds_status_t mds_source_open(mds_source_t *source, const char *path,
                             mds_error_t *err) MDS_MUST_CHECK;

void mds_source_close(mds_source_t *source);

/* Reads up to max bytes; *len is 0 at the end of the file. */
mds_status_t mds_source_read(mds_source_t *source, void *data, size_t max,
                             mds_error_t *err, size_t *len) MDS_MUST_CHECK;

/* A receiver of bytes. A failure of take() ends the operation. */
typedef struct mds_sink_s mds_sink_t;

struct mds_sink_s {
    mds_status_t (*take)(mds_sink_t *sink, const void *data, size_t len,
                         mds_error_t *err);
    uint64_t bytes; /* taken so far */
};

/* How hard to compress; docs/design.md has what it takes and gives. */
typedef enum { MDS_ZSTD_BEST, MDS_ZSTD_FAST } mds_zstd_level_t;

/*
 * Compresses a file. progress counts the bytes of both the prefix, which is
 * read into tables at first, and the file. MDS_CONFLICT: the file's size
 * changed meanwhile.
 */
mds_status_t
mds_zstd_pack(mds_str_t prefix, mds_source_t *source, mds_zstd_level_t level,
              mds_sink_t *sink, mds_progress_t *progress,
              mds_error_t *err) MDS_MUST_CHECK;

/*
 * Decompresses the rest of a file, which must be one frame. MDS_DAMAGED: it is
 * truncated, changed, followed by other bytes, or not a frame.
 */
mds_status_t mds_zstd_unpack(mds_str_t prefix, mds_source_t *source,
                             mds_sink_t *sink, mds_error_t *err) MDS_MUST_CHECK;

#endif
