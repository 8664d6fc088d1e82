/* zip_store: writes a zip again with its entries stored, not compressed. */

#include "archive/zip_internal.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "archive/bounded_file.h"

#define CHUNK_BYTES 65536
#define NAME_AND_EXTRA_MAX (2 * 65535) /* two lengths of 16 bits */

typedef struct {
    mdsctl_zip_t         *zip;
    uint8_t              *directory; /* of the zip that is written */
    mdsctl_bounded_file_t out;
} zip_writer_t;

/* Sets version needed, flags, method and size of a stored entry, which both
 * headers have in the same order. */
static void
set_stored_fields(uint8_t *needs, uint8_t *packed, bool is_dir, uint32_t size)
{
    uint8_t *flags = needs + 2, *method = needs + 4;

    mdsctl_zip_put(needs, 2, is_dir ? NEEDS_FOLDER : NEEDS_STORED);
    mdsctl_zip_put(flags, 2,
                   mdsctl_zip_get(flags, 2) & ~(uint32_t) FLAGS_OF_DEFLATE);
    mdsctl_zip_put(method, 2, 0);
    mdsctl_zip_put(packed, 4, size);
}

static mds_status_t
write_header(zip_writer_t *w, size_t i, const uint8_t *entry, bool is_dir,
             mds_error_t *err)
{
    uint32_t     size = mdsctl_zip_get(entry + ENTRY_SIZE, 4);
    uint8_t      local[LOCAL_BYTES];
    uint8_t      rest[NAME_AND_EXTRA_MAX];
    size_t       len;
    uint64_t     data;
    mds_status_t status = mdsctl_zip_read_header(w->zip, i, err, local, &data);

    if (status != MDS_OK) {
        return status;
    }

    /* An entry that was written to a pipe has these behind its data. */
    mdsctl_zip_put(local + LOCAL_CRC, 4, mdsctl_zip_get(entry + ENTRY_CRC, 4));
    mdsctl_zip_put(local + LOCAL_SIZE, 4, size);
    set_stored_fields(local + LOCAL_NEEDS, local + LOCAL_PACKED, is_dir, size);

    len = mdsctl_zip_get(local + LOCAL_NAME, 2)
          + mdsctl_zip_get(local + LOCAL_EXTRA, 2);
    status = mds_file_read_at(w->zip->fd, w->zip->path, data - len, rest, len,
                              err);
    if (status != MDS_OK) {
        return status;
    }

    status = mdsctl_bounded_file_write(&w->out, local, sizeof(local), err);

    return status == MDS_OK ? mdsctl_bounded_file_write(&w->out, rest, len, err)
                            : status;
}

static mds_status_t
write_data(zip_writer_t *w, size_t i, mds_error_t *err)
{
    mdsctl_zip_reader_t *reader = NULL;
    uint8_t              chunk[CHUNK_BYTES];
    size_t               len = 1;
    mds_status_t status = mdsctl_zip_open_entry(w->zip, i, err, &reader);

    while (status == MDS_OK && len > 0) {
        status
            = mdsctl_zip_reader_read(reader, chunk, sizeof(chunk), err, &len);
        if (status == MDS_OK) {
            status = mdsctl_bounded_file_write(&w->out, chunk, len, err);
        }
    }

    mdsctl_zip_reader_close(reader);
    return status;
}

static mds_status_t
write_entry(zip_writer_t *w, size_t i, mds_error_t *err)
{
    uint8_t     *entry = w->directory + w->zip->entries[i].at;
    bool         is_dir = S_ISDIR(mdsctl_zip_entry_mode(w->zip, i));
    mds_status_t status;

    mdsctl_zip_put(entry + ENTRY_OFFSET, 4, (uint32_t) w->out.written);

    status = write_header(w, i, entry, is_dir, err);
    if (status == MDS_OK) {
        status = write_data(w, i, err);
    }

    set_stored_fields(entry + ENTRY_NEEDS, entry + ENTRY_PACKED, is_dir,
                      mdsctl_zip_get(entry + ENTRY_SIZE, 4));

    return status;
}

/* Writes the directory, and the end record with its comment. */
static mds_status_t
write_directory(zip_writer_t *w, mds_error_t *err)
{
    const mdsctl_zip_t *zip = w->zip;
    uint8_t             end[END_BYTES];
    mds_status_t        status;

    memcpy(end, zip->end, sizeof(end));
    mdsctl_zip_put(end + END_OFFSET, 4, (uint32_t) w->out.written);

    status = mdsctl_bounded_file_write(&w->out, w->directory,
                                       zip->directory_bytes, err);
    if (status == MDS_OK) {
        status = mdsctl_bounded_file_write(&w->out, end, sizeof(end), err);
    }

    return status == MDS_OK
               ? mdsctl_bounded_file_write(&w->out, zip->end + END_BYTES,
                                           zip->end_bytes - END_BYTES, err)
               : status;
}

mds_status_t
mdsctl_zip_store(mdsctl_zip_t *zip, uint64_t max_bytes,
                 mds_progress_t *progress, mds_error_t *err,
                 mds_temp_file_t *draft)
{
    uint8_t     *directory = malloc(zip->directory_bytes + 1);
    zip_writer_t w
        = { .zip = zip,
            .directory = directory,
            .out = { .source = zip->path,
                     .draft = draft,
                     .progress = progress,
                     .max_bytes
                     = max_bytes < UINT32_MAX ? max_bytes : UINT32_MAX } };
    mds_status_t status = MDS_OK;

    if (directory == NULL) {
        return mds_fail_memory(err);
    }

    memcpy(directory, zip->directory, zip->directory_bytes);

    for (size_t i = 0; status == MDS_OK && i < zip->count; i++) {
        status = write_entry(&w, i, err);
    }

    if (status == MDS_OK) {
        status = write_directory(&w, err);
    }

    free(directory);
    return status;
}
