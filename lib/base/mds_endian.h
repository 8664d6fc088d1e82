/*
 * mds_endian: stores numbers big-endian, so that keys made of them are in the
 * order of the numbers.
 */

#ifndef MDS_ENDIAN_H
#define MDS_ENDIAN_H

#include <stdint.h>

static inline void
mds_store_be32(uint8_t bytes[4], uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t) (value >> (24 - 8 * i));
    }
}

static inline uint32_t
mds_load_be32(const uint8_t bytes[4])
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        value = value << 8 | bytes[i];
    }

    return value;
}

static inline void
mds_store_be64(uint8_t bytes[8], uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t) (value >> (56 - 8 * i));
    }
}

static inline uint64_t
mds_load_be64(const uint8_t bytes[8])
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++) {
        value = value << 8 | bytes[i];
    }

    return value;
}

#endif
