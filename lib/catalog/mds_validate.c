#include "catalog/mds_validate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "catalog/mds_catalog_internal.h"
#include "lmdb/mds_seal.h"

static int
mds_validation_hint_list_cmp(const void *a, const void *b)
{
    const mds_validated_list_t *x = a, *y = b;

    return memcmp(x->sha256.bytes, y->sha256.bytes, sizeof(x->sha256.bytes));
}

const mds_file_id_t *
mds_validated_find_list(const mds_validated_t *proof,
                        const mds_sha256_t    *sha256)
{
    mds_validated_list_t  key = { .sha256 = *sha256 };
    mds_validated_list_t *list
        = proof == NULL ? NULL
                        : bsearch(&key, proof->lists, proof->count, sizeof(key),
                                  mds_validation_hint_list_cmp);

    return list == NULL ? NULL : &list->file_id;
}

static size_t
mds_proof_bytes(size_t count)
{
    return sizeof(mds_validated_t) + count * sizeof(mds_validated_list_t);
}

mds_status_t
mds_validated_copy(const mds_validated_t *proof, mds_error_t *err,
                   mds_validated_t **copy)
{
    size_t           bytes = mds_proof_bytes(proof == NULL ? 0 : proof->count);
    mds_validated_t *made = calloc(1, bytes);

    if (made == NULL) {
        return mds_fail_memory(err);
    }

    if (proof != NULL) {
        memcpy(made, proof, bytes);
    }

    *copy = made;
    return MDS_OK;
}

const mds_validated_t *
mds_catalog_validated(const mds_catalog_t *catalog)
{
    return catalog->proof;
}

/* How a list is proved: by what is known, by its age, or by its bytes. */
typedef struct {
    const char            *depot;
    const mds_validated_t *known;
    int64_t                trusted_ns; /* others that are as old are good */
    uint64_t               budget_bytes;
} mds_proof_way_t;

static mds_status_t
mds_prove_bytes(mds_proof_way_t *way, const char *path,
                const uint8_t identity[MDS_SEAL_IDENTITY], uint64_t bytes,
                mds_error_t *err, mds_file_id_t *file_id)
{
    if (bytes > way->budget_bytes) {
        return mds_fail(err, MDS_AGAIN, "\"%s\" takes long to be read", path);
    }

    way->budget_bytes -= bytes;

    return mds_seal_check(path, identity, true, err, file_id);
}

static mds_status_t
mds_prove_list(mds_proof_way_t *way, const mds_sha256_t *sha256,
               mds_error_t *err, mds_file_id_t *file_id)
{
    const mds_file_id_t *known = mds_validated_find_list(way->known, sha256);
    mds_file_id_t        seen;
    mds_path_t           path;
    mds_status_t         status
        = mds_idset_path(way->depot, sha256, ".mdb", err, &path);

    if (status == MDS_OK) {
        status = mds_seal_check(path.text, sha256->bytes, false, err, &seen);
    }

    if (status == MDS_OK
        && (known != NULL ? !mds_file_id_eq(known, &seen)
                          : seen.written_ns > way->trusted_ns))
    {
        status = mds_prove_bytes(way, path.text, sha256->bytes, seen.bytes, err,
                                 &seen);
    }

    if (status == MDS_OK) {
        *file_id = seen;
    }

    return status;
}

/* Adds the list's base, if it has one, to the proof, which has room. */
static mds_status_t
mds_prove_record(mds_proof_way_t *way, mds_str_t value, mds_error_t *err,
                 mds_validated_t *proof)
{
    const mds_list_record_t *record = (const mds_list_record_t *) value.data;
    mds_validated_list_t    *list = &proof->lists[proof->count];
    mds_status_t             status = mds_list_record_check(value, err);

    if (status != MDS_OK || !record->has_base) {
        return status;
    }

    memcpy(list->sha256.bytes, record->base, sizeof(list->sha256.bytes));
    status = mds_prove_list(way, &list->sha256, err, &list->file_id);

    if (status == MDS_OK) {
        proof->count++;
    }

    return status;
}

static mds_status_t
mds_prove_lists(mds_catalog_t *catalog, mds_proof_way_t *way, mds_error_t *err,
                mds_validated_t *proof)
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
                             : mds_prove_record(way, value, &why, proof);

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

/* The proof of its lists, which it then has. */
static mds_status_t
mds_prove_catalog(mds_catalog_t *catalog, mds_proof_way_t *way,
                  mds_error_t *err)
{
    mds_validated_t *proof
        = calloc(1, mds_proof_bytes(catalog->meta.list_count));
    mds_status_t status = proof == NULL
                              ? mds_fail_memory(err)
                              : mds_prove_lists(catalog, way, err, proof);

    if (status != MDS_OK) {
        free(proof);
        return status;
    }

    qsort(proof->lists, proof->count, sizeof(*proof->lists),
          mds_validation_hint_list_cmp);
    catalog->proof = proof;

    return MDS_OK;
}

/* Whether its bytes may be read now. */
static mds_status_t
mds_prove_budget(const char *depot, uint64_t serial, mds_proof_way_t *way,
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

    if ((uint64_t) st.st_size > way->budget_bytes) {
        return mds_fail(err, MDS_AGAIN, "\"%s\" takes long to be read",
                        path.text);
    }

    way->budget_bytes -= (uint64_t) st.st_size;
    return MDS_OK;
}

mds_status_t
mds_validate_generation(const char *depot, uint64_t serial,
                        const mds_validated_t *known, int64_t trusted_ns,
                        uint64_t budget_bytes, mds_error_t *err,
                        mds_catalog_t **catalog)
{
    mds_proof_way_t way = { depot, known, trusted_ns, budget_bytes };
    mds_catalog_t  *opened = NULL;
    mds_status_t    status = mds_prove_budget(depot, serial, &way, err);

    if (status == MDS_OK) {
        status = mds_catalog_open(depot, serial, true, err, &opened);
    }

    if (status == MDS_OK) {
        status = mds_prove_catalog(opened, &way, err);
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
mds_validate_next(const char *depot, uint64_t serial,
                  const mds_validated_t       *known,
                  const mds_validation_hint_t *proved, mds_error_t *err,
                  mds_catalog_t **catalog)
{
    mds_proof_way_t way
        = { depot, known, .budget_bytes = MDS_VALIDATE_NO_BUDGET };
    mds_catalog_t *opened = NULL;
    mds_path_t     path;
    mds_file_id_t  file_id;
    mds_status_t   status
        = mds_catalog_check_file(depot, serial, false, err, &path, &file_id);

    if (status == MDS_OK
        && !mds_validation_hint_matches(proved, serial, &file_id)) {
        status
            = mds_fail(err, MDS_CONFLICT,
                       "generation %" PRIu64 " is not what was proved", serial);
    }

    if (status == MDS_OK) {
        status = mds_catalog_open(depot, serial, false, err, &opened);
    }

    if (status == MDS_OK) {
        status = mds_catalog_check_opened(mds_catalog_file_id(opened), &file_id,
                                          path.text, err);
    }

    if (status == MDS_OK) {
        way.trusted_ns = file_id.written_ns;
        status = mds_prove_catalog(opened, &way, err);
    }

    if (status != MDS_OK) {
        mds_catalog_close(opened);
        return status;
    }

    *catalog = opened;
    return MDS_OK;
}
