/*
 * zip_reader: decompresses one entry of a zip, whatever its name and type are.
 * Libarchive knows the methods; it is given the entry as a zip of one file.
 */

#ifndef MDSCTL_ZIP_READER_H
#define MDSCTL_ZIP_READER_H

#include "base/mds_base.h"

typedef struct mdsctl_zip_reader_s mdsctl_zip_reader_t;

typedef struct {
    const char *path;   /* of the zip, for messages */
    const char *entry;  /* its name, for messages */
    int         fd;     /* of the zip */
    uint64_t    offset; /* of the data */
    uint16_t    method;
    uint32_t    crc;
    uint32_t    packed_bytes;
    uint32_t    bytes;
} mdsctl_zip_data_t;

/* All that the spec points to has to outlive it. */
mds_status_t
mdsctl_zip_reader_open(const mdsctl_zip_data_t *spec, mds_error_t *err,
                       mdsctl_zip_reader_t **packed) MDS_MUST_CHECK;

void mdsctl_zip_reader_close(mdsctl_zip_reader_t *packed);

/* *len 0: that was all, and it is what crc and bytes say. MDS_DAMAGED. */
mds_status_t
mdsctl_zip_reader_read(mdsctl_zip_reader_t *packed, void *data, size_t size,
                       mds_error_t *err, size_t *len) MDS_MUST_CHECK;

#endif
