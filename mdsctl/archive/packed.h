/*
 * packed: what one entry of a zip holds, unpacked as it is read: whatever the
 * entry is called, and whatever it is. Libarchive does it, which knows the
 * methods, and is told nothing else: the entry is given to it as a zip of one
 * file.
 */

#ifndef MDSCTL_PACKED_H
#define MDSCTL_PACKED_H

#include "base/mds_base.h"

typedef struct mdsctl_packed_s mdsctl_packed_t;

typedef struct {
    const char *path;   /* of the zip, for messages */
    const char *entry;  /* its name, for messages */
    int         fd;     /* of the zip */
    uint64_t    offset; /* of the data */
    uint16_t    method;
    uint32_t    crc;
    uint32_t    packed_bytes;
    uint32_t    bytes;
} mdsctl_packed_spec_t;

/* All that the spec points to has to outlive it. */
mds_status_t
mdsctl_packed_open(const mdsctl_packed_spec_t *spec, mds_error_t *err,
                   mdsctl_packed_t **packed) MDS_MUST_CHECK;

void mdsctl_packed_close(mdsctl_packed_t *packed);

/* *len 0: that was all, and it is what crc and bytes say. MDS_DAMAGED. */
mds_status_t
mdsctl_packed_read(mdsctl_packed_t *packed, void *data, size_t size,
                   mds_error_t *err, size_t *len) MDS_MUST_CHECK;

#endif
