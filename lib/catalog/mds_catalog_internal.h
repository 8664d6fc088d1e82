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
#include "merkle/mds_tree.h"

/* A list that was looked up once, and is kept open. */
typedef struct {
    const char     *record; /* the mapped record */
    uint64_t        tick;   /* of the catalog, when the base was checked */
    mds_idset_t    *base;   /* NULL: none */
    mds_pattern_t **patterns;
    uint32_t        pattern_count;
} mds_opened_list_t;

/* A tree that was looked up, by its mapped record. */
typedef struct {
    const char *record; /* NULL: none */
    mds_tree_t *tree;
} mds_opened_tree_t;

#define MDS_OPENED_TREES 64

typedef struct mds_found_s mds_found_t;

struct mds_catalog_s {
    uint64_t           tick;
    mds_catalog_meta_t meta; /* of the top */

    /* The cache of look-ups: mds_catalog_lookup.c */
    uint8_t      secret[MDS_SIPHASH_KEY];
    mds_found_t *found;
    size_t       found_mask;

    /* The lists that were looked up, by their records: mds_catalog_list.c */
    mds_opened_list_t **lists;
    size_t              lists_mask;
    uint32_t            opened; /* of meta.list_count */

    /* The trees that were looked up: mds_trust_record.c */
    mds_opened_tree_t trees[MDS_OPENED_TREES];
    bool              has_trees; /* any app has one */

    char             *depot;
    unsigned          layer_count;
    mds_lmdb_t       *layers[MDS_LAYERS_MAX]; /* reading until it is closed */
    mds_chain_t       chain;
    mds_chain_files_t files;
};

/* Opens the files of a chain that was read: mds_chain_open(). */
mds_status_t
mds_catalog_open_files(const char *depot, const char *path,
                       const mds_chain_files_t *files, const mds_chain_t *known,
                       bool full, uint64_t *budget_bytes, mds_error_t *err,
                       mds_catalog_t **catalog) MDS_MUST_CHECK;

mds_status_t
mds_catalog_cache_init(mds_catalog_t *catalog, mds_error_t *err) MDS_MUST_CHECK;

/* Does what mds_catalog_get() does, and remembers what it found. */
bool mds_catalog_find(mds_catalog_t *catalog, mds_catalog_table_t table,
                      mds_str_t key, mds_str_t *value) MDS_MUST_CHECK;

/* Frees an opened list, which may be NULL. */
void mds_opened_list_free(mds_opened_list_t *list);

mds_status_t
mds_catalog_lists_init(mds_catalog_t *catalog, mds_error_t *err) MDS_MUST_CHECK;

/* Opens, checks and closes the list of a record. */
mds_status_t mds_catalog_try_list(mds_catalog_t *catalog, mds_str_t value,
                                  mds_error_t *err) MDS_MUST_CHECK;

/* Looks up a list, and opens it at its first use. */
mds_status_t
mds_catalog_list(mds_catalog_t *catalog, mds_str_t key, mds_error_t *err,
                 const mds_list_record_t **record,
                 mds_opened_list_t       **list) MDS_MUST_CHECK;

#endif
