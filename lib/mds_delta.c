#include "mds_delta.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "mds_digest.h"
#include "mds_file.h"

#define MDS_DELTA_LEVEL 19
#define MDS_DELTA_WINDOW_LOG_MAX 27 /* 128 MiB */
#define MDS_DELTA_CHUNK 131072      /* read or unpacked in one go */
#define MDS_DELTA_HEAD_BYTES 40
#define MDS_DELTA_MAGIC_BYTES 8

static const uint8_t mds_delta_magic[MDS_DELTA_MAGIC_BYTES]
    = { 0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0 };

/* A file being read; at its end, read_some() gives zero bytes. */
typedef struct {
    const char *path;
    int         fd; /* below zero: not open */
    uint64_t    size;
} mds_source_t;

/* The whole old file. */
typedef struct {
    char        *data;
    size_t       len;
    mds_sha256_t sha256;
} mds_prefix_t;

/* Where packed or unpacked bytes go. */
typedef struct mds_sink_s mds_sink_t;

struct mds_sink_s {
    mds_status_t (*take)(mds_sink_t *sink, const void *data, size_t len,
                         mds_error_t *err);
    uint64_t bytes; /* taken so far */
};

typedef struct {
    mds_sink_t   sink;
    mds_draft_t *draft;
    uint64_t     max_bytes;
} mds_draft_sink_t;

typedef struct {
    mds_sink_t    sink;
    mds_source_t *source;
} mds_compare_sink_t;

static mds_status_t
mds_zstd_fail(mds_error_t *err, mds_status_t status, size_t code,
              const char *what, const char *path)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation) {
        status = MDS_NO_MEMORY;
    }

    return mds_fail(err, status, "%s \"%s\": %s", what, path,
                    ZSTD_getErrorName(code));
}

static mds_status_t
mds_source_open(mds_source_t *source, const char *path, mds_error_t *err)
{
    source->path = path;
    return mds_file_open(path, err, &source->fd, &source->size);
}

static void
mds_source_close(mds_source_t *source)
{
    if (source->fd >= 0) {
        close(source->fd);
    }
}

static mds_status_t
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
mds_delta_sizes(const char *path, uint64_t size, mds_error_t *err)
{
    if (size > MDS_DELTA_FILE_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\" is too large for a difference: %llu bytes, at "
                        "most %llu",
                        path, (unsigned long long) size,
                        (unsigned long long) MDS_DELTA_FILE_MAX);
    }

    return MDS_OK;
}

static mds_status_t
mds_prefix_read(mds_prefix_t *prefix, const char *path, mds_error_t *err)
{
    mds_status_t status = mds_file_read(path, (size_t) MDS_DELTA_FILE_MAX, err,
                                        &prefix->data, &prefix->len);

    if (status == MDS_OK) {
        mds_sha256(prefix->data, prefix->len, &prefix->sha256);
    }

    return status;
}

/* Takes nothing, counts alone. */
static mds_status_t
mds_sink_count(mds_sink_t *sink, const void *data, size_t len, mds_error_t *err)
{
    (void) data;
    (void) err;
    sink->bytes += len;
    return MDS_OK;
}

static mds_status_t
mds_sink_draft(mds_sink_t *sink, const void *data, size_t len, mds_error_t *err)
{
    mds_draft_sink_t *to = (mds_draft_sink_t *) sink;

    if (len > to->max_bytes - sink->bytes) {
        return mds_fail(err, MDS_INVALID,
                        "the difference unpacks to more than %llu bytes",
                        (unsigned long long) to->max_bytes);
    }

    sink->bytes += len;
    return mds_draft_write(to->draft, data, len, err);
}

static mds_status_t
mds_sink_compare(mds_sink_t *sink, const void *data, size_t len,
                 mds_error_t *err)
{
    char                chunk[4096];
    size_t              n;
    const char         *next = data;
    mds_status_t        status;
    mds_compare_sink_t *to = (mds_compare_sink_t *) sink;

    for (; len > 0; len -= n, next += n, sink->bytes += n) {
        status = mds_source_read(to->source, chunk,
                                 len < sizeof(chunk) ? len : sizeof(chunk), err,
                                 &n);
        if (status != MDS_OK) {
            return status;
        }

        if (n == 0 || memcmp(chunk, next, n) != 0) {
            return mds_fail(err, MDS_CONFLICT,
                            "the difference to \"%s\" does not give it back: "
                            "it changed meanwhile",
                            to->source->path);
        }
    }

    return MDS_OK;
}

/* The least power of two that holds the larger file, within zstd's bounds. */
static int
mds_delta_window_log(uint64_t old_bytes, uint64_t new_bytes)
{
    uint64_t    larger = old_bytes > new_bytes ? old_bytes : new_bytes;
    ZSTD_bounds bounds = ZSTD_cParam_getBounds(ZSTD_c_windowLog);
    int         log = bounds.lowerBound;

    while (log < MDS_DELTA_WINDOW_LOG_MAX && (uint64_t) 1 << log < larger) {
        log++;
    }

    return log;
}

/* NULL: out of memory, which is all that can go wrong. */
static ZSTD_CCtx *
mds_pack_begin(const mds_prefix_t *prefix, uint64_t new_bytes)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    int        window_log = mds_delta_window_log(prefix->len, new_bytes);

    if (zstd == NULL
        || ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel,
                                               MDS_DELTA_LEVEL))
        || ZSTD_isError(
            ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, window_log))
        || ZSTD_isError(
            ZSTD_CCtx_setParameter(zstd, ZSTD_c_enableLongDistanceMatching, 1))
        || ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 1))
        || ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1))
        || ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(zstd, new_bytes))
        || (prefix->len > 0
            && ZSTD_isError(
                ZSTD_CCtx_refPrefix(zstd, prefix->data, prefix->len))))
    {
        ZSTD_freeCCtx(zstd);
        return NULL;
    }

    return zstd;
}

/* Packs in, and with `end` all that is left; what comes out goes to sink. */
static mds_status_t
mds_pack_chunk(ZSTD_CCtx *zstd, ZSTD_inBuffer *in, bool end, const char *path,
               mds_sink_t *sink, mds_error_t *err)
{
    char           room[MDS_DELTA_CHUNK];
    size_t         left;
    mds_status_t   status;
    ZSTD_outBuffer out = { room, sizeof(room), 0 };

    do {
        out.pos = 0;
        left = ZSTD_compressStream2(zstd, &out, in,
                                    end ? ZSTD_e_end : ZSTD_e_continue);

        if (ZSTD_getErrorCode(left) == ZSTD_error_srcSize_wrong) {
            return mds_fail(err, MDS_CONFLICT,
                            "\"%s\" changed while being read", path);
        }

        if (ZSTD_isError(left)) {
            return mds_zstd_fail(err, MDS_IO, left, "compress", path);
        }

        status = sink->take(sink, room, out.pos, err);
    } while (status == MDS_OK && (end ? left > 0 : in->pos < in->size));

    return status;
}

static mds_status_t
mds_pack(const mds_prefix_t *prefix, mds_source_t *source, mds_sink_t *sink,
         mds_progress_t *progress, mds_error_t *err)
{
    char         chunk[MDS_DELTA_CHUNK];
    size_t       n = 0;
    uint64_t     done = 0;
    ZSTD_CCtx   *zstd = mds_pack_begin(prefix, source->size);
    mds_status_t status;

    if (zstd == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "compress \"%s\": no memory",
                        source->path);
    }

    do {
        status = mds_source_read(source, chunk, sizeof(chunk), err, &n);

        if (status == MDS_OK) {
            ZSTD_inBuffer in = { chunk, n, 0 };

            status = mds_pack_chunk(zstd, &in, n == 0, source->path, sink, err);
            done += n;
        }

        if (status == MDS_OK && progress != NULL) {
            progress->report(progress, done, source->size);
        }
    } while (status == MDS_OK && n > 0);

    ZSTD_freeCCtx(zstd);
    return status;
}

/* Magic, digest of the old file, and that a zstd frame begins behind them. */
static mds_status_t
mds_delta_head(mds_source_t *delta, const mds_prefix_t *prefix,
               mds_error_t *err)
{
    char         theirs[MDS_SHA256_HEX + 1], ours[MDS_SHA256_HEX + 1];
    size_t       n, done = 0;
    uint8_t      head[MDS_DELTA_HEAD_BYTES];
    mds_sha256_t sha256;
    mds_status_t status;

    do {
        status
            = mds_source_read(delta, head + done, sizeof(head) - done, err, &n);
        if (status != MDS_OK) {
            return status;
        }

        done += n;
    } while (n > 0 && done < sizeof(head));

    if (done < sizeof(mds_delta_magic)
        || memcmp(head, mds_delta_magic, sizeof(mds_delta_magic)) != 0)
    {
        return mds_fail(err, MDS_FOREIGN, "\"%s\" is no dcz difference",
                        delta->path);
    }

    if (done < sizeof(head)) {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" ends early", delta->path);
    }

    memcpy(sha256.bytes, head + sizeof(mds_delta_magic), sizeof(sha256.bytes));

    if (!mds_sha256_eq(&sha256, &prefix->sha256)) {
        return mds_fail(err, MDS_FOREIGN,
                        "\"%s\" is made for an old file with SHA-256 %s, not "
                        "for one with %s",
                        delta->path, mds_sha256_hex(&sha256, theirs),
                        mds_sha256_hex(&prefix->sha256, ours));
    }

    return MDS_OK;
}

/*
 * Unpacks what is in `in`; *more is false behind the end of the frame, where
 * nothing may follow.
 */
static mds_status_t
mds_unpack_chunk(ZSTD_DCtx *zstd, ZSTD_inBuffer *in, const char *path,
                 mds_sink_t *sink, mds_error_t *err, bool *more)
{
    char           room[MDS_DELTA_CHUNK];
    size_t         left;
    mds_status_t   status;
    ZSTD_outBuffer out = { room, sizeof(room), 0 };

    do {
        out.pos = 0;
        left = ZSTD_decompressStream(zstd, &out, in);

        if (ZSTD_isError(left)) {
            return mds_zstd_fail(err, MDS_DAMAGED, left, "unpack", path);
        }

        status = sink->take(sink, room, out.pos, err);

        /* A full room may have left something inside. */
    } while (status == MDS_OK && left > 0
             && (in->pos < in->size || out.pos == out.size));

    if (status == MDS_OK && left == 0 && in->pos < in->size) {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" goes on behind its end",
                        path);
    }

    *more = left > 0;
    return status;
}

/* A skippable frame would unpack to nothing: it has to be a real one. */
static mds_status_t
mds_unpack_frame(const char *chunk, size_t len, const char *path,
                 mds_error_t *err)
{
    static const uint8_t magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };

    if (len < sizeof(magic) || memcmp(chunk, magic, sizeof(magic)) != 0) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" has no zstd frame behind its head", path);
    }

    return MDS_OK;
}

static mds_status_t
mds_unpack(const mds_prefix_t *prefix, mds_source_t *delta, mds_sink_t *sink,
           mds_error_t *err)
{
    bool         first = true, more = true;
    char         chunk[MDS_DELTA_CHUNK];
    size_t       n = 0;
    ZSTD_DCtx   *zstd;
    mds_status_t status = mds_delta_head(delta, prefix, err);

    if (status != MDS_OK) {
        return status;
    }

    zstd = ZSTD_createDCtx();
    if (zstd == NULL
        || ZSTD_isError(ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax,
                                               MDS_DELTA_WINDOW_LOG_MAX))
        || ZSTD_isError(ZSTD_DCtx_refPrefix(zstd, prefix->data, prefix->len)))
    {
        status = mds_fail(err, MDS_NO_MEMORY, "unpack \"%s\": no memory",
                          delta->path);
        goto done;
    }

    for (;;) {
        status = mds_source_read(delta, chunk, sizeof(chunk), err, &n);

        if (status == MDS_OK && first) {
            status = mds_unpack_frame(chunk, n, delta->path, err);
            first = false;
        }

        if (status != MDS_OK || n == 0) {
            break;
        }

        if (!more) {
            status = mds_fail(err, MDS_DAMAGED, "\"%s\" goes on behind its end",
                              delta->path);
            break;
        }

        status = mds_unpack_chunk(zstd, &(ZSTD_inBuffer){ chunk, n, 0 },
                                  delta->path, sink, err, &more);
        if (status != MDS_OK) {
            break;
        }
    }

    if (status == MDS_OK && more) {
        status = mds_fail(err, MDS_DAMAGED, "\"%s\" ends early", delta->path);
    }

done:
    ZSTD_freeDCtx(zstd);
    return status;
}

/* Whether the draft gives the new file back, whole and byte for byte. */
static mds_status_t
mds_delta_prove(const mds_prefix_t *prefix, const char *delta_path,
                const char *new_path, mds_error_t *err)
{
    mds_source_t       delta = { .fd = -1 }, source = { .fd = -1 };
    mds_status_t       status;
    mds_compare_sink_t sink = { { mds_sink_compare, 0 }, &source };

    status = mds_source_open(&delta, delta_path, err);
    if (status != MDS_OK) {
        goto done;
    }

    status = mds_source_open(&source, new_path, err);
    if (status != MDS_OK) {
        goto done;
    }

    status = mds_unpack(prefix, &delta, &sink.sink, err);

    if (status == MDS_OK && sink.sink.bytes != source.size) {
        status = mds_fail(err, MDS_CONFLICT, "\"%s\" changed while being read",
                          new_path);
    }

done:
    mds_source_close(&source);
    mds_source_close(&delta);
    return status;
}

static mds_status_t
mds_delta_write(const mds_prefix_t *prefix, mds_source_t *source,
                mds_draft_t *draft, mds_progress_t *progress, mds_error_t *err)
{
    mds_status_t     status;
    mds_draft_sink_t sink = { { mds_sink_draft, 0 }, draft, UINT64_MAX };

    status
        = mds_draft_write(draft, mds_delta_magic, sizeof(mds_delta_magic), err);

    if (status == MDS_OK) {
        status = mds_draft_write(draft, prefix->sha256.bytes,
                                 sizeof(prefix->sha256.bytes), err);
    }

    if (status == MDS_OK) {
        status = mds_pack(prefix, source, &sink.sink, progress, err);
    }

    return status;
}

mds_status_t
mds_delta_make(const char *old_path, const char *new_path, const char *out_path,
               mds_progress_t *progress, mds_error_t *err)
{
    mds_path_t   dir;
    mds_draft_t  draft = MDS_NO_DRAFT;
    mds_prefix_t prefix = { .data = NULL };
    mds_source_t source = { .fd = -1 };
    mds_status_t status = mds_path_dir(out_path, err, &dir);

    if (status != MDS_OK) {
        return status;
    }

    if ((status = mds_source_open(&source, new_path, err)) != MDS_OK
        || (status = mds_delta_sizes(new_path, source.size, err)) != MDS_OK
        || (status = mds_prefix_read(&prefix, old_path, err)) != MDS_OK
        || (status = mds_draft_begin(&draft, dir.text, err)) != MDS_OK
        || (status = mds_delta_write(&prefix, &source, &draft, progress, err))
               != MDS_OK
        || (status = mds_delta_prove(&prefix, draft.path.text, new_path, err))
               != MDS_OK)
    {
        goto done;
    }

    status = mds_draft_commit(&draft, out_path, 0444, err);

done:
    mds_draft_drop(&draft);
    free(prefix.data);
    mds_source_close(&source);
    return status;
}

mds_status_t
mds_delta_apply(const char *old_path, const char *delta_path,
                const char *out_path, uint64_t max_bytes, mds_error_t *err)
{
    mds_path_t       dir;
    mds_draft_t      draft = MDS_NO_DRAFT;
    mds_prefix_t     prefix = { .data = NULL };
    mds_source_t     delta = { .fd = -1 };
    mds_status_t     status = mds_path_dir(out_path, err, &dir);
    mds_draft_sink_t sink = { { mds_sink_draft, 0 }, &draft, max_bytes };

    if (status != MDS_OK) {
        return status;
    }

    if ((status = mds_source_open(&delta, delta_path, err)) != MDS_OK
        || (status = mds_prefix_read(&prefix, old_path, err)) != MDS_OK
        || (status = mds_draft_begin(&draft, dir.text, err)) != MDS_OK
        || (status = mds_unpack(&prefix, &delta, &sink.sink, err)) != MDS_OK)
    {
        goto done;
    }

    status = mds_draft_commit(&draft, out_path, 0644, err);

done:
    mds_draft_drop(&draft);
    free(prefix.data);
    mds_source_close(&delta);
    return status;
}

mds_status_t
mds_compressed_size(const char *path, mds_progress_t *progress,
                    mds_error_t *err, uint64_t *size_bytes)
{
    mds_sink_t         sink = { mds_sink_count, 0 };
    mds_source_t       source = { .fd = -1 };
    const mds_prefix_t nothing = { .data = NULL };
    mds_status_t       status = mds_source_open(&source, path, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_pack(&nothing, &source, &sink, progress, err);
    mds_source_close(&source);

    if (status == MDS_OK) {
        *size_bytes = sink.bytes;
    }

    return status;
}
