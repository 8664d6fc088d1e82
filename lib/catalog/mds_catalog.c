/*
 * Opens a generation, and looks up resources and apps in it.
 */

#include "catalog/mds_catalog_internal.h"
#include "catalog/mds_trust_record.h"

#include <inttypes.h>
#include <stdlib.h>

const char *const mds_catalog_names[MDS_CATALOG_TABLES] = {
    [MDS_CATALOG_META] = "meta",         [MDS_CATALOG_APPS] = "apps",
    [MDS_CATALOG_LISTS] = "lists",       [MDS_CATALOG_RESOURCES] = "resources",
    [MDS_CATALOG_RELEASES] = "releases",
};

/* Takes a handle of each file for this catalog, and begins to read. */
static mds_status_t
mds_catalog_share(mds_catalog_t *catalog, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (unsigned i = 0; status == MDS_OK && i < catalog->chain.count; i++) {
        status = mds_lmdb_share(catalog->chain.layers[i]->lmdb, err,
                                &catalog->layers[i]);

        if (status == MDS_OK) {
            catalog->layer_count++;
            status = mds_lmdb_read(catalog->layers[i], err);
        }
    }

    return status;
}

mds_status_t
mds_catalog_open_files(const char *depot, const char *path,
                       const mds_chain_files_t *files, const mds_chain_t *known,
                       bool full, uint64_t *budget_bytes, mds_error_t *err,
                       mds_catalog_t **catalog)
{
    mds_catalog_t *opened = calloc(1, sizeof(*opened));
    mds_status_t   status;

    if (opened == NULL || (opened->depot = strdup(depot)) == NULL) {
        free(opened);
        return mds_fail_memory(err);
    }

    opened->files = *files;
    status = mds_chain_open(depot, path, files, known, full, budget_bytes, err,
                            &opened->chain);

    if (status == MDS_OK) {
        opened->meta = opened->chain.layers[0]->meta;
        status = mds_catalog_share(opened, err);
    }

    if (status != MDS_OK
        || (status = mds_catalog_cache_init(opened, err)) != MDS_OK
        || (status = mds_catalog_lists_init(opened, err)) != MDS_OK)
    {
        mds_catalog_close(opened);
        return status;
    }

    mds_catalog_find_trees(opened);
    *catalog = opened;

    return MDS_OK;
}

mds_status_t
mds_catalog_open_next(const char *depot, uint64_t serial, bool full,
                      const mds_catalog_t *known, mds_error_t *err,
                      mds_catalog_t **catalog)
{
    mds_chain_files_t files;
    mds_status_t      status
        = mds_chain_read_files(depot, NULL, serial, err, &files);

    return status == MDS_OK
               ? mds_catalog_open_files(depot, NULL, &files,
                                        known == NULL ? NULL : &known->chain,
                                        full, NULL, err, catalog)
               : status;
}

mds_status_t
mds_catalog_open(const char *depot, uint64_t serial, bool full,
                 mds_error_t *err, mds_catalog_t **catalog)
{
    return mds_catalog_open_next(depot, serial, full, NULL, err, catalog);
}

void
mds_catalog_close(mds_catalog_t *catalog)
{
    if (catalog == NULL) {
        return;
    }

    for (size_t i = 0; catalog->lists != NULL && i <= catalog->lists_mask; i++)
    {
        mds_opened_list_free(catalog->lists[i]);
    }

    mds_catalog_close_trees(catalog);

    for (unsigned i = 0; i < catalog->layer_count; i++) {
        mds_lmdb_close(catalog->layers[i]);
    }

    mds_chain_release(&catalog->chain);
    free(catalog->lists);
    free(catalog->found);
    free(catalog->depot);
    free(catalog);
}

uint64_t
mds_catalog_serial(const mds_catalog_t *catalog)
{
    return catalog->meta.serial;
}

bool
mds_catalog_has_trees(const mds_catalog_t *catalog)
{
    return catalog->has_trees;
}

const mds_chain_files_t *
mds_catalog_files(const mds_catalog_t *catalog)
{
    return &catalog->files;
}

const mds_chain_t *
mds_catalog_chain(const mds_catalog_t *catalog)
{
    return &catalog->chain;
}

mds_status_t
mds_catalog_watch(mds_catalog_t *catalog, uint64_t tick, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (catalog->tick == tick) {
        return MDS_OK;
    }

    catalog->tick = tick;

    for (unsigned i = 0; status == MDS_OK && i < catalog->layer_count; i++) {
        status = mds_lmdb_check(catalog->layers[i], err);

        /* A failure, of memory for a walk, must not outlast its request. */
        if (status == MDS_OK && mds_lmdb_code(catalog->layers[i]) != 0) {
            status = mds_lmdb_read(catalog->layers[i], err);
        }
    }

    return status;
}

mds_status_t
mds_catalog_status(const mds_catalog_t *catalog, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (unsigned i = 0; status == MDS_OK && i < catalog->layer_count; i++) {
        status = mds_lmdb_status(catalog->layers[i], err);
    }

    return status;
}

/* Returns why a look-up found nothing: MDS_NOT_FOUND, unless LMDB failed. */
static mds_status_t
mds_catalog_miss_status(const mds_catalog_t *catalog, mds_error_t *err)
{
    mds_status_t status = mds_catalog_status(catalog, err);

    return status == MDS_OK ? MDS_NOT_FOUND : status;
}

mds_status_t
mds_catalog_resource(mds_catalog_t *catalog, mds_str_t app, mds_str_t kind,
                     mds_str_t name, mds_error_t *err,
                     const mds_record_t **record)
{
    /* Holds a key of the longest names; longer ones are not found. */
    char      bytes[MDS_APP_MAX + 1 + MDS_KIND_MAX + 1 + MDS_NAME_MAX];
    mds_str_t key = { app.len + 1 + kind.len + 1 + name.len, bytes };
    mds_str_t value;

    /* Without an app or a kind, which have no bytes then, nothing is known. */
    if (app.len == 0 || app.len > MDS_APP_MAX || kind.len == 0
        || kind.len > MDS_KIND_MAX || name.len > MDS_NAME_MAX)
    {
        return MDS_NOT_FOUND;
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    memcpy(bytes + app.len + 1, kind.data, kind.len);
    bytes[app.len + 1 + kind.len] = '\0';

    if (name.len > 0) {
        memcpy(bytes + app.len + 1 + kind.len + 1, name.data, name.len);
    }

    if (!mds_catalog_find(catalog, MDS_CATALOG_RESOURCES, key, &value)) {
        return mds_catalog_miss_status(catalog, err);
    }

    *record = (const mds_record_t *) value.data;
    return MDS_OK;
}

mds_status_t
mds_catalog_app(mds_catalog_t *catalog, mds_str_t app, mds_error_t *err,
                mds_app_record_t *record)
{
    mds_str_t value;

    if (!mds_catalog_get(catalog, MDS_CATALOG_APPS, app, &value)) {
        return mds_catalog_miss_status(catalog, err);
    }

    if (!mds_app_record_fits(value.len)) {
        return mds_fail(err, MDS_DAMAGED,
                        "catalog %" PRIu64 ": app %.*s: not its record",
                        catalog->meta.serial, MDS_STR(app));
    }

    *record = (mds_app_record_t){ .serial = catalog->meta.serial };
    memcpy(record, value.data, value.len);
    return MDS_OK;
}

mds_status_t
mds_catalog_release(mds_catalog_t *catalog, mds_str_t app, mds_str_t id,
                    mds_error_t *err, mds_catalog_release_t *release)
{
    char              bytes[MDS_APP_MAX + 1 + MDS_RELEASE_ID_MAX];
    mds_str_t         key = { app.len + 1 + id.len, bytes };
    mds_str_t         value;
    mds_release_row_t row;

    if (app.len == 0 || app.len > MDS_APP_MAX || id.len == 0
        || id.len > MDS_RELEASE_ID_MAX)
    {
        return MDS_NOT_FOUND;
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    memcpy(bytes + app.len + 1, id.data, id.len);

    if (!mds_catalog_get(catalog, MDS_CATALOG_RELEASES, key, &value)) {
        return mds_catalog_miss_status(catalog, err);
    }

    /* It was validated. */
    memcpy(&row, value.data, sizeof(row));
    value.data += sizeof(row);
    value.len -= sizeof(row);
    release->kind = mds_str_cut(&value, '\0');
    release->name = value;
    release->limit = row.limit;

    return MDS_OK;
}

mds_status_t
mds_catalog_delta(mds_catalog_t *catalog, const mds_sha256_t *to,
                  const mds_sha256_t *from, mds_error_t *err,
                  mds_sha256_t *sha256)
{
    char            key[MDS_DELTA_KEY_BYTES] = "";
    mds_str_t       value;
    mds_delta_row_t row;

    memcpy(key + 1, to->bytes, sizeof(to->bytes));
    memcpy(key + 1 + sizeof(to->bytes), from->bytes, sizeof(from->bytes));

    if (!mds_catalog_get(catalog, MDS_CATALOG_RELEASES,
                         (mds_str_t){ sizeof(key), key }, &value))
    {
        return mds_catalog_miss_status(catalog, err);
    }

    /* It was validated. */
    memcpy(&row, value.data, sizeof(row));
    memcpy(sha256->bytes, row.sha256, sizeof(row.sha256));

    return MDS_OK;
}
