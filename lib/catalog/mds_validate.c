/*
 * Validates generations: by their bytes, by what was validated before, and by
 * what another process has published.
 */

#include "catalog/mds_validate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "catalog/mds_catalog_internal.h"
#include "lmdb/mds_seal.h"

const mds_validated_t *
mds_catalog_validated(const mds_catalog_t *catalog)
{
    return catalog->validated;
}

/* A list is valid if it is known, or old enough, or if its bytes are. */
typedef struct {
    const char            *depot;
    const mds_validated_t *known;
    int64_t                trusted_ns; /* lists no newer than this are valid */
    uint64_t               budget_bytes;
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
    const mds_file_id_t *known = mds_validated_find_list(ctx->known, sha256);
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

static mds_status_t
mds_validate_lists(mds_catalog_t *catalog, mds_validate_ctx_t *ctx,
                   mds_error_t *err, mds_validated_t *validated)
{
    uint32_t           room = catalog->meta.list_count;
    mds_lmdb_cursor_t *cursor;
    mds_str_t          key, value;
    mds_error_t        why = { MDS_DAMAGED, "one too many" };
    mds_status_t       status = mds_catalog_begin(catalog, err);

    if (status != MDS_OK) {
        return status;
    }

    cursor = mds_lmdb_walk(catalog->lmdb, MDS_CATALOG_LISTS, mds_null_str);

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        status = room-- == 0 ? MDS_DAMAGED
                             : mds_validate_record(ctx, value, &why, validated);

        if (status != MDS_OK) {
            status = mds_fail(err, status, "catalog %" PRIu64 ": list %.*s: %s",
                              catalog->meta.serial, MDS_STR(key), why.text);
        }
    }

    mds_lmdb_walk_end(cursor);

    if (status == MDS_OK) {
        status = mds_lmdb_status(catalog->lmdb, err);
    }

    mds_catalog_end(catalog);

    return status;
}

/* Validates the lists of a generation, and keeps their identities with it. */
static mds_status_t
mds_validate_catalog(mds_catalog_t *catalog, mds_validate_ctx_t *ctx,
                     mds_error_t *err)
{
    mds_validated_t *validated
        = calloc(1, mds_validated_bytes(catalog->meta.list_count));
    mds_status_t status
        = validated == NULL ? mds_fail_memory(err)
                            : mds_validate_lists(catalog, ctx, err, validated);

    if (status != MDS_OK) {
        free(validated);
        return status;
    }

    mds_validated_sort(validated);
    catalog->validated = validated;

    return MDS_OK;
}

/* Takes the size of the generation from the budget; MDS_AGAIN: it is larger. */
static mds_status_t
mds_validate_charge(const char *depot, uint64_t serial, mds_validate_ctx_t *ctx,
                    mds_error_t *err)
{
    struct stat  st;
    mds_path_t   path;
    mds_status_t status = mds_catalog_path(depot, serial, err, &path);

    if (status != MDS_OK) {
        return status;
    }

    if (stat(path.text, &st) != 0) {
        return mds_fail_errno(err, "open \"%s\"", path.text);
    }

    if ((uint64_t) st.st_size > ctx->budget_bytes) {
        return mds_fail(err, MDS_AGAIN, "\"%s\" takes long to be read",
                        path.text);
    }

    ctx->budget_bytes -= (uint64_t) st.st_size;
    return MDS_OK;
}

mds_status_t
mds_validate_generation(const char *depot, uint64_t serial,
                        const mds_validated_t *known, int64_t trusted_ns,
                        uint64_t budget_bytes, mds_error_t *err,
                        mds_catalog_t **catalog)
{
    mds_validate_ctx_t ctx = { depot, known, trusted_ns, budget_bytes };
    mds_catalog_t     *opened = NULL;
    mds_status_t       status = mds_validate_charge(depot, serial, &ctx, err);

    if (status == MDS_OK) {
        status = mds_catalog_open(depot, serial, true, err, &opened);
    }

    if (status == MDS_OK) {
        status = mds_validate_catalog(opened, &ctx, err);
    }

    if (status == MDS_OK) {
        status = mds_catalog_check_records(opened, err);
    }

    if (status != MDS_OK) {
        mds_catalog_close(opened);
        return status;
    }

    *catalog = opened;
    return MDS_OK;
}

mds_status_t
mds_validate_file(const char *depot, const char *path, uint64_t serial,
                  int64_t trusted_ns, mds_error_t *err, mds_file_id_t *file_id)
{
    mds_validate_ctx_t ctx
        = { depot, NULL, trusted_ns, MDS_VALIDATE_NO_BUDGET };
    mds_catalog_t *opened;
    mds_status_t   status
        = mds_catalog_open_file(depot, path, serial, true, err, &opened);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_validate_catalog(opened, &ctx, err);

    if (status == MDS_OK) {
        status = mds_catalog_check_records(opened, err);
    }

    if (status == MDS_OK) {
        *file_id = *mds_catalog_file_id(opened);
    }

    mds_catalog_close(opened);
    return status;
}

mds_status_t
mds_validate_next(const char *depot, uint64_t serial,
                  const mds_validated_t       *known,
                  const mds_validation_hint_t *hint, mds_error_t *err,
                  mds_catalog_t **catalog)
{
    mds_validate_ctx_t ctx
        = { depot, known, .budget_bytes = MDS_VALIDATE_NO_BUDGET };
    mds_catalog_t *opened = NULL;
    mds_path_t     path;
    mds_file_id_t  file_id;
    mds_status_t   status
        = mds_catalog_check_file(depot, serial, false, err, &path, &file_id);

    if (status == MDS_OK
        && !mds_validation_hint_matches(hint, serial, &file_id)) {
        status = mds_fail(err, MDS_CONFLICT,
                          "generation %" PRIu64
                          " is not the file that was validated",
                          serial);
    }

    if (status == MDS_OK) {
        status = mds_catalog_open(depot, serial, false, err, &opened);
    }

    if (status == MDS_OK) {
        status = mds_catalog_check_opened(mds_catalog_file_id(opened), &file_id,
                                          path.text, err);
    }

    if (status == MDS_OK) {
        ctx.trusted_ns = file_id.written_ns;
        status = mds_validate_catalog(opened, &ctx, err);
    }

    if (status != MDS_OK) {
        mds_catalog_close(opened);
        return status;
    }

    *catalog = opened;
    return MDS_OK;
}
