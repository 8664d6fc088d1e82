/*
 * mds_catalog_internal: the catalog's own structure, which only the files
 * mds_catalog*.c and mds_validate.c share.
 */

#ifndef MDS_CATALOG_INTERNAL_H
#define MDS_CATALOG_INTERNAL_H

#include "base/mds_pattern.h"
#include "base/mds_siphash.h"
#include "catalog/mds_catalog.h"
#include "catalog/mds_list_record.h"
#include "catalog/mds_validated.h"
#include "idset/mds_idset.h"

/* A list that was looked up once, and is kept open. */
typedef struct {
    const char     *record; /* the mapped record */
    uint64_t        tick;   /* of the catalog, when the base was checked */
    mds_idset_t    *base;   /* NULL: none */
    mds_pattern_t **patterns;
    uint32_t        pattern_count;
} mds_opened_list_t;

typedef struct mds_found_s mds_found_t;

struct mds_catalog_s {
    mds_lmdb_t         *lmdb;
    char               *depot;
    mds_catalog_meta_t  meta;
    uint64_t            tick;
    mds_opened_list_t **lists;  /* by number, up to meta.list_count;
                                 * NULL: not looked up yet */
    mds_validated_t *validated; /* NULL: opened without validation */

    /* The cache of look-ups: mds_catalog_lookup.c */
    uint8_t      secret[MDS_SIPHASH_KEY];
    mds_found_t *found;
    size_t       found_mask;
};

mds_status_t
mds_catalog_cache_init(mds_catalog_t *catalog, mds_error_t *err) MDS_MUST_CHECK;

/* Does what mds_lmdb_get() does; the view is valid as long as the catalog. */
bool mds_catalog_find(mds_catalog_t *catalog, mds_catalog_table_t table,
                      mds_str_t key, mds_str_t *value) MDS_MUST_CHECK;

/* Writes the path of a generation, and checks its seal: mds_seal_check(). */
mds_status_t
mds_catalog_check_file(const char *depot, uint64_t serial, bool full,
                       mds_error_t *err, mds_path_t *path,
                       mds_file_id_t *file_id) MDS_MUST_CHECK;

/* Fails with MDS_DAMAGED if another file was opened than the one checked. */
mds_status_t
mds_catalog_check_opened(const mds_file_id_t *opened,
                         const mds_file_id_t *known, const char *path,
                         mds_error_t *err) MDS_MUST_CHECK;

/* Frees an opened list, which may be NULL. */
void mds_opened_list_free(mds_opened_list_t *list);

/* Opens, checks and closes a list that is not in use; sets its number. */
mds_status_t
mds_catalog_try_list(mds_catalog_t *catalog, mds_str_t key, mds_error_t *err,
                     uint32_t *number) MDS_MUST_CHECK;

/* Looks up a list, and opens it at its first use. */
mds_status_t
mds_catalog_list(mds_catalog_t *catalog, mds_str_t key, mds_error_t *err,
                 const mds_list_record_t **record,
                 mds_opened_list_t       **list) MDS_MUST_CHECK;

#endif
