/*
 * zip_reader: decompresses one entry of a zip. Libarchive knows the methods; it
 * reads the entry as a zip with one file, so that name and type of the entry do
 * not matter to it.
 */

#ifndef MDSCTL_ZIP_READER_H
#define MDSCTL_ZIP_READER_H

#include "base/mds_base.h"

typedef struct mdsctl_zip_reader_s mdsctl_zip_reader_t;

typedef struct {
    const char *path;   /* of the zip, for messages */
    const char *entry;  /* its name, for messages */
    int         fd;     /* of the zip */
    uint64_t    offset; /* of the data in the zip */
    uint16_t    method;
    uint32_t    crc;
    uint32_t    packed_bytes;
    uint32_t    bytes;
} mdsctl_zip_data_t;

/* Copies data; path, entry and fd must outlive the reader. */
mds_status_t
mdsctl_zip_reader_open(const mdsctl_zip_data_t *data, mds_error_t *err,
                       mdsctl_zip_reader_t **reader) MDS_MUST_CHECK;

void mdsctl_zip_reader_close(mdsctl_zip_reader_t *reader);

/* Reads decompressed bytes; *len is 0 at the end. Returns MDS_DAMAGED if size
 * or CRC are not those of the data. */
mds_status_t
mdsctl_zip_reader_read(mdsctl_zip_reader_t *reader, void *buffer, size_t size,
                       mds_error_t *err, size_t *len) MDS_MUST_CHECK;

#endif
