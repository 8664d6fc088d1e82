/* zip_internal: the structure of an open zip, for zip.c and zip_store.c. */

#ifndef MDSCTL_ZIP_INTERNAL_H
#define MDSCTL_ZIP_INTERNAL_H

#include "archive/zip.h"
#include "archive/zip_format.h"
#include "escape.h"

typedef struct {
    uint32_t at;     /* offset in the directory */
    uint32_t offset; /* of the local header in the file */
} mdsctl_zip_entry_t;

struct mdsctl_zip_s {
    const char         *path;
    int                 fd;
    uint64_t            bytes; /* of the file */
    uint8_t             end[END_BYTES + END_COMMENT_MAX];
    size_t              end_bytes;
    uint8_t            *directory;
    size_t              directory_bytes;
    mdsctl_zip_entry_t *entries; /* sorted by offset */
    size_t              count;
    char                text[MDSCTL_ESCAPED_BYTES]; /* name of the open entry */
};

/* Reads the local header, and finds the offset of the data behind it. */
mds_status_t
mdsctl_zip_read_header(mdsctl_zip_t *zip, size_t i, mds_error_t *err,
                       uint8_t   local[LOCAL_BYTES],
                       uint64_t *offset) MDS_MUST_CHECK;

#endif
