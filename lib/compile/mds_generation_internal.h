/*
 * mds_generation_internal: a generation that is written, which the files
 * mds_generation*.c share.
 */

#ifndef MDS_GENERATION_INTERNAL_H
#define MDS_GENERATION_INTERNAL_H

#include "base/mds_buffer.h"
#include "base/mds_intern.h"
#include "compile/mds_delta_rows.h"
#include "compile/mds_generation.h"

#define MDS_GENERATION_META_KEY "catalog" /* mds_catalog_meta_t */

struct mds_generation_s {
    mds_lmdb_t        *lmdb;
    char              *depot;
    mds_path_t         path; /* unfinished */
    mds_catalog_meta_t meta;
    mds_catalog_t     *before;    /* NULL: there is none */
    unsigned           merged;    /* layers of it that are copied */
    bool               is_layer;  /* stands on the others */
    mds_intern_t      *put;       /* keys, each behind a byte of its table */
    mds_buffer_t       replaced;  /* mds_generation_removal_t */
    mds_package_set_t  packages;  /* of the resources that were put */
    mds_package_set_t  were;      /* of the same before, and of those removed */
    bool               is_swept;  /* of rows that packages before had left */
    uint64_t           unwritten; /* bytes that were put, and are in memory */
    mds_status_t       status;    /* of memory */
};

/* Decides on which files of the generation before this one stands, and begins
 * with the records of the others. */
mds_status_t mds_generation_begin_after(mds_generation_t *generation,
                                        mds_error_t      *err) MDS_MUST_CHECK;

/* Looks up the record that the generation before has. */
bool mds_generation_get_before(mds_generation_t   *generation,
                               mds_catalog_table_t table, mds_str_t key,
                               mds_str_t *value) MDS_MUST_CHECK;

/* Returns whether the key has a record in the files on which this one stands.
 */
bool mds_generation_has_below(mds_generation_t   *generation,
                              mds_catalog_table_t table,
                              mds_str_t           key) MDS_MUST_CHECK;

/* Notes the key of a table as put. Returns whether it was not before. */
bool mds_generation_note(mds_generation_t   *generation,
                         mds_catalog_table_t table, mds_str_t key);

/* Counts bytes that were put, and writes them when they are many. Pointers into
 * what was put end. */
void mds_generation_write(mds_generation_t *generation, size_t bytes);

/* Adds to the count of a table's records. */
void mds_generation_count(mds_generation_t   *generation,
                          mds_catalog_table_t table, uint32_t change);

/* Makes the key of a release of the record: app 00 id. */
mds_str_t mds_generation_release_key(const mds_record_t *record, uint32_t i,
                                     char bytes[MDS_LMDB_KEY_MAX]);

/* Makes the removals that were asked for. */
mds_status_t mds_generation_remove_all(mds_generation_t *generation,
                                       mds_error_t      *err) MDS_MUST_CHECK;

#endif
