/*
 * mds_zstd: the border to zstd. No other file knows its names or its codes.
 *
 * Files stream through it; the prefix (the old file, empty for none) is in
 * memory. Level 19, long-distance matching, checksum and content size in the
 * frame, and a window of the least power of two that spans prefix and file, up
 * to 128 MiB.
 */

#ifndef MDS_ZSTD_H
#define MDS_ZSTD_H

#include "base/mds_base.h"

/* A file open for reading; its path is for messages. */
typedef struct {
    const char *path;
    int         fd; /* below zero: not open */
    uint64_t    size_bytes;
} mds_source_t;

mds_status_t mds_source_open(mds_source_t *source, const char *path,
                             mds_error_t *err) MDS_MUST_CHECK;

void mds_source_close(mds_source_t *source);

/* Up to max bytes; *len is zero at the end of the file. */
mds_status_t mds_source_read(mds_source_t *source, void *data, size_t max,
                             mds_error_t *err, size_t *len) MDS_MUST_CHECK;

/* Where bytes go; what take() answers, the caller answers. */
typedef struct mds_sink_s mds_sink_t;

struct mds_sink_s {
    mds_status_t (*take)(mds_sink_t *sink, const void *data, size_t len,
                         mds_error_t *err);
    uint64_t bytes; /* taken so far */
};

/* MDS_CONFLICT: the source grew or shrank meanwhile. */
mds_status_t
mds_zstd_pack(mds_str_t prefix, mds_source_t *source, mds_sink_t *sink,
              mds_progress_t *progress, mds_error_t *err) MDS_MUST_CHECK;

/*
 * From where the source stands to its end, which has to be one whole frame.
 * MDS_DAMAGED: it is cut, changed, followed by something, or no frame.
 */
mds_status_t mds_zstd_unpack(mds_str_t prefix, mds_source_t *source,
                             mds_sink_t *sink, mds_error_t *err) MDS_MUST_CHECK;

#endif
