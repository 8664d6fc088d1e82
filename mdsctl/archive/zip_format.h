/*
 * zip_format: the offsets of fields in the records of a zip
 * (APPNOTE.TXT 6.3.10, 4.3). Sizes are those of the fixed part of a record.
 */

#ifndef MDSCTL_ZIP_FORMAT_H
#define MDSCTL_ZIP_FORMAT_H

#include <stdint.h>

enum {
    END_TAG = 0x06054b50,
    END_BYTES = 22,
    END_DISKS = 4, /* numbers of this disk and of the directory's */
    END_COUNT = 10,
    END_SIZE = 12,
    END_OFFSET = 16,
    END_COMMENT = 20,
    END_COMMENT_MAX = 65535,

    ENTRY_TAG = 0x02014b50, /* of the central directory */
    ENTRY_BYTES = 46,
    ENTRY_HOST = 5, /* the system, which defines the attributes */
    ENTRY_NEEDS = 6,
    ENTRY_FLAGS = 8, /* flags, method, time, date, crc, two sizes, two lengths:
                      * as in a local header, two bytes further on */
    ENTRY_METHOD = 10,
    ENTRY_CRC = 16,
    ENTRY_PACKED = 20,
    ENTRY_SIZE = 24,
    ENTRY_NAME = 28,
    ENTRY_EXTRA = 30,
    ENTRY_COMMENT = 32,
    ENTRY_MODE = 40, /* upper half of the attributes, for Unix */
    ENTRY_OFFSET = 42,

    LOCAL_TAG = 0x04034b50,
    LOCAL_BYTES = 30,
    LOCAL_NEEDS = 4,
    LOCAL_FLAGS = 6,
    LOCAL_METHOD = 8,
    LOCAL_CRC = 14,
    LOCAL_PACKED = 18,
    LOCAL_SIZE = 22,
    LOCAL_NAME = 26,
    LOCAL_EXTRA = 28,

    HOST_UNIX = 3,
    HOST_OS_X = 19,

    NEEDS_STORED = 10, /* "version needed to extract": 1.0 … */
    NEEDS_FOLDER = 20, /* … and 2.0 */

    FLAG_ENCRYPTED = 0x0001,
    /* Strength of compression, and sizes behind the data. */
    FLAGS_OF_DEFLATE = 0x000e
};

/* Read and write little-endian numbers. */
static inline uint32_t
mdsctl_zip_get(const uint8_t *p, int bytes)
{
    uint32_t value = 0;

    while (bytes-- > 0) {
        value = value << 8 | p[bytes];
    }

    return value;
}

static inline void
mdsctl_zip_put(uint8_t *p, int bytes, uint32_t value)
{
    for (int i = 0; i < bytes; i++) {
        p[i] = (uint8_t) (value >> 8 * i);
    }
}

#endif
