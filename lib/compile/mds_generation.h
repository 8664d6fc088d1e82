/*
 * mds_generation: writes the next generation of the catalog to a temporary
 * file, and renames it once it is validated.
 *
 * Apps are added in ascending order, and so are the lists and resources of one.
 */

#ifndef MDS_GENERATION_H
#define MDS_GENERATION_H

#include "catalog/mds_catalog.h"

typedef struct mds_generation_s mds_generation_t;

/* Begins a generation, which the caller owns until it is committed or aborted.
 */
mds_status_t mds_generation_begin(const char *depot, uint64_t serial,
                                  int64_t now_ms, mds_error_t *err,
                                  mds_generation_t **generation) MDS_MUST_CHECK;

/* Add records; their numbers and checksums are set here. The first failure
 * sticks: mds_generation_commit() returns it. */
void mds_generation_app(mds_generation_t *generation, mds_str_t app,
                        const mds_app_record_t *record);
void mds_generation_list(mds_generation_t *generation, mds_str_t key,
                         mds_str_t bytes);
void mds_generation_resource(mds_generation_t *generation, mds_str_t key,
                             mds_str_t bytes);

/* A record that takes the place of another; without bytes: none does. */
typedef struct {
    mds_str_t key;
    mds_str_t bytes;
} mds_generation_record_t;

/* What is replaced of an app, ascending. */
typedef struct {
    const mds_generation_record_t *lists;
    size_t                         list_count;
    const mds_generation_record_t *resources;
    size_t                         resource_count;
} mds_generation_replace_t;

/* Copies the records of an app from another generation, which may lack it, but
 * those that are replaced. */
mds_status_t
mds_generation_copy(mds_generation_t *generation, mds_catalog_t *from,
                    mds_str_t app, const mds_generation_replace_t *replace,
                    mds_error_t *err) MDS_MUST_CHECK;

/*
 * Seals the file, validates it (mds_validate.h), and only then gives it its
 * name, durably; *file_id is the file that was validated. before (may be NULL)
 * is the generation that was validated last: lists that are not newer count as
 * validated. Frees the generation in any case; on failure, removes the file.
 */
mds_status_t
mds_generation_commit(mds_generation_t *generation, const mds_catalog_t *before,
                      mds_error_t *err, mds_file_id_t *file_id) MDS_MUST_CHECK;
void mds_generation_abort(mds_generation_t *generation);

/* Removes generations except the `keep` newest up to `serial`, and temporary
 * files of a killed loader. */
mds_status_t
mds_generation_prune(const char *depot, uint64_t serial, unsigned keep,
                     mds_error_t *err) MDS_MUST_CHECK;

#endif
