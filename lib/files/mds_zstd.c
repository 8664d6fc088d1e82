/*
 * Streams of zstd, in chunks, and its errors as statuses.
 */

#include "files/mds_zstd.h"

#include <errno.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mds_file.h"

#define MDS_ZSTD_WINDOW_LOG_MAX 27 /* 128 MiB */
#define MDS_ZSTD_CHUNK 131072      /* bytes read or decompressed at a time */

mds_status_t
mds_source_open(mds_source_t *source, const char *path, mds_error_t *err)
{
    source->path = path;
    return mds_file_open(path, err, &source->fd, &source->size_bytes);
}

void
mds_source_close(mds_source_t *source)
{
    if (source->fd >= 0) {
        close(source->fd);
    }
}

mds_status_t
mds_source_read(mds_source_t *source, void *data, size_t max, mds_error_t *err,
                size_t *len)
{
    ssize_t n;

    do {
        n = read(source->fd, data, max);
    } while (n < 0 && errno == EINTR);

    if (n < 0) {
        return mds_fail_errno(err, "read \"%s\"", source->path);
    }

    *len = (size_t) n;
    return MDS_OK;
}

static mds_status_t
mds_zstd_fail(mds_error_t *err, mds_status_t status, size_t code,
              const char *what, const char *path)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation) {
        status = MDS_NO_MEMORY;
    }

    return mds_fail(err, status, "failed to %s \"%s\": %s", what, path,
                    ZSTD_getErrorName(code));
}

static int
mds_zstd_window_log(uint64_t old_bytes, uint64_t new_bytes)
{
    uint64_t    larger = old_bytes > new_bytes ? old_bytes : new_bytes;
    ZSTD_bounds bounds = ZSTD_cParam_getBounds(ZSTD_c_windowLog);
    int         log = bounds.lowerBound;

    while (log < MDS_ZSTD_WINDOW_LOG_MAX && (uint64_t) 1 << log < larger) {
        log++;
    }

    return log;
}

/*
 * The parameters were chosen by measuring (docs/design.md, "Deltas"). A large
 * hash table has entries for all of the old file, and so finds the place that
 * was changed. Trees of matches, which reach back only so far as they have
 * nodes, are small: to fill them with the old file takes most of the time.
 */
typedef struct {
    ZSTD_cParameter name;
    int             value;
} mds_zstd_setting_t;

#define MDS_ZSTD_SETTINGS 6

static const mds_zstd_setting_t mds_zstd_levels[][MDS_ZSTD_SETTINGS] = {
    [MDS_ZSTD_BEST] = { { ZSTD_c_compressionLevel, 19 },
                        { ZSTD_c_enableLongDistanceMatching, 1 },
                        { ZSTD_c_strategy, ZSTD_btopt },
                        { ZSTD_c_hashLog, 25 },
                        { ZSTD_c_chainLog, 18 },
                        { ZSTD_c_searchLog, 3 } },
    [MDS_ZSTD_FAST] = { { ZSTD_c_compressionLevel, 12 },
                        { ZSTD_c_enableLongDistanceMatching, 1 },
                        { ZSTD_c_hashLog, 25 } },
};

static bool
mds_zstd_set(ZSTD_CCtx *zstd, const mds_zstd_setting_t *settings, size_t count)
{
    for (size_t i = 0; i < count && settings[i].value != 0; i++) {
        if (ZSTD_isError(ZSTD_CCtx_setParameter(zstd, settings[i].name,
                                                settings[i].value)))
        {
            return false;
        }
    }

    return true;
}

/* Returns NULL if it is out of memory; nothing else can fail. */
static ZSTD_CCtx *
mds_zstd_packer(mds_str_t prefix, uint64_t new_bytes, mds_zstd_level_t level)
{
    ZSTD_CCtx               *zstd = ZSTD_createCCtx();
    const mds_zstd_setting_t frame[] = {
        { ZSTD_c_windowLog, mds_zstd_window_log(prefix.len, new_bytes) },
        { ZSTD_c_contentSizeFlag, 1 },
        { ZSTD_c_checksumFlag, 1 },
    };

    if (zstd == NULL) {
        return NULL;
    }

    if (!mds_zstd_set(zstd, frame, mds_nelems(frame))
        || !mds_zstd_set(zstd, mds_zstd_levels[level], MDS_ZSTD_SETTINGS))
    {
        goto failed;
    }

    if (ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(zstd, new_bytes))
        || ZSTD_isError(ZSTD_CCtx_refPrefix(zstd, prefix.data, prefix.len)))
    {
        goto failed;
    }

    return zstd;

failed:
    ZSTD_freeCCtx(zstd);
    return NULL;
}

static mds_status_t
mds_source_fail_changed(const char *path, mds_error_t *err)
{
    return mds_fail(err, MDS_CONFLICT, "\"%s\" changed while it was read",
                    path);
}

/* Compresses a chunk into the sink, and the rest of the frame if it is the end.
 */
static mds_status_t
mds_zstd_pack_chunk(ZSTD_CCtx *zstd, ZSTD_inBuffer *in, bool end,
                    const char *path, mds_sink_t *sink, mds_error_t *err)
{
    char           room[MDS_ZSTD_CHUNK];
    size_t         left;
    mds_status_t   status;
    ZSTD_outBuffer out = { room, sizeof(room), 0 };

    do {
        out.pos = 0;
        left = ZSTD_compressStream2(zstd, &out, in,
                                    end ? ZSTD_e_end : ZSTD_e_continue);

        if (ZSTD_getErrorCode(left) == ZSTD_error_srcSize_wrong) {
            return mds_source_fail_changed(path, err);
        }

        if (ZSTD_isError(left)) {
            return mds_zstd_fail(err, MDS_IO, left, "compress", path);
        }

        status = sink->take(sink, room, out.pos, err);
    } while (status == MDS_OK && (end ? left > 0 : in->pos < in->size));

    return status;
}

mds_status_t
mds_zstd_pack(mds_str_t prefix, mds_source_t *source, mds_zstd_level_t level,
              mds_sink_t *sink, mds_progress_t *progress, mds_error_t *err)
{
    char         chunk[MDS_ZSTD_CHUNK];
    size_t       n = 0;
    uint64_t     done = 0;
    ZSTD_CCtx   *zstd = mds_zstd_packer(prefix, source->size_bytes, level);
    mds_status_t status;

    if (zstd == NULL) {
        return mds_fail_memory(err);
    }

    do {
        status = mds_source_read(source, chunk, sizeof(chunk), err, &n);
        done += n;

        if (status == MDS_OK && done > source->size_bytes) {
            status = mds_source_fail_changed(source->path, err);
        }

        if (status == MDS_OK) {
            status = mds_zstd_pack_chunk(zstd, &(ZSTD_inBuffer){ chunk, n, 0 },
                                         n == 0, source->path, sink, err);
        }

        if (status == MDS_OK && progress != NULL) {
            progress->report(progress, prefix.len + done,
                             prefix.len + source->size_bytes);
        }
    } while (status == MDS_OK && n > 0);

    ZSTD_freeCCtx(zstd);
    return status;
}

/* Returns NULL if it is out of memory. */
static ZSTD_DCtx *
mds_zstd_unpacker(mds_str_t prefix)
{
    ZSTD_DCtx *zstd = ZSTD_createDCtx();

    if (zstd == NULL
        || ZSTD_isError(ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax,
                                               MDS_ZSTD_WINDOW_LOG_MAX))
        || ZSTD_isError(ZSTD_DCtx_refPrefix(zstd, prefix.data, prefix.len)))
    {
        ZSTD_freeDCtx(zstd);
        return NULL;
    }

    return zstd;
}

/* Decompresses a chunk into the sink. *more becomes false at the end of the
 * frame, behind which nothing may follow. */
static mds_status_t
mds_zstd_unpack_chunk(ZSTD_DCtx *zstd, ZSTD_inBuffer *in, const char *path,
                      mds_sink_t *sink, mds_error_t *err, bool *more)
{
    char           room[MDS_ZSTD_CHUNK];
    size_t         left;
    mds_status_t   status;
    ZSTD_outBuffer out = { room, sizeof(room), 0 };

    if (!*more) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" has bytes after the end of its zstd frame",
                        path);
    }

    do {
        out.pos = 0;
        left = ZSTD_decompressStream(zstd, &out, in);

        if (ZSTD_isError(left)) {
            return mds_zstd_fail(err, MDS_DAMAGED, left, "unpack", path);
        }

        status = sink->take(sink, room, out.pos, err);

        /* zstd may hold more bytes if the room is full. */
    } while (status == MDS_OK && left > 0
             && (in->pos < in->size || out.pos == out.size));

    if (status == MDS_OK && left == 0 && in->pos < in->size) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" has bytes after the end of its zstd frame",
                        path);
    }

    *more = left > 0;
    return status;
}

/* Returns whether it is a frame. A skippable one, which has no content, is not.
 */
static bool
mds_zstd_is_frame(const char *chunk, size_t len)
{
    static const uint8_t magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };

    return len >= sizeof(magic) && memcmp(chunk, magic, sizeof(magic)) == 0;
}

mds_status_t
mds_zstd_unpack(mds_str_t prefix, mds_source_t *source, mds_sink_t *sink,
                mds_error_t *err)
{
    bool         more = true;
    char         chunk[MDS_ZSTD_CHUNK];
    size_t       n = 0;
    ZSTD_DCtx   *zstd;
    mds_status_t status
        = mds_source_read(source, chunk, sizeof(chunk), err, &n);

    if (status != MDS_OK) {
        return status;
    }

    if (!mds_zstd_is_frame(chunk, n)) {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" is not a zstd frame",
                        source->path);
    }

    zstd = mds_zstd_unpacker(prefix);
    if (zstd == NULL) {
        return mds_fail_memory(err);
    }

    while (status == MDS_OK && n > 0) {
        status = mds_zstd_unpack_chunk(zstd, &(ZSTD_inBuffer){ chunk, n, 0 },
                                       source->path, sink, err, &more);

        if (status == MDS_OK) {
            status = mds_source_read(source, chunk, sizeof(chunk), err, &n);
        }
    }

    if (status == MDS_OK && more) {
        status
            = mds_fail(err, MDS_DAMAGED, "\"%s\" is truncated", source->path);
    }

    ZSTD_freeDCtx(zstd);
    return status;
}
