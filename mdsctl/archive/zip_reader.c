/* zip_reader: presents an entry to libarchive as a zip with one file. */

#include "archive/zip_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/zip_format.h"

#define CHUNK_BYTES 65536
#define HEADER_BYTES (LOCAL_BYTES + 1) /* with a name of one byte */

struct mdsctl_zip_reader_s {
    mdsctl_zip_data_t data;
    struct archive   *archive;
    uint8_t           header[HEADER_BYTES];
    bool              header_sent;
    uint64_t          packed_sent;
    uint64_t          bytes_read;
    uint8_t           chunk[CHUNK_BYTES];
};

static mds_status_t
fail_damaged(const mdsctl_zip_reader_t *r, const char *why, mds_error_t *err)
{
    if (why == NULL) {
        why = "its data is damaged";
    }

    /* Some messages of libarchive end with a newline. */
    return mds_fail(err, MDS_DAMAGED, "\"%s\": entry \"%.200s\": %.*s",
                    r->data.path, r->data.entry, (int) strcspn(why, "\n"), why);
}

static void
make_header(mdsctl_zip_reader_t *r)
{
    mdsctl_zip_put(r->header, 4, LOCAL_TAG);
    mdsctl_zip_put(r->header + LOCAL_NEEDS, 2, 20);
    mdsctl_zip_put(r->header + LOCAL_METHOD, 2, r->data.method);
    mdsctl_zip_put(r->header + LOCAL_CRC, 4, r->data.crc);
    mdsctl_zip_put(r->header + LOCAL_PACKED, 4, r->data.packed_bytes);
    mdsctl_zip_put(r->header + LOCAL_SIZE, 4, r->data.bytes);
    mdsctl_zip_put(r->header + LOCAL_NAME, 2, 1);
    r->header[LOCAL_BYTES] = 'x';
}

/* Sends libarchive the header first, and then the data from the zip. */
static la_ssize_t
send_bytes(struct archive *archive, void *data, const void **bytes)
{
    mdsctl_zip_reader_t *r = data;
    uint64_t             left = r->data.packed_bytes - r->packed_sent;
    ssize_t              n;

    if (!r->header_sent) {
        r->header_sent = true;
        *bytes = r->header;
        return HEADER_BYTES;
    }

    do {
        n = pread(r->data.fd, r->chunk,
                  left < CHUNK_BYTES ? (size_t) left : CHUNK_BYTES,
                  (off_t) (r->data.offset + r->packed_sent));
    } while (n < 0 && errno == EINTR);

    if (n < 0) {
        archive_set_error(archive, errno, "%s", strerror(errno));
        return -1;
    }

    r->packed_sent += (uint64_t) n;
    *bytes = r->chunk;

    return n;
}

mds_status_t
mdsctl_zip_reader_open(const mdsctl_zip_data_t *data, mds_error_t *err,
                       mdsctl_zip_reader_t **reader)
{
    mdsctl_zip_reader_t  *r = calloc(1, sizeof(*r));
    struct archive_entry *entry;
    mds_status_t          status;

    if (r == NULL || (r->archive = archive_read_new()) == NULL) {
        free(r);
        return mds_fail_memory(err);
    }

    r->data = *data;
    make_header(r);
    archive_read_support_format_zip_streamable(r->archive);

    if (archive_read_open(r->archive, r, NULL, send_bytes, NULL) != ARCHIVE_OK
        || archive_read_next_header(r->archive, &entry) != ARCHIVE_OK)
    {
        status = fail_damaged(r, archive_error_string(r->archive), err);
        mdsctl_zip_reader_close(r);
        return status;
    }

    *reader = r;
    return MDS_OK;
}

void
mdsctl_zip_reader_close(mdsctl_zip_reader_t *reader)
{
    if (reader != NULL) {
        archive_read_free(reader->archive);
        free(reader);
    }
}

mds_status_t
mdsctl_zip_reader_read(mdsctl_zip_reader_t *reader, void *buffer, size_t size,
                       mds_error_t *err, size_t *len)
{
    la_ssize_t n = 0;

    /* Some methods make a stream of no bytes that libarchive refuses. */
    if (reader->data.bytes > 0) {
        n = archive_read_data(reader->archive, buffer, size);
    }

    if (n < 0) {
        return fail_damaged(reader, archive_error_string(reader->archive), err);
    }

    reader->bytes_read += (uint64_t) n;

    /* Libarchive compares the CRC, but reads no data where there is none. */
    if (n == 0
        && (reader->bytes_read != reader->data.bytes
            || (reader->data.bytes == 0 && reader->data.crc != 0)))
    {
        return fail_damaged(reader, "its data differs from the directory", err);
    }

    *len = (size_t) n;
    return MDS_OK;
}
