/* zip_reader: hands an entry to libarchive as a zip of one file. */

#include "archive/zip_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/zipform.h"

#define CHUNK_BYTES 65536
#define HEAD_BYTES (LOCAL_BYTES + 1) /* with a name of one byte */

struct mdsctl_zip_reader_s {
    mdsctl_zip_data_t spec;
    struct archive   *reader;
    uint8_t           head[HEAD_BYTES];
    bool              begun; /* the head has been given */
    uint64_t          given; /* bytes of the data */
    uint64_t          read;
    uint32_t          crc;
    uint8_t           chunk[CHUNK_BYTES];
};

static mds_status_t
damaged(const mdsctl_zip_reader_t *p, const char *why, mds_error_t *err)
{
    return mds_fail(err, MDS_DAMAGED, "\"%s\": entry \"%s\": %.*s",
                    p->spec.path, p->spec.entry, (int) strcspn(why, "\n"), why);
}

static mds_status_t
failed(const mdsctl_zip_reader_t *p, mds_error_t *err)
{
    const char *words = archive_error_string(p->reader);

    return damaged(p, words != NULL ? words : "its data is damaged", err);
}

/* CRC-32 of ISO 3309, four bits at a time; starts from 0. */
static uint32_t
crc32_add(uint32_t crc, const uint8_t *data, size_t len)
{
    static const uint32_t table[16]
        = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
            0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
            0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
            0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };

    crc = ~crc;

    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }

    return ~crc;
}

/* A local header of a file that has a name of one byte, and nothing more. */
static void
make_head(mdsctl_zip_reader_t *p)
{
    mdsctl_zip_put(p->head, 4, LOCAL_TAG);
    mdsctl_zip_put(p->head + LOCAL_NEEDS, 2, 20);
    mdsctl_zip_put(p->head + LOCAL_METHOD, 2, p->spec.method);
    mdsctl_zip_put(p->head + LOCAL_CRC, 4, p->spec.crc);
    mdsctl_zip_put(p->head + LOCAL_PACKED, 4, p->spec.packed_bytes);
    mdsctl_zip_put(p->head + LOCAL_SIZE, 4, p->spec.bytes);
    mdsctl_zip_put(p->head + LOCAL_NAME, 2, 1);
    p->head[LOCAL_BYTES] = 'x';
}

static la_ssize_t
give(struct archive *reader, void *data, const void **bytes)
{
    mdsctl_zip_reader_t *p = data;
    uint64_t             left = p->spec.packed_bytes - p->given;
    ssize_t              n;

    if (!p->begun) {
        p->begun = true;
        *bytes = p->head;
        return HEAD_BYTES;
    }

    do {
        n = pread(p->spec.fd, p->chunk,
                  left < CHUNK_BYTES ? (size_t) left : CHUNK_BYTES,
                  (off_t) (p->spec.offset + p->given));
    } while (n < 0 && errno == EINTR);

    if (n < 0) {
        archive_set_error(reader, errno, "%s", strerror(errno));
        return -1;
    }

    p->given += (uint64_t) n;
    *bytes = p->chunk;

    return n;
}

mds_status_t
mdsctl_zip_reader_open(const mdsctl_zip_data_t *spec, mds_error_t *err,
                       mdsctl_zip_reader_t **packed)
{
    mdsctl_zip_reader_t  *p = calloc(1, sizeof(*p));
    struct archive_entry *entry;
    mds_status_t          status = MDS_OK;

    if (p == NULL || (p->reader = archive_read_new()) == NULL) {
        free(p);
        return mds_fail_memory(err);
    }

    p->spec = *spec;
    make_head(p);
    archive_read_support_format_zip_streamable(p->reader);

    if (archive_read_open(p->reader, p, NULL, give, NULL) != ARCHIVE_OK
        || archive_read_next_header(p->reader, &entry) != ARCHIVE_OK)
    {
        status = failed(p, err);
        mdsctl_zip_reader_close(p);
        return status;
    }

    *packed = p;
    return MDS_OK;
}

void
mdsctl_zip_reader_close(mdsctl_zip_reader_t *packed)
{
    if (packed != NULL) {
        archive_read_free(packed->reader);
        free(packed);
    }
}

mds_status_t
mdsctl_zip_reader_read(mdsctl_zip_reader_t *packed, void *data, size_t size,
                       mds_error_t *err, size_t *len)
{
    la_ssize_t n = 0;

    /* Of nothing some methods make a stream that libarchive does not take. */
    if (packed->spec.bytes > 0) {
        n = archive_read_data(packed->reader, data, size);
    }

    if (n < 0) {
        return failed(packed, err);
    }

    packed->crc = crc32_add(packed->crc, data, (size_t) n);
    packed->read += (uint64_t) n;

    if (n == 0
        && (packed->crc != packed->spec.crc
            || packed->read != packed->spec.bytes))
    {
        return damaged(packed, "its data differs from the directory", err);
    }

    *len = (size_t) n;
    return MDS_OK;
}
