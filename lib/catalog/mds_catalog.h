/*
 * mds_catalog: a generation of the catalog, opened for reading.
 *
 * A generation is a chain of sealed, immutable LMDB files (mds_chain.h), each
 * with five tables:
 *
 *   meta       "catalog"         mds_catalog_meta_t
 *              roots, heads, trees: mds_trust_record.h
 *   apps       app               mds_app_record_t
 *   lists      app 00 name       mds_list_record_t
 *   resources  app 00 kind 00 name  mds_record_t
 *   releases   app 00 id         mds_release_row_t
 *              00 digests        mds_delta_row_t
 *
 * A generation is validated before it is served (mds_validate.h), so that
 * look-ups read the mapped bytes and check nothing again. A catalog belongs to
 * one thread at a time. Views that its look-ups return are valid until it is
 * closed.
 */

#ifndef MDS_CATALOG_H
#define MDS_CATALOG_H

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "catalog/mds_chain.h"
#include "catalog/mds_record.h"
#include "lmdb/mds_lmdb.h"

typedef enum {
    MDS_CATALOG_META,
    MDS_CATALOG_APPS,
    MDS_CATALOG_LISTS,
    MDS_CATALOG_RESOURCES,
    MDS_CATALOG_RELEASES,
    MDS_CATALOG_TABLES
} mds_catalog_table_t;

extern const char *const mds_catalog_names[MDS_CATALOG_TABLES];

typedef struct mds_catalog_s mds_catalog_t;

/*
 * Opens a generation; the caller closes *catalog. full: every byte of its files
 * is read and hashed first; else only lengths and seals are compared.
 * MDS_NOT_FOUND, MDS_DAMAGED, MDS_INCOMPATIBLE.
 */
mds_status_t
mds_catalog_open(const char *depot, uint64_t serial, bool full,
                 mds_error_t *err, mds_catalog_t **catalog) MDS_MUST_CHECK;

/* Opens a generation, and shares the files that `known`, another one, has open
 * (NULL: none). */
mds_status_t
mds_catalog_open_next(const char *depot, uint64_t serial, bool full,
                      const mds_catalog_t *known, mds_error_t *err,
                      mds_catalog_t **catalog) MDS_MUST_CHECK;

void mds_catalog_close(mds_catalog_t *catalog);

/* Returns whether any app has a tree of manifests. */
bool mds_catalog_has_trees(const mds_catalog_t *catalog);

uint64_t mds_catalog_serial(const mds_catalog_t *catalog);

/* Returns the files, as they were when they were opened. */
const mds_chain_files_t *mds_catalog_files(const mds_catalog_t *catalog);

/* Returns the opened files. */
const mds_chain_t *mds_catalog_chain(const mds_catalog_t *catalog);

/*
 * Checks that the files have not changed; from now on, look-ups check each list
 * that they use. A file is checked once a tick, which is any clock of the
 * caller's; a failure of an earlier tick is forgotten then. MDS_DAMAGED: a file
 * was written to.
 */
mds_status_t mds_catalog_watch(mds_catalog_t *catalog, uint64_t tick,
                               mds_error_t *err) MDS_MUST_CHECK;

/*
 * Takes over what look-ups in another generation have found, as far as the
 * files between the two do not replace it. `from` may be closed afterwards,
 * but not used. Nothing is taken over if that would take long.
 */
void mds_catalog_take_over(mds_catalog_t *catalog, mds_catalog_t *from);

/* Looks up a resource. MDS_NOT_FOUND, without a message: there is none. */
mds_status_t
mds_catalog_resource(mds_catalog_t *catalog, mds_str_t app, mds_str_t kind,
                     mds_str_t name, mds_error_t *err,
                     const mds_record_t **record) MDS_MUST_CHECK;

/* Looks up an app, in the same way. */
mds_status_t
mds_catalog_app(mds_catalog_t *catalog, mds_str_t app, mds_error_t *err,
                mds_app_record_t *record) MDS_MUST_CHECK;

/* A release by its id alone. */
typedef struct {
    mds_str_t  kind;
    mds_str_t  name;
    mds_halt_t limit;
} mds_catalog_release_t;

/* Looks up a release, in the same way. */
mds_status_t mds_catalog_release(mds_catalog_t *catalog, mds_str_t app,
                                 mds_str_t id, mds_error_t *err,
                                 mds_catalog_release_t *release) MDS_MUST_CHECK;

/* Looks up the delta between two files, in the same way. */
mds_status_t mds_catalog_delta(mds_catalog_t *catalog, const mds_sha256_t *to,
                               const mds_sha256_t *from, mds_error_t *err,
                               mds_sha256_t *sha256) MDS_MUST_CHECK;

/*
 * Looks an id up in a list: key is that of the list's record, hash is
 * mds_id_hash() of the id. on_match_limit is the result for a pattern on which
 * PCRE2 reaches its limits. MDS_DAMAGED: the list is missing or damaged.
 */
mds_status_t
mds_catalog_list_has(mds_catalog_t *catalog, mds_str_t key, mds_str_t id,
                     uint64_t hash, bool on_match_limit, mds_error_t *err,
                     bool *in) MDS_MUST_CHECK;

/* Looks up any record. False: it does not exist, or mds_catalog_status() is a
 * failure. */
bool mds_catalog_get(mds_catalog_t *catalog, mds_catalog_table_t table,
                     mds_str_t key, mds_str_t *value);

/* The same in the layers from the i-th. */
bool mds_catalog_get_below(mds_catalog_t *catalog, unsigned i,
                           mds_catalog_table_t table, mds_str_t key,
                           mds_str_t *value) MDS_MUST_CHECK;

/* Returns the first failure of look-ups and walks. */
mds_status_t mds_catalog_status(const mds_catalog_t *catalog, mds_error_t *err);

/*
 * Walk the records of a table, in ascending order of keys, from the first at or
 * above `from`:
 *
 *   mds_catalog_walk(catalog, table, layers, from, &cursor);
 *   while (mds_catalog_next(&cursor, &key, &value)) { ... }
 *   mds_catalog_walk_end(&cursor);
 *
 * layers: so many from the top, whose tombstones are walked, too, as empty
 * values; MDS_LAYERS_MAX: all, without tombstones. A walk that fails ends
 * early, and mds_catalog_status() is that failure.
 */

/* The walk of a layer, and the record at which it is. */
typedef struct {
    mds_lmdb_cursor_t *cursor;
    bool               ended;
    mds_str_t          key;
    mds_str_t          value;
} mds_layer_walk_t;

typedef struct {
    mds_catalog_t   *catalog;
    bool             tombstones; /* are walked, too */
    unsigned         first;      /* layer that is walked, of so many */
    unsigned         count;
    mds_layer_walk_t walks[MDS_LAYERS_MAX];
} mds_catalog_cursor_t;

void
mds_catalog_walk(mds_catalog_t *catalog, mds_catalog_table_t table,
                 unsigned layers, mds_str_t from, mds_catalog_cursor_t *cursor);

/* Begins a walk of the i-th layer alone, with its tombstones and with records
 * that higher layers hide. */
void mds_catalog_walk_layer(mds_catalog_t *catalog, mds_catalog_table_t table,
                            unsigned i, mds_str_t from,
                            mds_catalog_cursor_t *cursor);

bool mds_catalog_next(mds_catalog_cursor_t *cursor, mds_str_t *key,
                      mds_str_t *value);
void mds_catalog_walk_end(mds_catalog_cursor_t *cursor);

/*
 * Checks every record of the files that were not checked yet, and what they
 * refer to. MDS_DAMAGED names the first that is wrong. Records of checked files
 * that have to be looked at again are counted against *budget_bytes (NULL: it
 * is not bounded); MDS_AGAIN: that is too little.
 */
mds_status_t
mds_catalog_check_records(mds_catalog_t *catalog, uint64_t *budget_bytes,
                          mds_error_t *err) MDS_MUST_CHECK;

#endif
