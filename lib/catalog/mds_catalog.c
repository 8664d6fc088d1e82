/*
 * Opens a generation, and looks up resources and apps in it.
 */

#include "catalog/mds_catalog_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lmdb/mds_seal.h"

const char *const mds_catalog_names[MDS_CATALOG_TABLES] = {
    [MDS_CATALOG_META] = "meta",
    [MDS_CATALOG_APPS] = "apps",
    [MDS_CATALOG_LISTS] = "lists",
    [MDS_CATALOG_RESOURCES] = "resources",
};

mds_status_t
mds_catalog_path(const char *depot, uint64_t serial, mds_error_t *err,
                 mds_path_t *path)
{
    return mds_path(path, err, "%s/catalog/%" PRIu64 ".mdb", depot, serial);
}

bool
mds_catalog_parse_name(const char *name, uint64_t *serial)
{
    char     canonical[64];
    uint64_t number = strtoull(name, NULL, 10);

    snprintf(canonical, sizeof(canonical), "%" PRIu64 ".mdb", number);

    if (strcmp(name, canonical) != 0) {
        return false;
    }

    *serial = number;
    return true;
}

void
mds_catalog_identity(uint64_t serial, uint8_t identity[32])
{
    memset(identity, 0, 32);
    memcpy(identity, "generation", 10);

    for (int i = 0; i < 8; i++) {
        identity[24 + i] = (uint8_t) (serial >> (8 * (7 - i)));
    }
}

static mds_status_t
mds_catalog_read_meta(mds_catalog_t *catalog, uint64_t serial, const char *path,
                      mds_error_t *err)
{
    mds_str_t    value;
    mds_status_t status = mds_lmdb_read(catalog->lmdb, err);

    if (status != MDS_OK) {
        return status;
    }

    if (!mds_lmdb_get(catalog->lmdb, MDS_CATALOG_META, mds_str("catalog"),
                      &value)
        || value.len != sizeof(catalog->meta))
    {
        status = mds_fail(err, MDS_DAMAGED,
                          "\"%s\" is not a generation of the catalog", path);
    } else {
        memcpy(&catalog->meta, value.data, sizeof(catalog->meta));
    }

    mds_lmdb_abort(catalog->lmdb);

    if (status != MDS_OK) {
        return status;
    }

    if (catalog->meta.tag != MDS_CATALOG_TAG
        || catalog->meta.format != MDS_CATALOG_FORMAT)
    {
        return mds_fail(err, MDS_INCOMPATIBLE,
                        "\"%s\" is of another format: the next change by"
                        " mdsctl makes it anew",
                        path);
    }

    return catalog->meta.serial == serial
               ? MDS_OK
               : mds_fail(err, MDS_DAMAGED, "\"%s\" holds generation %" PRIu64,
                          path, catalog->meta.serial);
}

static mds_status_t
mds_catalog_prepare(mds_catalog_t *catalog, const char *depot, mds_error_t *err)
{
    catalog->depot = strdup(depot);
    catalog->lists = calloc((size_t) catalog->meta.list_count + 1,
                            sizeof(*catalog->lists));

    return catalog->depot == NULL || catalog->lists == NULL
               ? mds_fail_memory(err)
               : mds_catalog_cache_init(catalog, err);
}

mds_status_t
mds_catalog_check_opened(const mds_file_id_t *opened,
                         const mds_file_id_t *known, const char *path,
                         mds_error_t *err)
{
    return mds_file_id_eq(opened, known)
               ? MDS_OK
               : mds_fail(err, MDS_DAMAGED,
                          "\"%s\" was changed while it was opened", path);
}

mds_status_t
mds_catalog_check_file(const char *depot, uint64_t serial, bool full,
                       mds_error_t *err, mds_path_t *path,
                       mds_file_id_t *file_id)
{
    uint8_t      identity[MDS_SEAL_IDENTITY];
    mds_status_t status = mds_catalog_path(depot, serial, err, path);

    mds_catalog_identity(serial, identity);

    return status == MDS_OK
               ? mds_seal_check(path->text, identity, full, err, file_id)
               : status;
}

mds_status_t
mds_catalog_open_file(const char *depot, const char *path, uint64_t serial,
                      bool full, mds_error_t *err, mds_catalog_t **catalog)
{
    uint8_t        identity[MDS_SEAL_IDENTITY];
    mds_file_id_t  file_id;
    mds_catalog_t *opened = calloc(1, sizeof(*opened));
    mds_status_t   status;

    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    mds_catalog_identity(serial, identity);

    if ((status = mds_seal_check(path, identity, full, err, &file_id)) != MDS_OK
        || (status = mds_lmdb_open(path, MDS_LMDB_IMMUTABLE, mds_catalog_names,
                                   MDS_CATALOG_TABLES, 0, err, &opened->lmdb))
               != MDS_OK
        || (status = mds_catalog_check_opened(mds_lmdb_file_id(opened->lmdb),
                                              &file_id, path, err))
               != MDS_OK
        || (status = mds_catalog_read_meta(opened, serial, path, err)) != MDS_OK
        || (status = mds_catalog_prepare(opened, depot, err)) != MDS_OK)
    {
        mds_catalog_close(opened);
        return status;
    }

    *catalog = opened;
    return MDS_OK;
}

mds_status_t
mds_catalog_open(const char *depot, uint64_t serial, bool full,
                 mds_error_t *err, mds_catalog_t **catalog)
{
    mds_path_t   path;
    mds_status_t status = mds_catalog_path(depot, serial, err, &path);

    return status == MDS_OK ? mds_catalog_open_file(depot, path.text, serial,
                                                    full, err, catalog)
                            : status;
}

void
mds_catalog_close(mds_catalog_t *catalog)
{
    if (catalog == NULL) {
        return;
    }

    for (uint32_t i = 0; catalog->lists != NULL && i < catalog->meta.list_count;
         i++)
    {
        mds_opened_list_free(catalog->lists[i]);
    }

    mds_lmdb_close(catalog->lmdb);
    free(catalog->lists);
    free(catalog->found);
    free(catalog->validated);
    free(catalog->depot);
    free(catalog);
}

uint64_t
mds_catalog_serial(const mds_catalog_t *catalog)
{
    return catalog->meta.serial;
}

const mds_file_id_t *
mds_catalog_file_id(const mds_catalog_t *catalog)
{
    return mds_lmdb_file_id(catalog->lmdb);
}

mds_status_t
mds_catalog_watch(mds_catalog_t *catalog, uint64_t tick, mds_error_t *err)
{
    if (catalog->tick == tick) {
        return MDS_OK;
    }

    catalog->tick = tick;

    return mds_lmdb_check(catalog->lmdb, err);
}

mds_lmdb_t *
mds_catalog_lmdb(mds_catalog_t *catalog)
{
    return catalog->lmdb;
}

mds_status_t
mds_catalog_begin(mds_catalog_t *catalog, mds_error_t *err)
{
    return mds_lmdb_read(catalog->lmdb, err);
}

void
mds_catalog_end(mds_catalog_t *catalog)
{
    mds_lmdb_abort(catalog->lmdb);
}

/* Returns why a look-up found nothing: MDS_NOT_FOUND, unless LMDB failed. */
static mds_status_t
mds_catalog_miss_status(const mds_catalog_t *catalog, mds_error_t *err)
{
    mds_status_t status = mds_lmdb_status(catalog->lmdb, err);

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

    if (!mds_lmdb_get(catalog->lmdb, MDS_CATALOG_APPS, app, &value)) {
        return mds_catalog_miss_status(catalog, err);
    }

    if (value.len != sizeof(*record)) {
        return mds_fail(err, MDS_DAMAGED,
                        "catalog %" PRIu64 ": app %.*s: not its record",
                        catalog->meta.serial, MDS_STR(app));
    }

    memcpy(record, value.data, sizeof(*record));
    return MDS_OK;
}
