/*
 * mds_catalog: a generation of the catalog, opened for reading.
 *
 * A generation is a sealed, immutable LMDB file, DEPOT/catalog/SERIAL.mdb,
 * with four tables:
 *
 *   meta       "catalog"         mds_catalog_meta_t
 *   apps       app               mds_app_record_t
 *   lists      app 00 name       mds_list_record_t
 *   resources  app 00 kind 00 name  mds_record_t
 *
 * A generation is validated before it is served (mds_validate.h), so that
 * look-ups read the mapped bytes and check nothing again. A catalog belongs to
 * one thread at a time.
 */

#ifndef MDS_CATALOG_H
#define MDS_CATALOG_H

#include "base/mds_file.h"
#include "catalog/mds_record.h"
#include "lmdb/mds_lmdb.h"

#define MDS_CATALOG_TAG 0x4373646d /* "mdsC" */
#define MDS_CATALOG_FORMAT 3

typedef enum {
    MDS_CATALOG_META,
    MDS_CATALOG_APPS,
    MDS_CATALOG_LISTS,
    MDS_CATALOG_RESOURCES,
    MDS_CATALOG_TABLES
} mds_catalog_table_t;

extern const char *const mds_catalog_names[MDS_CATALOG_TABLES];

typedef struct MDS_PACKED {
    uint32_t tag;
    uint32_t format;
    uint64_t serial;
    uint32_t list_count;
    uint32_t resource_count;
    int64_t  created_ms;
} mds_catalog_meta_t;

typedef struct mds_catalog_s mds_catalog_t;

/* Writes the path DEPOT/catalog/SERIAL.mdb. */
mds_status_t
mds_catalog_path(const char *depot, uint64_t serial, mds_error_t *err,
                 mds_path_t *path) MDS_MUST_CHECK;

/* Returns whether the file name is "SERIAL.mdb", and which serial it has. */
bool mds_catalog_parse_name(const char *name, uint64_t *serial) MDS_MUST_CHECK;

/* Writes the identity that the seal of a generation has. */
void mds_catalog_identity(uint64_t serial, uint8_t identity[32]);

/*
 * Opens a generation; the caller closes *catalog. full: every byte of the file
 * is read and hashed first; else only length and seal are compared.
 * MDS_NOT_FOUND, MDS_DAMAGED, MDS_INCOMPATIBLE.
 */
mds_status_t
mds_catalog_open(const char *depot, uint64_t serial, bool full,
                 mds_error_t *err, mds_catalog_t **catalog) MDS_MUST_CHECK;

/* Opens a generation under a path that is not its final one. */
mds_status_t mds_catalog_open_file(const char *depot, const char *path,
                                   uint64_t serial, bool full, mds_error_t *err,
                                   mds_catalog_t **catalog) MDS_MUST_CHECK;

void mds_catalog_close(mds_catalog_t *catalog);

uint64_t mds_catalog_serial(const mds_catalog_t *catalog);

/* Returns the identity of the file when it was opened. */
const mds_file_id_t *mds_catalog_file_id(const mds_catalog_t *catalog);

/*
 * Checks that the file has not changed; from now on, look-ups check each list
 * that they use. A file is checked once a tick, which is any clock of the
 * caller's. MDS_DAMAGED: the file was written to.
 */
mds_status_t mds_catalog_watch(mds_catalog_t *catalog, uint64_t tick,
                               mds_error_t *err) MDS_MUST_CHECK;

/* Begin and end look-ups. The views that they return are valid until the end.
 */
mds_status_t
mds_catalog_begin(mds_catalog_t *catalog, mds_error_t *err) MDS_MUST_CHECK;

void mds_catalog_end(mds_catalog_t *catalog);

/* Looks up a resource. MDS_NOT_FOUND, without a message: there is none. */
mds_status_t
mds_catalog_resource(mds_catalog_t *catalog, mds_str_t app, mds_str_t kind,
                     mds_str_t name, mds_error_t *err,
                     const mds_record_t **record) MDS_MUST_CHECK;

/* Looks up an app, in the same way. */
mds_status_t
mds_catalog_app(mds_catalog_t *catalog, mds_str_t app, mds_error_t *err,
                mds_app_record_t *record) MDS_MUST_CHECK;

/*
 * Looks an id up in a list: key is that of the list's record, hash is
 * mds_id_hash() of the id. on_match_limit is the result for a pattern on which
 * PCRE2 reaches its limits. MDS_DAMAGED: the list is missing or damaged.
 */
mds_status_t
mds_catalog_list_has(mds_catalog_t *catalog, mds_str_t key, mds_str_t id,
                     uint64_t hash, bool on_match_limit, mds_error_t *err,
                     bool *in) MDS_MUST_CHECK;

/* Returns the LMDB environment, for copies and walks of all records. */
mds_lmdb_t *mds_catalog_lmdb(mds_catalog_t *catalog);

/* Checks every record, and opens every list in turn. MDS_DAMAGED names the
 * first that is wrong. */
mds_status_t mds_catalog_check_records(mds_catalog_t *catalog,
                                       mds_error_t   *err) MDS_MUST_CHECK;

#endif
