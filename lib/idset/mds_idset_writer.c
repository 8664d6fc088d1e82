/*
 * Imports, measures and finishes lists of ids.
 */

#include "idset/mds_idset_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_text.h"
#include "idset/mds_id_reader.h"
#include "lmdb/mds_seal.h"

#define MDS_IDSET_WRITER_BUFFER (256 * 1024)

/* Reports the progress of the last of three steps as part of the whole. */
typedef struct {
    mds_progress_t  progress;
    mds_progress_t *outer;
    uint64_t        bytes;
} mds_idset_writer_step_t;

mds_status_t
mds_idset_writer_begin(mds_idset_writer_t *writer, mds_error_t *err)
{
    mds_status_t status
        = mds_path(&writer->dir, err, "%s/lists", writer->depot_dir);

    writer->text = MDS_NO_TEMP_FILE;
    writer->set = MDS_NO_TEMP_FILE;
    writer->bytes = 0;
    writer->len = 0;
    writer->buffer = malloc(MDS_IDSET_WRITER_BUFFER);

    if (status == MDS_OK && writer->buffer == NULL) {
        status = mds_fail_memory(err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_create(&writer->text, writer->dir.text, err);
    }

    mds_sha256_begin(&writer->digest);

    return status;
}

void
mds_idset_writer_end(mds_idset_writer_t *writer)
{
    mds_temp_file_discard(&writer->text);
    mds_temp_file_discard(&writer->set);
    free(writer->buffer);
}

static mds_status_t
mds_idset_writer_flush(mds_idset_writer_t *writer, mds_error_t *err)
{
    size_t len = writer->len;

    mds_sha256_add(&writer->digest, writer->buffer, len);
    writer->bytes += len;
    writer->len = 0;

    return writer->measures
               ? MDS_OK
               : mds_temp_file_write(&writer->text, writer->buffer, len, err);
}

mds_status_t
mds_idset_writer_line(mds_idset_writer_t *writer, mds_str_t id,
                      mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (id.len > MDS_ID_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "the id is too long: at most %d bytes", MDS_ID_MAX);
    }

    if (writer->len + id.len + 1 > MDS_IDSET_WRITER_BUFFER) {
        status = mds_idset_writer_flush(writer, err);
    }

    memcpy(writer->buffer + writer->len, id.data, id.len);
    writer->buffer[writer->len + id.len] = '\n';
    writer->len += id.len + 1;

    return status;
}

/* Drops the byte order mark that the buffer begins with. */
static void
mds_idset_writer_drop_mark(mds_idset_writer_t *writer)
{
    size_t mark = mds_text_mark((mds_str_t){ writer->len, writer->buffer });

    writer->len -= mark;
    memmove(writer->buffer, writer->buffer + mark, writer->len);
}

/* Copies the text without its byte order mark: older versions took the mark for
 * a part of the first id, and such a list has another digest. */
static mds_status_t
mds_idset_writer_copy(mds_idset_writer_t *writer, const char *path,
                      mds_error_t *err)
{
    int          fd;
    ssize_t      n;
    uint64_t     size;
    mds_status_t status = mds_file_open(path, err, &fd, &size);

    if (status != MDS_OK) {
        return status;
    }

    do {
        n = read(fd, writer->buffer, MDS_IDSET_WRITER_BUFFER);

        if (n > 0) {
            writer->len = (size_t) n;

            if (writer->bytes == 0) {
                mds_idset_writer_drop_mark(writer);
            }

            status = mds_idset_writer_flush(writer, err);

            if (writer->progress != NULL) {
                writer->progress->report(writer->progress, writer->bytes,
                                         3 * size);
            }

        } else if (n < 0 && errno != EINTR) {
            status = mds_fail_errno(err, "read \"%s\"", path);
        }
    } while (n != 0 && status == MDS_OK);

    close(fd);
    return status;
}

/* Hashes the ids of the text that was written. */
static mds_status_t
mds_idset_writer_hash(mds_idset_writer_t *writer, mds_u64_sort_t *sort,
                      mds_error_t *err)
{
    uint64_t         reported = 0;
    mds_str_t        id;
    mds_status_t     status;
    mds_id_reader_t *file;

    status
        = mds_id_reader_open(writer->text.path.text, writer->name, err, &file);
    if (status != MDS_OK) {
        return status;
    }

    for (;;) {
        status = mds_id_reader_next(file, err, &id);
        if (status != MDS_OK) {
            break;
        }

        status = mds_u64_sort_add(sort, mds_id_hash(id), err);
        if (status != MDS_OK) {
            break;
        }

        if (writer->progress != NULL && mds_id_reader_bytes(file) != reported) {
            reported = mds_id_reader_bytes(file);
            writer->progress->report(writer->progress, writer->bytes + reported,
                                     3 * writer->bytes);
        }
    }

    mds_id_reader_close(file);

    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

static void
mds_idset_writer_step(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    mds_idset_writer_step_t *step = (mds_idset_writer_step_t *) progress;
    double share = total == 0 ? 1 : (double) done / (double) total;

    step->outer->report(step->outer,
                        2 * step->bytes
                            + (uint64_t) (share * (double) step->bytes),
                        3 * step->bytes);
}

/* Makes the sealed set of the text, under a temporary name. */
static mds_status_t
mds_idset_writer_set(mds_idset_writer_t *writer, mds_error_t *err,
                     uint64_t *count)
{
    mds_u64_sort_t         *sort = NULL;
    mds_status_t            status;
    mds_idset_writer_step_t step
        = { { mds_idset_writer_step }, NULL, writer->bytes };

    step.outer = writer->progress;

    status = mds_u64_sort_new(writer->dir.text, MDS_U64_SORT_RUN, err, &sort);

    if (status == MDS_OK) {
        status = mds_idset_writer_hash(writer, sort, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_create(&writer->set, writer->dir.text, err);
    }

    if (status == MDS_OK) {
        status = mds_idset_build(writer->set.path.text, sort,
                                 step.outer != NULL ? &step.progress : NULL,
                                 err, count);
    }

    mds_u64_sort_free(sort);

    if (status == MDS_OK) {
        status
            = mds_seal_write(writer->set.path.text, writer->sha256.bytes, err);
    }

    return status;
}

/* Returns whether the list exists, text and set; *count is set if it does. */
static bool
mds_idset_writer_has_list(const mds_idset_writer_t *writer,
                          const char *text_path, uint64_t *count)
{
    mds_idset_t *list;

    if (access(text_path, F_OK) != 0
        || mds_idset_open(writer->depot_dir, &writer->sha256, NULL, &list)
               != MDS_OK)
    {
        return false;
    }

    *count = mds_idset_count(list);
    mds_idset_close(list);

    return true;
}

mds_status_t
mds_idset_writer_finish(mds_idset_writer_t *writer, mds_error_t *err,
                        mds_sha256_t *sha256, uint64_t *count)
{
    uint64_t     found;
    mds_path_t   text_path, set_path;
    mds_status_t status;

    status = mds_idset_writer_flush(writer, err);
    if (status != MDS_OK) {
        return status;
    }

    mds_sha256_end(&writer->digest, &writer->sha256);

    status = mds_idset_path(writer->depot_dir, &writer->sha256, ".ids", err,
                            &text_path);
    if (status == MDS_OK) {
        status = mds_idset_path(writer->depot_dir, &writer->sha256, ".mdb", err,
                                &set_path);
    }

    if (status != MDS_OK) {
        return status;
    }

    if (!mds_idset_writer_has_list(writer, text_path.text, &found)) {
        status = mds_idset_writer_set(writer, err, &found);

        /* The text is first, so that a set always has its text. */
        if (status == MDS_OK) {
            status = mds_temp_file_commit(&writer->text, text_path.text, 0600,
                                          err);
        }

        if (status == MDS_OK) {
            status
                = mds_temp_file_commit(&writer->set, set_path.text, 0444, err);
        }
    }

    if (status == MDS_OK) {
        *sha256 = writer->sha256;
        *count = found;
    }

    return status;
}

mds_status_t
mds_idset_import(const char *depot_dir, const char *path,
                 mds_progress_t *progress, mds_error_t *err,
                 mds_sha256_t *sha256, uint64_t *count)
{
    mds_status_t       status;
    mds_idset_writer_t writer
        = { .depot_dir = depot_dir, .name = path, .progress = progress };

    status = mds_idset_writer_begin(&writer, err);

    if (status == MDS_OK) {
        status = mds_idset_writer_copy(&writer, path, err);
    }

    if (status == MDS_OK) {
        status = mds_idset_writer_finish(&writer, err, sha256, count);
    }

    mds_idset_writer_end(&writer);

    return status;
}

/* Checks each line of the file, and counts those that have an id. */
static mds_status_t
mds_idset_writer_count(const char *path, mds_error_t *err, uint64_t *count)
{
    uint64_t         ids = 0;
    mds_str_t        id;
    mds_id_reader_t *file;
    mds_status_t     status = mds_id_reader_open(path, path, err, &file);

    if (status != MDS_OK) {
        return status;
    }

    while ((status = mds_id_reader_next(file, err, &id)) == MDS_OK) {
        ids++;
    }

    mds_id_reader_close(file);

    if (status != MDS_NOT_FOUND) {
        return status;
    }

    *count = ids;
    return MDS_OK;
}

mds_status_t
mds_idset_measure(const char *path, mds_progress_t *progress, mds_error_t *err,
                  mds_sha256_t *sha256, uint64_t *count)
{
    mds_status_t       status;
    mds_idset_writer_t writer = { .text = MDS_NO_TEMP_FILE,
                                  .set = MDS_NO_TEMP_FILE,
                                  .name = path,
                                  .measures = true,
                                  .buffer = malloc(MDS_IDSET_WRITER_BUFFER),
                                  .progress = progress };

    if (writer.buffer == NULL) {
        return mds_fail_memory(err);
    }

    mds_sha256_begin(&writer.digest);
    status = mds_idset_writer_copy(&writer, path, err);

    if (status == MDS_OK) {
        status = mds_idset_writer_count(path, err, count);
    }

    if (status == MDS_OK) {
        mds_sha256_end(&writer.digest, sha256);
    }

    mds_idset_writer_end(&writer);
    return status;
}

mds_status_t
mds_idset_sweep(const char *depot_dir, mds_error_t *err)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/lists", depot_dir);

    return status == MDS_OK ? mds_temp_files_remove(path.text, err) : status;
}
