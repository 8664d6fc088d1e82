/*
 * mds_idset_internal: the records of a set, for its reader and its writer.
 */

#ifndef MDS_IDSET_INTERNAL_H
#define MDS_IDSET_INTERNAL_H

#include "idset/mds_idset.h"
#include "lmdb/mds_lmdb.h"

#define MDS_IDSET_BITS_MAX 12
#define MDS_IDSET_KEY_BYTES 2 /* of a chunk's number, big-endian */

enum { MDS_IDSET_INFO, MDS_IDSET_HASH, MDS_IDSET_TABLES };

extern const char *const mds_idset_tables[MDS_IDSET_TABLES];

/* The record in the table of that name. */
typedef struct {
    uint8_t  bits;
    uint8_t  zero[7];
    uint64_t count;
} mds_idset_info_t;

_Static_assert(sizeof(mds_idset_info_t) == 16, "no padding");

/* Returns the number of the hash's chunk. It shifts twice: a shift by 64 is
 * undefined. */
static inline uint64_t
mds_idset_chunk(uint64_t hash, unsigned bits)
{
    return hash >> 1 >> (63 - bits);
}

#endif
