/*
 * mds_list_record: a list as a generation stores it. Millions of ids are in a
 * file of their own, the base (mds_idset.h), which the record names by its
 * digest. The record has the ids added to it and removed from it, as sorted
 * hashes (mds_id_hash()), and the patterns.
 *
 *   header, hashes of ids, hashes of without, spans of patterns, patterns
 */

#ifndef MDS_LIST_RECORD_H
#define MDS_LIST_RECORD_H

#include "base/mds_buffer.h"
#include "catalog/mds_record.h"

#define MDS_LIST_TAG 0x4c73646d /* "mdsL" */

typedef struct MDS_PACKED {
    uint32_t    tag;
    uint32_t    bytes;  /* of the whole record */
    uint64_t    check;  /* SipHash of what follows it */
    uint32_t    number; /* 0; records of format 3 have one */
    uint8_t     by;     /* mds_by_t */
    uint8_t     has_base;
    uint8_t     base[32]; /* SHA-256 of its text */
    mds_table_t ids;      /* uint64_t */
    mds_table_t without;
    mds_table_t patterns; /* mds_span_t */
} mds_list_record_t;

/* Compares two hashes, for qsort() and bsearch(). */
int mds_id_hash_cmp(const void *a, const void *b);

/* Returns the checksum that the record should have. */
uint64_t mds_list_record_sum(const mds_list_record_t *record);

/* Checks a record as mds_record_check() does. */
mds_status_t
mds_list_record_check(mds_str_t bytes, mds_error_t *err) MDS_MUST_CHECK;

/* Returns whether the sorted hashes have this one. */
bool mds_list_record_has(const mds_list_record_t *record, mds_table_t hashes,
                         uint64_t hash);

/* Returns the i-th pattern. */
mds_str_t mds_list_record_pattern(const mds_list_record_t *record, uint32_t i);

#endif
