/*
 * Validates generations: by their bytes, by what was validated before, and by
 * what another process has published.
 */

#include "catalog/mds_validate.h"

#include <inttypes.h>
#include <stdlib.h>

#include "catalog/mds_catalog_internal.h"
#include "lmdb/mds_seal.h"

/* A list is valid if it is known, or old enough, or if its bytes are. */
typedef struct {
    const char        *depot;
    const mds_chain_t *known;
    int64_t            trusted_ns; /* lists no newer than this are valid */
    uint64_t           budget_bytes;
} mds_validate_ctx_t;

static mds_status_t
mds_validate_bytes(mds_validate_ctx_t *ctx, const char *path,
                   const uint8_t identity[MDS_SEAL_IDENTITY], uint64_t bytes,
                   mds_error_t *err, mds_file_id_t *file_id)
{
    if (bytes > ctx->budget_bytes) {
        return mds_fail(err, MDS_AGAIN, "\"%s\" takes long to be read", path);
    }

    ctx->budget_bytes -= bytes;

    return mds_seal_check(path, identity, true, err, file_id);
}

static mds_status_t
mds_validate_list(mds_validate_ctx_t *ctx, const mds_sha256_t *sha256,
                  mds_error_t *err, mds_file_id_t *file_id)
{
    const mds_file_id_t *known = mds_chain_find_list(ctx->known, sha256);
    mds_file_id_t        seen;
    mds_path_t           path;
    mds_status_t         status
        = mds_idset_path(ctx->depot, sha256, ".mdb", err, &path);

    if (status == MDS_OK) {
        status = mds_seal_check(path.text, sha256->bytes, false, err, &seen);
    }

    if (status == MDS_OK
        && (known != NULL ? !mds_file_id_eq(known, &seen)
                          : seen.written_ns > ctx->trusted_ns))
    {
        status = mds_validate_bytes(ctx, path.text, sha256->bytes, seen.bytes,
                                    err, &seen);
    }

    if (status == MDS_OK) {
        *file_id = seen;
    }

    return status;
}

/* Adds the list's base, if it has one, to the validated, which has room. */
static mds_status_t
mds_validate_record(mds_validate_ctx_t *ctx, mds_str_t value, mds_error_t *err,
                    mds_validated_t *validated)
{
    const mds_list_record_t *record = (const mds_list_record_t *) value.data;
    mds_validated_list_t    *list = &validated->lists[validated->count];
    mds_status_t             status = mds_list_record_check(value, err);

    if (status != MDS_OK || !record->has_base) {
        return status;
    }

    memcpy(list->sha256.bytes, record->base, sizeof(list->sha256.bytes));
    status = mds_validate_list(ctx, &list->sha256, err, &list->file_id);

    if (status == MDS_OK) {
        validated->count++;
    }

    return status;
}

/* Validates the lists of one layer. */
static mds_status_t
mds_validate_lists(mds_catalog_t *catalog, unsigned i, mds_validate_ctx_t *ctx,
                   mds_error_t *err, mds_validated_t *validated)
{
    uint64_t room = mds_lmdb_count(catalog->layers[i], MDS_CATALOG_LISTS);
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(catalog->layers[i], MDS_CATALOG_LISTS, mds_null_str);
    mds_str_t    key, value;
    mds_error_t  why = { MDS_DAMAGED, "one too many" };
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        if (value.len == 0) {
            continue;
        }

        status = room-- == 0 ? MDS_DAMAGED
                             : mds_validate_record(ctx, value, &why, validated);

        if (status != MDS_OK) {
            status
                = mds_fail(err, status, "catalog %" PRIu64 ": list %.*s: %s",
                           catalog->files.serials[i], MDS_STR(key), why.text);
        }
    }

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_catalog_status(catalog, err) : status;
}

/* Validates the lists of a layer, and keeps their identities with it. The file
 * says how many records it has: more than a generation can count are refused.
 */
static mds_status_t
mds_validate_layer(mds_catalog_t *catalog, unsigned i, mds_validate_ctx_t *ctx,
                   mds_error_t *err)
{
    uint64_t count = mds_lmdb_count(catalog->layers[i], MDS_CATALOG_LISTS);
    mds_validated_t *validated;
    mds_status_t     status;

    if (count > UINT32_MAX) {
        return mds_fail(err, MDS_DAMAGED,
                        "catalog %" PRIu64 " has %" PRIu64 " lists, more than"
                        " 2^32 - 1",
                        catalog->files.serials[i], count);
    }

    validated = calloc(1, mds_validated_bytes(count));
    status = validated == NULL
                 ? mds_fail_memory(err)
                 : mds_validate_lists(catalog, i, ctx, err, validated);

    if (status != MDS_OK) {
        free(validated);
        return status;
    }

    mds_validated_sort(validated);
    catalog->chain.layers[i]->lists = validated;

    return MDS_OK;
}

/* Validates the lists of the layers that were not validated yet, the base's
 * first. */
static mds_status_t
mds_validate_layers(mds_catalog_t *catalog, mds_validate_ctx_t *ctx,
                    mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (unsigned i = catalog->layer_count; status == MDS_OK && i-- > 0;) {
        if (catalog->chain.layers[i]->lists == NULL) {
            status = mds_validate_layer(catalog, i, ctx, err);
        }
    }

    return status;
}

/* Validates the generation whose top is at the path. */
static mds_status_t
mds_validate_chain(mds_validate_ctx_t *ctx, const char *path, uint64_t serial,
                   mds_error_t *err, mds_catalog_t **catalog)
{
    mds_catalog_t    *opened = NULL;
    mds_chain_files_t files;
    mds_status_t      status
        = mds_chain_read_files(ctx->depot, path, serial, err, &files);

    if (status == MDS_OK) {
        status = mds_catalog_open_files(ctx->depot, path, &files, ctx->known,
                                        true, &ctx->budget_bytes, err, &opened);
    }

    if (status == MDS_OK) {
        status = mds_validate_layers(opened, ctx, err);
    }

    if (status == MDS_OK) {
        status = mds_catalog_check_records(opened, &ctx->budget_bytes, err);
    }

    if (status != MDS_OK) {
        mds_catalog_close(opened);
        return status;
    }

    *catalog = opened;
    return MDS_OK;
}

mds_status_t
mds_validate_generation(const char *depot, uint64_t serial,
                        const mds_chain_t *known, int64_t trusted_ns,
                        uint64_t budget_bytes, mds_error_t *err,
                        mds_catalog_t **catalog)
{
    mds_validate_ctx_t ctx = { depot, known, trusted_ns, budget_bytes };

    return mds_validate_chain(&ctx, NULL, serial, err, catalog);
}

mds_status_t
mds_validate_file(const char *depot, const char *path, uint64_t serial,
                  const mds_chain_t *known, int64_t trusted_ns,
                  mds_error_t *err, mds_chain_files_t *files)
{
    mds_validate_ctx_t ctx
        = { depot, known, trusted_ns, MDS_VALIDATE_NO_BUDGET };
    mds_catalog_t *opened;
    mds_status_t status = mds_validate_chain(&ctx, path, serial, err, &opened);

    if (status == MDS_OK) {
        *files = opened->files;
        mds_catalog_close(opened);
    }

    return status;
}

/* Marks the layers as valid, as another process has found them to be. A layer
 * that is marked already may be read by another thread: it is not written. */
static void
mds_validate_trust(mds_catalog_t *catalog)
{
    for (unsigned i = 0; i < catalog->layer_count; i++) {
        mds_layer_t *layer = catalog->chain.layers[i];

        if (!layer->hashed || !layer->checked) {
            layer->hashed = true;
            layer->checked = true;
        }
    }
}

mds_status_t
mds_validate_next(const char *depot, uint64_t serial, const mds_chain_t *known,
                  const mds_validation_hint_t *hint, mds_error_t *err,
                  mds_catalog_t **catalog)
{
    mds_validate_ctx_t ctx
        = { depot, known, .budget_bytes = MDS_VALIDATE_NO_BUDGET };
    mds_catalog_t    *opened = NULL;
    mds_chain_files_t files;
    mds_status_t      status
        = mds_chain_read_files(depot, NULL, serial, err, &files);

    if (status == MDS_OK && !mds_validation_hint_matches(hint, serial, &files))
    {
        status = mds_fail(err, MDS_CONFLICT,
                          "generation %" PRIu64
                          " is not the one that was validated",
                          serial);
    }

    if (status == MDS_OK) {
        status = mds_catalog_open_files(depot, NULL, &files, known, false, NULL,
                                        err, &opened);
    }

    if (status == MDS_OK) {
        ctx.trusted_ns = files.seals[0].file_id.written_ns;
        status = mds_validate_layers(opened, &ctx, err);
    }

    if (status != MDS_OK) {
        mds_catalog_close(opened);
        return status;
    }

    mds_validate_trust(opened);
    *catalog = opened;

    return MDS_OK;
}

mds_status_t
mds_validate_open(const char *depot, uint64_t serial,
                  const mds_validation_hint_t *hint, mds_error_t *err,
                  mds_catalog_t **catalog)
{
    mds_status_t status = MDS_CONFLICT;

    if (mds_validation_hint_serial(hint) == (uint32_t) serial) {
        status = mds_validate_next(depot, serial, NULL, hint, err, catalog);
    }

    return status == MDS_OK
               ? MDS_OK
               : mds_validate_generation(depot, serial, NULL, INT64_MIN,
                                         MDS_VALIDATE_NO_BUDGET, err, catalog);
}
