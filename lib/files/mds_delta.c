/*
 * Deltas: a head and a zstd frame, which sinks write, compare or count.
 */

#include "files/mds_delta.h"

#include <stdlib.h>

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "files/mds_zstd.h"

static const uint8_t mds_delta_magic[8]
    = { 0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0 };

/* The whole old file. */
typedef struct {
    char        *data;
    size_t       len;
    mds_sha256_t sha256;
} mds_old_t;

typedef struct {
    mds_sink_t       sink;
    mds_temp_file_t *temp;
    uint64_t         max_bytes;
} mds_file_sink_t;

typedef struct {
    mds_sink_t      sink;
    mds_source_t   *source; /* must have the same bytes */
    mds_progress_t *progress;
} mds_compare_sink_t;

/* Reports a part of an operation. */
typedef struct {
    mds_progress_t  progress;
    mds_progress_t *whole;
    uint64_t        before; /* done before this part */
    uint64_t        total;  /* of the operation */
} mds_part_t;

static void
mds_part_report(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    mds_part_t *part = (mds_part_t *) progress;

    (void) total;

    if (part->whole != NULL) {
        part->whole->report(part->whole, part->before + done, part->total);
    }
}

static mds_status_t
mds_sink_count(mds_sink_t *sink, const void *data, size_t len, mds_error_t *err)
{
    (void) data;
    (void) err;
    sink->bytes += len;
    return MDS_OK;
}

static mds_status_t
mds_sink_write(mds_sink_t *sink, const void *data, size_t len, mds_error_t *err)
{
    mds_file_sink_t *to = (mds_file_sink_t *) sink;

    if (len > to->max_bytes - sink->bytes) {
        return mds_fail(err, MDS_INVALID,
                        "the delta unpacks to more than %llu bytes",
                        (unsigned long long) to->max_bytes);
    }

    sink->bytes += len;
    return mds_temp_file_write(to->temp, data, len, err);
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
                            "the delta does not produce \"%s\"; did the file"
                            " change meanwhile?",
                            to->source->path);
        }
    }

    to->progress->report(to->progress, sink->bytes, to->source->size_bytes);
    return MDS_OK;
}

static mds_status_t
mds_old_read(mds_old_t *old, const char *path, mds_error_t *err)
{
    mds_status_t status
        = mds_file_read_regular(path, (size_t) MDS_DELTA_FILE_MAX, err,
                                &old->data, &old->len);

    if (status == MDS_OK) {
        mds_sha256(old->data, old->len, &old->sha256);
    }

    return status;
}

static mds_str_t
mds_old_view(const mds_old_t *old)
{
    return (mds_str_t){ old->len, old->data };
}

/* Reads up to len bytes, fewer only at the end of the file. */
static mds_status_t
mds_delta_read(mds_source_t *delta, uint8_t *data, size_t len, mds_error_t *err,
               size_t *done)
{
    size_t       n, read = 0;
    mds_status_t status;

    do {
        status = mds_source_read(delta, data + read, len - read, err, &n);
        if (status != MDS_OK) {
            return status;
        }

        read += n;
    } while (n > 0 && read < len);

    *done = read;
    return MDS_OK;
}

/* Reads the magic number, and the digest of the old file. */
static mds_status_t
mds_delta_head(mds_source_t *delta, mds_error_t *err, mds_sha256_t *old)
{
    size_t       n;
    uint8_t      magic[sizeof(mds_delta_magic)];
    mds_sha256_t sha256;
    mds_status_t status = mds_delta_read(delta, magic, sizeof(magic), err, &n);

    if (status != MDS_OK) {
        return status;
    }

    if (n < sizeof(magic) || memcmp(magic, mds_delta_magic, n) != 0) {
        return mds_fail(err, MDS_INCOMPATIBLE,
                        "\"%s\" is not a delta in the dcz format", delta->path);
    }

    status = mds_delta_read(delta, sha256.bytes, sizeof(sha256.bytes), err, &n);
    if (status != MDS_OK) {
        return status;
    }

    if (n < sizeof(sha256.bytes)) {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" is truncated", delta->path);
    }

    *old = sha256;
    return MDS_OK;
}

mds_status_t
mds_delta_read_old(const char *delta_path, mds_error_t *err,
                   mds_sha256_t *old_sha256)
{
    mds_source_t delta = { .fd = -1 };
    mds_status_t status = mds_source_open(&delta, delta_path, err);

    if (status == MDS_OK) {
        status = mds_delta_head(&delta, err, old_sha256);
    }

    mds_source_close(&delta);
    return status;
}

/* Compares the digest in the delta with that of the old file. */
static mds_status_t
mds_delta_check_old(mds_source_t *delta, const mds_old_t *old, mds_error_t *err)
{
    char         theirs[MDS_SHA256_HEX + 1], ours[MDS_SHA256_HEX + 1];
    mds_sha256_t sha256;
    mds_status_t status = mds_delta_head(delta, err, &sha256);

    if (status != MDS_OK) {
        return status;
    }

    if (!mds_sha256_eq(&sha256, &old->sha256)) {
        return mds_fail(err, MDS_INCOMPATIBLE,
                        "\"%s\" was made for an old file with SHA-256 %s, not "
                        "for one with %s",
                        delta->path, mds_sha256_hex(&sha256, theirs),
                        mds_sha256_hex(&old->sha256, ours));
    }

    return MDS_OK;
}

static mds_status_t
mds_delta_unpack(const mds_old_t *old, mds_source_t *delta, mds_sink_t *sink,
                 mds_error_t *err)
{
    mds_status_t status = mds_delta_check_old(delta, old, err);

    if (status == MDS_OK) {
        status = mds_zstd_unpack(mds_old_view(old), delta, sink, err);
    }

    return status;
}

/* Checks that the delta makes the new file, byte for byte. */
static mds_status_t
mds_delta_verify(const mds_old_t *old, const char *delta_path,
                 const char *new_path, mds_progress_t *progress,
                 mds_error_t *err)
{
    mds_source_t       delta = { .fd = -1 }, source = { .fd = -1 };
    mds_status_t       status;
    mds_compare_sink_t sink = { { mds_sink_compare, 0 }, &source, progress };

    if ((status = mds_source_open(&delta, delta_path, err)) != MDS_OK
        || (status = mds_source_open(&source, new_path, err)) != MDS_OK
        || (status = mds_delta_unpack(old, &delta, &sink.sink, err)) != MDS_OK)
    {
        goto done;
    }

    if (sink.sink.bytes != source.size_bytes) {
        status = mds_fail(err, MDS_CONFLICT, "\"%s\" changed while it was read",
                          new_path);
    }

done:
    mds_source_close(&source);
    mds_source_close(&delta);
    return status;
}

static mds_status_t
mds_delta_write(const mds_old_t *old, mds_source_t *source,
                mds_zstd_level_t level, mds_temp_file_t *temp,
                mds_progress_t *progress, mds_error_t *err, uint64_t *bytes)
{
    mds_status_t    status;
    mds_file_sink_t sink = { { mds_sink_write, 0 }, temp, UINT64_MAX };

    status = mds_temp_file_write(temp, mds_delta_magic, sizeof(mds_delta_magic),
                                 err);

    if (status == MDS_OK) {
        status = mds_temp_file_write(temp, old->sha256.bytes,
                                     sizeof(old->sha256.bytes), err);
    }

    if (status == MDS_OK) {
        status = mds_zstd_pack(mds_old_view(old), source, level, &sink.sink,
                               progress, err);
        *bytes = sink.sink.bytes;
    }

    return status;
}

static mds_status_t
mds_delta_check_size(const mds_source_t *source, mds_error_t *err)
{
    if (source->size_bytes > MDS_DELTA_FILE_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\" is too long for a delta: at most %llu "
                        "bytes",
                        source->path, (unsigned long long) MDS_DELTA_FILE_MAX);
    }

    return MDS_OK;
}

/* Compresses at one level into a temporary file of the directory, which takes
 * the place of *best if that is none, or larger. */
static mds_status_t
mds_delta_try(const mds_old_t *old, const char *new_path,
              mds_zstd_level_t level, const char *dir, mds_part_t *part,
              mds_error_t *err, mds_temp_file_t *best, uint64_t *best_bytes)
{
    uint64_t        bytes = 0;
    mds_temp_file_t temp = MDS_NO_TEMP_FILE;
    mds_source_t    source = { .fd = -1 };
    mds_status_t    status = mds_source_open(&source, new_path, err);

    if (status == MDS_OK) {
        status = mds_temp_file_create(&temp, dir, err);
    }

    if (status == MDS_OK) {
        status = mds_delta_write(old, &source, level, &temp, &part->progress,
                                 err, &bytes);
    }

    if (status == MDS_OK && (best->fd < 0 || bytes < *best_bytes)) {
        mds_temp_file_discard(best);
        *best = temp;
        *best_bytes = bytes;
        temp.fd = -1;
    }

    mds_temp_file_discard(&temp);
    part->before += old->len + source.size_bytes;
    mds_source_close(&source);
    return status;
}

/* Checks the size of the new file, and gives it. */
static mds_status_t
mds_delta_get_size(const char *new_path, mds_error_t *err, uint64_t *bytes)
{
    mds_source_t source = { .fd = -1 };
    mds_status_t status = mds_source_open(&source, new_path, err);

    if (status == MDS_OK) {
        status = mds_delta_check_size(&source, err);
        *bytes = source.size_bytes;
    }

    mds_source_close(&source);
    return status;
}

/* The fast level finds more where text has moved, the best one where machine
 * code has changed: the best delta is the smaller of both. */
mds_status_t
mds_delta_make(const char *old_path, const char *new_path,
               mds_zstd_level_t level, const char *out_path,
               mds_progress_t *progress, mds_error_t *err)
{
    mds_part_t part = { .progress = { mds_part_report }, .whole = progress };
    mds_old_t  old = { .data = NULL };
    mds_path_t dir;
    uint64_t   new_bytes = 0, best_bytes = 0;
    mds_temp_file_t best = MDS_NO_TEMP_FILE;
    mds_status_t    status = mds_path_dir(out_path, err, &dir);

    if (status != MDS_OK
        || (status = mds_delta_get_size(new_path, err, &new_bytes)) != MDS_OK
        || (status = mds_old_read(&old, old_path, err)) != MDS_OK)
    {
        goto done;
    }

    part.total = mds_delta_work(level, old.len, new_bytes);
    status = mds_delta_try(&old, new_path, MDS_ZSTD_FAST, dir.text, &part, err,
                           &best, &best_bytes);

    if (status == MDS_OK && level != MDS_ZSTD_FAST) {
        status = mds_delta_try(&old, new_path, level, dir.text, &part, err,
                               &best, &best_bytes);
    }

    if (status == MDS_OK) {
        status = mds_delta_verify(&old, best.path.text, new_path,
                                  &part.progress, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_commit(&best, out_path, 0444, err);
    }

done:
    mds_temp_file_discard(&best);
    free(old.data);
    return status;
}

mds_status_t
mds_delta_apply(const char *old_path, const char *delta_path,
                const char *out_path, uint64_t max_bytes, mds_error_t *err)
{
    mds_old_t       old = { .data = NULL };
    mds_path_t      dir;
    mds_temp_file_t temp = MDS_NO_TEMP_FILE;
    mds_source_t    delta = { .fd = -1 };
    mds_status_t    status = mds_path_dir(out_path, err, &dir);
    mds_file_sink_t sink = { { mds_sink_write, 0 }, &temp, max_bytes };

    if (status != MDS_OK
        || (status = mds_source_open(&delta, delta_path, err)) != MDS_OK
        || (status = mds_old_read(&old, old_path, err)) != MDS_OK
        || (status = mds_temp_file_create(&temp, dir.text, err)) != MDS_OK
        || (status = mds_delta_unpack(&old, &delta, &sink.sink, err)) != MDS_OK)
    {
        goto done;
    }

    status = mds_temp_file_commit(&temp, out_path, 0644, err);

done:
    mds_temp_file_discard(&temp);
    free(old.data);
    mds_source_close(&delta);
    return status;
}

mds_status_t
mds_compressed_size(const char *path, mds_progress_t *progress,
                    mds_error_t *err, uint64_t *size_bytes)
{
    mds_sink_t   sink = { mds_sink_count, 0 };
    mds_source_t source = { .fd = -1 };
    mds_status_t status = mds_source_open(&source, path, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_zstd_pack(mds_null_str, &source, MDS_ZSTD_FAST, &sink,
                           progress, err);
    mds_source_close(&source);

    if (status == MDS_OK) {
        *size_bytes = sink.bytes;
    }

    return status;
}
