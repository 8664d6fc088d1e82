/*
 * mds_validated: the files of lists that were validated with a layer. The layer
 * keeps this record, and catalogs open no other files under their names.
 */

#ifndef MDS_VALIDATED_H
#define MDS_VALIDATED_H

#include "base/mds_digest.h"
#include "base/mds_file.h"

typedef struct {
    mds_sha256_t  sha256;
    mds_file_id_t file_id;
} mds_validated_list_t;

/* The lists of a layer, in one piece of memory: free() it. */
typedef struct {
    size_t               count;
    mds_validated_list_t lists[]; /* by sha256 */
} mds_validated_t;

/* Returns a list's file as it was when it was validated; NULL if it was not.
 * validated may be NULL. */
const mds_file_id_t *mds_validated_find_list(const mds_validated_t *validated,
                                             const mds_sha256_t    *sha256);

/* Returns the size of one with room for count lists. */
size_t mds_validated_bytes(size_t count);

/* Sorts the lists, for mds_validated_find_list(). */
void mds_validated_sort(mds_validated_t *validated);

#endif
