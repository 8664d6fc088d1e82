/*
 * Checks every record of a generation, before it is served.
 */

#include <inttypes.h>
#include <stdlib.h>

#include "catalog/mds_catalog_internal.h"

/* Fails after a walk that ended early, or that found another number of records
 * than the generation says. */
static mds_status_t
mds_catalog_check_count(const mds_catalog_t *catalog, const char *what,
                        uint32_t found, uint32_t wanted, mds_error_t *err)
{
    mds_status_t status = mds_lmdb_status(catalog->lmdb, err);

    return status == MDS_OK && found != wanted
               ? mds_fail(err, MDS_DAMAGED,
                          "catalog %" PRIu64 " has %u %s, not %u",
                          catalog->meta.serial, found, what, wanted)
               : status;
}

/* Fails unless the record is whole, and its key is the one that it has. */
static mds_status_t
mds_catalog_check_resource(mds_catalog_t *catalog, mds_str_t key,
                           mds_str_t value, mds_error_t *err)
{
    const mds_record_t *record = (const mds_record_t *) value.data;
    mds_error_t         why;

    if (mds_record_check(value, &why) != MDS_OK) {
        return mds_fail(err, MDS_DAMAGED, "catalog %" PRIu64 ": %.*s: %s",
                        catalog->meta.serial, MDS_STR(key), why.text);
    }

    if (!mds_str_eq(mds_record_bytes(record, record->key), key)) {
        return mds_fail(err, MDS_DAMAGED,
                        "catalog %" PRIu64
                        ": %.*s has the record of another key",
                        catalog->meta.serial, MDS_STR(key));
    }

    return MDS_OK;
}

static mds_status_t
mds_catalog_check_resources(mds_catalog_t *catalog, mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(catalog->lmdb, MDS_CATALOG_RESOURCES, mds_null_str);
    mds_str_t    key, value;
    uint32_t     count = 0;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        status = mds_catalog_check_resource(catalog, key, value, err);
        count++;
    }

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK
               ? mds_catalog_check_count(catalog, "resources", count,
                                         catalog->meta.resource_count, err)
               : status;
}

static mds_status_t
mds_catalog_check_apps(mds_catalog_t *catalog, mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(catalog->lmdb, MDS_CATALOG_APPS, mds_null_str);
    mds_app_record_t record;
    mds_str_t        key, value;
    mds_status_t     status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        status = mds_catalog_app(catalog, key, err, &record);
    }

    mds_lmdb_walk_end(cursor);
    return status;
}

/* Opens each list in turn; fails if two have one number. */
static mds_status_t
mds_catalog_check_lists(mds_catalog_t *catalog, mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(catalog->lmdb, MDS_CATALOG_LISTS, mds_null_str);
    bool        *seen = calloc((size_t) catalog->meta.list_count + 1, 1);
    mds_str_t    key, value;
    uint32_t     number, count = 0;
    mds_status_t status = seen == NULL ? mds_fail_memory(err) : MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        status = mds_catalog_try_list(catalog, key, err, &number);

        if (status == MDS_OK && !seen[number]) {
            seen[number] = true;
            count++;
        }
    }

    mds_lmdb_walk_end(cursor);
    free(seen);

    return status == MDS_OK
               ? mds_catalog_check_count(catalog, "lists", count,
                                         catalog->meta.list_count, err)
               : status;
}

mds_status_t
mds_catalog_check_records(mds_catalog_t *catalog, mds_error_t *err)
{
    mds_status_t status = mds_catalog_begin(catalog, err);

    if (status != MDS_OK) {
        return status;
    }

    if ((status = mds_catalog_check_apps(catalog, err)) == MDS_OK
        && (status = mds_catalog_check_resources(catalog, err)) == MDS_OK)
    {
        status = mds_catalog_check_lists(catalog, err);
    }

    mds_catalog_end(catalog);

    return status;
}
