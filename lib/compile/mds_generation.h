/*
 * mds_generation: writes the next generation of the catalog to a temporary
 * file, and renames it once it is validated.
 *
 * Where the generation before is large, only what differs from it is written:
 * a layer, which is looked up before the files below it (mds_catalog.h). A
 * caller says what it replaces, and puts records; how many files the generation
 * has is decided here:
 *
 *   mds_generation_begin(depot, serial, now_ms, before, err, &generation)
 *   mds_generation_replace(generation, MDS_CATALOG_RESOURCES, key)   or
 *   mds_generation_replace_app(generation, app)
 *   mds_generation_resource(generation, key, bytes)
 *   mds_generation_commit(generation, err, &files)
 *
 * Records that are neither replaced nor put stay as they are in `before`. A
 * record that is put with the bytes that it has there takes no room. Each key
 * is put at most once, in any order; ascending keys make fuller pages.
 */

#ifndef MDS_GENERATION_H
#define MDS_GENERATION_H

#include "catalog/mds_catalog.h"

typedef struct mds_generation_s mds_generation_t;

/*
 * Begins a generation, which the caller owns until it is committed or aborted.
 * before is the generation in force, validated; it stays open until then. NULL:
 * the generation begins empty.
 */
mds_status_t
mds_generation_begin(const char *depot, uint64_t serial, int64_t now_ms,
                     mds_catalog_t *before, mds_error_t *err,
                     mds_generation_t **generation) MDS_MUST_CHECK;

/* Removes the record of that key, unless it is put before the commit. The
 * first failure sticks, here and below: mds_generation_commit() returns it. */
void mds_generation_replace(mds_generation_t   *generation,
                            mds_catalog_table_t table, mds_str_t key);

/* Removes the app with all of its lists and resources, except those that are
 * put before the commit. */
void mds_generation_replace_app(mds_generation_t *generation, mds_str_t app);

/* Put records; their checksums are set here. */
void mds_generation_app(mds_generation_t *generation, mds_str_t app,
                        const mds_app_record_t *record);
void mds_generation_list(mds_generation_t *generation, mds_str_t key,
                         mds_str_t bytes);
void mds_generation_resource(mds_generation_t *generation, mds_str_t key,
                             mds_str_t bytes);

/* Lets the commit look for rows of deltas whose packages an earlier generation
 * has lost. It removes those of packages that this one loses in any case. */
void mds_generation_sweep_deltas(mds_generation_t *generation);

/* Puts a root, a head or the record of a tree (mds_trust_record.h). */
void mds_generation_trust(mds_generation_t *generation, mds_str_t key,
                          mds_str_t bytes);

/*
 * Seals the file, validates it (mds_validate.h), and only then gives it its
 * name, durably; *files are those that were validated. Lists that are not
 * newer than `before` count as validated. Frees the generation in any case; on
 * failure, removes the file.
 */
mds_status_t
     mds_generation_commit(mds_generation_t *generation, mds_error_t *err,
                           mds_chain_files_t *files) MDS_MUST_CHECK;
void mds_generation_abort(mds_generation_t *generation);

/* Removes generations except the `keep` newest up to `serial` and the files
 * that these stand on, and temporary files of a killed loader. */
mds_status_t
mds_generation_prune(const char *depot, uint64_t serial, unsigned keep,
                     mds_error_t *err) MDS_MUST_CHECK;

#endif
