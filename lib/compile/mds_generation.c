/*
 * Writes a generation of the catalog to a temporary file, and renames it once
 * it is validated. mds_generation_plan.c decides what the file begins with,
 * mds_generation_record.c puts records, and mds_generation_removal.c removes
 * them.
 */

#include "compile/mds_generation_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "catalog/mds_validate.h"
#include "lmdb/mds_seal.h"

static void
mds_generation_free(mds_generation_t *generation)
{
    mds_lmdb_close(generation->lmdb);
    mds_intern_free(generation->put);
    mds_buffer_free(&generation->replaced);
    mds_package_set_free(&generation->packages);
    mds_package_set_free(&generation->were);
    free(generation->depot);
    free(generation);
}

void
mds_generation_abort(mds_generation_t *generation)
{
    if (generation != NULL) {
        unlink(generation->path.text);
        mds_generation_free(generation);
    }
}

mds_status_t
mds_generation_begin(const char *depot, uint64_t serial, int64_t now_ms,
                     mds_catalog_t *before, mds_error_t *err,
                     mds_generation_t **generation)
{
    mds_generation_t *begun = calloc(1, sizeof(*begun));
    mds_status_t      status;

    if (begun == NULL) {
        return mds_fail_memory(err);
    }

    begun->before = before;
    begun->depot = strdup(depot);
    begun->put = mds_intern_new();

    if (begun->depot == NULL || begun->put == NULL) {
        mds_generation_free(begun);
        return mds_fail_memory(err);
    }

    begun->meta = (mds_catalog_meta_t){ .tag = MDS_CATALOG_TAG,
                                        .format = MDS_CATALOG_FORMAT,
                                        .serial = serial,
                                        .created_ms = now_ms };

    status = mds_path(&begun->path, err,
                      "%s/catalog/" MDS_TEMP_PREFIX "%" PRIu64 ".mdb", depot,
                      serial);

    if (status == MDS_OK) {
        (void) unlink(begun->path.text);
        status = mds_lmdb_open(begun->path.text, MDS_LMDB_BUILD,
                               mds_catalog_names, MDS_CATALOG_TABLES,
                               MDS_LMDB_MAP_BYTES, err, &begun->lmdb);
    }

    if (status == MDS_OK) {
        status = mds_lmdb_write(begun->lmdb, err);
    }

    if (status == MDS_OK && before != NULL) {
        status = mds_generation_begin_after(begun, err);
    }

    if (status != MDS_OK) {
        mds_generation_abort(begun);
        return status;
    }

    *generation = begun;
    return MDS_OK;
}

/* --- the file */

static mds_status_t
mds_generation_close(mds_generation_t *generation, mds_error_t *err)
{
    mds_status_t status = mds_generation_remove_all(generation, err);

    if (status != MDS_OK) {
        return status;
    }

    mds_lmdb_put(generation->lmdb, MDS_CATALOG_META,
                 mds_str(MDS_GENERATION_META_KEY),
                 (mds_str_t){ sizeof(generation->meta),
                              (const char *) &generation->meta });

    status = mds_lmdb_commit(generation->lmdb, err);
    mds_lmdb_close(generation->lmdb);
    generation->lmdb = NULL;

    return status;
}

static mds_status_t
mds_generation_seal(mds_generation_t *generation, mds_error_t *err)
{
    uint8_t         identity[MDS_SEAL_IDENTITY];
    mds_seal_link_t below;

    mds_catalog_identity(generation->meta.serial, identity);

    if (generation->is_layer) {
        const mds_chain_files_t *files = mds_catalog_files(generation->before);

        below.number = files->serials[generation->merged];
        memcpy(below.digest, files->seals[generation->merged].digest,
               sizeof(below.digest));
    }

    return mds_seal_write_layer(generation->path.text, identity,
                                generation->is_layer ? &below : NULL, err);
}

/* Seals the unfinished file, and reads it as an edge would. */
static mds_status_t
mds_generation_validate(mds_generation_t *generation, mds_error_t *err,
                        mds_chain_files_t *files)
{
    mds_catalog_t     *before = generation->before;
    const mds_chain_t *known = NULL;
    int64_t            trusted_ns = INT64_MIN;
    mds_status_t       status = mds_generation_seal(generation, err);

    if (before != NULL) {
        known = mds_catalog_chain(before);
        trusted_ns = mds_catalog_files(before)->seals[0].file_id.written_ns;
    }

    return status == MDS_OK
               ? mds_validate_file(generation->depot, generation->path.text,
                                   generation->meta.serial, known, trusted_ns,
                                   err, files)
               : status;
}

mds_status_t
mds_generation_commit(mds_generation_t *generation, mds_error_t *err,
                      mds_chain_files_t *files)
{
    mds_path_t        path, dir;
    mds_chain_files_t validated;
    mds_status_t      status;

    if ((status = mds_generation_close(generation, err)) != MDS_OK
        || (status = mds_generation_validate(generation, err, &validated))
               != MDS_OK
        || (status = mds_path(&dir, err, "%s/catalog", generation->depot))
               != MDS_OK
        || (status = mds_catalog_path(generation->depot,
                                      generation->meta.serial, err, &path))
               != MDS_OK)
    {
        goto failed;
    }

    if (rename(generation->path.text, path.text) != 0) {
        status = mds_fail_errno(err, "rename to \"%s\"", path.text);
        goto failed;
    }

    status = mds_file_sync_dir(dir.text, err);

    if (status == MDS_OK) {
        *files = validated;
    } else {
        (void) unlink(path.text);
    }

    mds_generation_free(generation);
    return status;

failed:
    mds_generation_abort(generation);
    return status;
}
