/*
 * Checks every record of a generation, before it is served. The records of a
 * layer are checked once, with the layers on which it stands.
 */

#include <inttypes.h>

#include "catalog/mds_catalog_internal.h"

/* The layer that is checked. */
typedef struct {
    mds_catalog_t *catalog;
    unsigned       i;
    uint64_t      *budget_bytes; /* for records of lower layers; NULL: any */
    uint32_t       count;        /* of the table's records, with those below */
    bool           removes_lists;
} mds_layer_check_t;

typedef mds_status_t (*mds_value_check_t)(mds_layer_check_t *check,
                                          mds_str_t key, mds_str_t value,
                                          mds_error_t *err);

static const mds_catalog_meta_t *
mds_layer_meta(const mds_layer_check_t *check)
{
    return &check->catalog->chain.layers[check->i]->meta;
}

/* Returns the meta of the layer below; NULL: there is none. */
static const mds_catalog_meta_t *
mds_layer_meta_below(const mds_layer_check_t *check)
{
    unsigned i = check->i + 1;

    return i < check->catalog->layer_count
               ? &check->catalog->chain.layers[i]->meta
               : NULL;
}

static MDS_COLD mds_status_t
mds_layer_fail(const mds_layer_check_t *check, mds_str_t key, const char *why,
               mds_error_t *err)
{
    return mds_fail(err, MDS_DAMAGED, "catalog %" PRIu64 ": %.*s: %s",
                    mds_layer_meta(check)->serial, MDS_STR(key), why);
}

static mds_status_t
mds_layer_check_count(const mds_layer_check_t *check, const char *what,
                      uint32_t wanted, mds_error_t *err)
{
    return check->count == wanted
               ? MDS_OK
               : mds_fail(err, MDS_DAMAGED,
                          "catalog %" PRIu64 " has %u %s, not %u",
                          mds_layer_meta(check)->serial, check->count, what,
                          wanted);
}

/* Returns the beginning "app 00" that the keys of an app's lists and resources
 * have; a key without it is returned whole. */
static mds_str_t
mds_layer_app_prefix(mds_str_t key)
{
    const char *end = memchr(key.data, '\0', key.len);

    return end == NULL ? key
                       : (mds_str_t){ (size_t) (end + 1 - key.data), key.data };
}

/* Checks that a list to which a record refers exists in the chain. It is one of
 * the record's app: a removed list is missed by resources of its app alone. */
static mds_status_t
mds_layer_check_ref(mds_layer_check_t *check, mds_str_t key, mds_str_t list,
                    mds_error_t *err)
{
    mds_str_t value;

    if (mds_str_starts(list, mds_layer_app_prefix(key))
        && mds_catalog_get_below(check->catalog, check->i, MDS_CATALOG_LISTS,
                                 list, &value))
    {
        return MDS_OK;
    }

    return mds_fail(err, MDS_DAMAGED,
                    "catalog %" PRIu64 ": %.*s: list %.*s does not exist",
                    mds_layer_meta(check)->serial, MDS_STR(key), MDS_STR(list));
}

static mds_status_t
mds_layer_check_refs(mds_layer_check_t *check, mds_str_t key,
                     const mds_record_t *record, mds_error_t *err)
{
    mds_status_t status = MDS_OK;
    uint32_t     count = record->tables[MDS_TABLE_LISTS].count;

    for (uint32_t i = 0; status == MDS_OK && i < count; i++) {
        const mds_list_ref_t *ref = mds_record_item(record, MDS_TABLE_LISTS, i);

        status = mds_layer_check_ref(check, key,
                                     mds_record_bytes(record, ref->key), err);
    }

    count = record->tables[MDS_TABLE_MESSAGES].count;

    for (uint32_t i = 0; status == MDS_OK && i < count; i++) {
        const mds_message_record_t *message
            = mds_record_item(record, MDS_TABLE_MESSAGES, i);

        status
            = mds_layer_check_ref(check, key,
                                  mds_record_bytes(record, message->list), err);
    }

    return status;
}

/* Fails unless the record is whole, its key is the one that it has, and its
 * lists exist. */
static mds_status_t
mds_layer_check_resource(mds_layer_check_t *check, mds_str_t key,
                         mds_str_t value, mds_error_t *err)
{
    const mds_record_t *record = (const mds_record_t *) value.data;
    mds_error_t         why;

    if (mds_record_check(value, &why) != MDS_OK) {
        return mds_layer_fail(check, key, why.text, err);
    }

    if (!mds_str_eq(mds_record_bytes(record, record->key), key)) {
        return mds_fail(err, MDS_DAMAGED,
                        "catalog %" PRIu64
                        ": %.*s has the record of another key",
                        mds_layer_meta(check)->serial, MDS_STR(key));
    }

    return mds_layer_check_refs(check, key, record, err);
}

static mds_status_t
mds_layer_check_app(mds_layer_check_t *check, mds_str_t key, mds_str_t value,
                    mds_error_t *err)
{
    return mds_app_record_fits(value.len)
               ? MDS_OK
               : mds_layer_fail(check, key, "not its record", err);
}

static mds_status_t
mds_layer_check_delta(mds_layer_check_t *check, mds_str_t key, mds_str_t value,
                      mds_error_t *err)
{
    mds_delta_row_t row = { 0 };

    if (value.len == sizeof(row)) {
        memcpy(&row, value.data, sizeof(row));
    }

    return row.tag == MDS_DELTA_ROW_TAG && key.len == MDS_DELTA_KEY_BYTES
               ? MDS_OK
               : mds_layer_fail(check, key, "not the row of a delta", err);
}

static mds_status_t
mds_layer_check_release(mds_layer_check_t *check, mds_str_t key,
                        mds_str_t value, mds_error_t *err)
{
    mds_release_row_t row = { 0 };

    if (key.len > 0 && *key.data == '\0') {
        return mds_layer_check_delta(check, key, value, err);
    }

    if (value.len > sizeof(row)) {
        memcpy(&row, value.data, sizeof(row));
    }

    return row.tag == MDS_RELEASE_ROW_TAG
                   && memchr(value.data + sizeof(row), '\0',
                             value.len - sizeof(row))
                          != NULL
               ? MDS_OK
               : mds_layer_fail(check, key, "not the row of a release", err);
}

static mds_status_t
mds_layer_check_list(mds_layer_check_t *check, mds_str_t key, mds_str_t value,
                     mds_error_t *err)
{
    mds_error_t  why;
    mds_status_t status = mds_catalog_try_list(check->catalog, value, &why);

    return status == MDS_OK
               ? MDS_OK
               : mds_fail(err, status == MDS_NO_MEMORY ? status : MDS_DAMAGED,
                          "catalog %" PRIu64 ": list %.*s: %s",
                          mds_layer_meta(check)->serial, MDS_STR(key),
                          why.text);
}

/* Checks one record, and counts it: it may hide one in the layers below. */
static mds_status_t
mds_layer_check_value(mds_layer_check_t *check, mds_catalog_table_t table,
                      mds_str_t key, mds_str_t value,
                      mds_value_check_t check_it, mds_error_t *err)
{
    mds_str_t below;
    bool hides = mds_catalog_get_below(check->catalog, check->i + 1, table, key,
                                       &below);

    if (value.len > 0) {
        check->count += hides ? 0 : 1;
        return check_it(check, key, value, err);
    }

    if (mds_layer_meta_below(check) == NULL) {
        return mds_layer_fail(check, key, "a tombstone with nothing below it",
                              err);
    }

    check->count -= hides ? 1 : 0;
    check->removes_lists
        = check->removes_lists || (hides && table == MDS_CATALOG_LISTS);

    return MDS_OK;
}

static mds_status_t
mds_layer_check_table(mds_layer_check_t *check, mds_catalog_table_t table,
                      mds_value_check_t check_it, mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(check->catalog->layers[check->i], table, mds_null_str);
    mds_str_t    key, value;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        status = mds_layer_check_value(check, table, key, value, check_it, err);
    }

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_catalog_status(check->catalog, err) : status;
}

/* Takes a record of a lower layer from the budget. */
static mds_status_t
mds_layer_charge(mds_layer_check_t *check, uint64_t bytes, mds_error_t *err)
{
    if (check->budget_bytes == NULL) {
        return MDS_OK;
    }

    if (bytes > *check->budget_bytes) {
        return mds_fail(err, MDS_AGAIN,
                        "catalog %" PRIu64 " takes long to be checked",
                        mds_layer_meta(check)->serial);
    }

    *check->budget_bytes -= bytes;
    return MDS_OK;
}

/* Checks the lists of a record of a lower layer, unless a higher one hides it.
 */
static mds_status_t
mds_layer_check_below(mds_layer_check_t *check, mds_str_t key, mds_str_t value,
                      mds_error_t *err)
{
    mds_str_t    newest;
    mds_status_t status = mds_layer_charge(check, key.len + value.len, err);

    if (status != MDS_OK || value.len == 0
        || !mds_catalog_get_below(check->catalog, check->i,
                                  MDS_CATALOG_RESOURCES, key, &newest)
        || newest.data != value.data)
    {
        return status;
    }

    return mds_layer_check_refs(check, key, (const mds_record_t *) value.data,
                                err);
}

/* Checks the resources of an app in all lower layers. */
static mds_status_t
mds_layer_check_app_below(mds_layer_check_t *check, mds_str_t prefix,
                          mds_error_t *err)
{
    mds_catalog_t *catalog = check->catalog;
    mds_str_t      key, value;
    mds_status_t   status = MDS_OK;

    for (unsigned i = check->i + 1;
         status == MDS_OK && i < catalog->layer_count; i++)
    {
        mds_lmdb_cursor_t *cursor
            = mds_lmdb_walk(catalog->layers[i], MDS_CATALOG_RESOURCES, prefix);

        while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)
               && mds_str_starts(key, prefix))
        {
            status = mds_layer_check_below(check, key, value, err);
        }

        mds_lmdb_walk_end(cursor);
    }

    return status == MDS_OK ? mds_catalog_status(catalog, err) : status;
}

/* Checks the apps of which this layer removes lists: a resource of a lower
 * layer may refer to one. */
static mds_status_t
mds_layer_check_removals(mds_layer_check_t *check, mds_error_t *err)
{
    mds_lmdb_cursor_t *cursor = mds_lmdb_walk(check->catalog->layers[check->i],
                                              MDS_CATALOG_LISTS, mds_null_str);
    mds_str_t          key, value, prefix = mds_null_str;
    mds_status_t       status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        if (value.len == 0 && (prefix.len == 0 || !mds_str_starts(key, prefix)))
        {
            prefix = mds_layer_app_prefix(key);
            status = mds_layer_check_app_below(check, prefix, err);
        }
    }

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_catalog_status(check->catalog, err) : status;
}

static mds_status_t
mds_layer_check(mds_catalog_t *catalog, unsigned i, uint64_t *budget_bytes,
                mds_error_t *err)
{
    mds_layer_check_t check
        = { .catalog = catalog, .i = i, .budget_bytes = budget_bytes };
    const mds_catalog_meta_t *meta = mds_layer_meta(&check);
    const mds_catalog_meta_t *below = mds_layer_meta_below(&check);
    mds_status_t status = mds_layer_check_table(&check, MDS_CATALOG_APPS,
                                                mds_layer_check_app, err);

    check.count = below == NULL ? 0 : below->resource_count;

    if (status == MDS_OK) {
        status = mds_layer_check_table(&check, MDS_CATALOG_RESOURCES,
                                       mds_layer_check_resource, err);
    }

    if (status == MDS_OK) {
        status = mds_layer_check_count(&check, "resources",
                                       meta->resource_count, err);
    }

    if (status == MDS_OK) {
        status = mds_layer_check_table(&check, MDS_CATALOG_RELEASES,
                                       mds_layer_check_release, err);
    }

    check.count = below == NULL ? 0 : below->list_count;

    if (status == MDS_OK) {
        status = mds_layer_check_table(&check, MDS_CATALOG_LISTS,
                                       mds_layer_check_list, err);
    }

    if (status == MDS_OK) {
        status = mds_layer_check_count(&check, "lists", meta->list_count, err);
    }

    return status == MDS_OK && check.removes_lists
               ? mds_layer_check_removals(&check, err)
               : status;
}

mds_status_t
mds_catalog_check_records(mds_catalog_t *catalog, uint64_t *budget_bytes,
                          mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (unsigned i = catalog->layer_count; status == MDS_OK && i-- > 0;) {
        mds_layer_t *layer = catalog->chain.layers[i];

        if (!layer->checked) {
            status = mds_layer_check(catalog, i, budget_bytes, err);
            layer->checked = status == MDS_OK;
        }
    }

    return status;
}
