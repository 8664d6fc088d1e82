/*
 * Removes records from a generation. The commit makes the removals, since what
 * is put before stays. A tombstone is written where a file below has the
 * record. Rows of deltas go with the last package that has one of their files.
 */

#include "compile/mds_generation_internal.h"

/* What is to be removed unless it is put; the bytes of its key follow. */
typedef struct {
    uint32_t table; /* MDS_CATALOG_TABLES: the key is that of a whole app */
    uint32_t len;
} mds_generation_removal_t;

void
mds_generation_replace(mds_generation_t *generation, mds_catalog_table_t table,
                       mds_str_t key)
{
    mds_generation_removal_t removal = { table, (uint32_t) key.len };

    mds_buffer_add(&generation->replaced, &removal, sizeof(removal));
    mds_buffer_add(&generation->replaced, key.data, key.len);
}

void
mds_generation_replace_app(mds_generation_t *generation, mds_str_t app)
{
    mds_generation_replace(generation, MDS_CATALOG_APPS, app);
    mds_generation_replace(generation, MDS_CATALOG_TABLES, app);
}

static void
mds_generation_remove(mds_generation_t *generation, mds_catalog_table_t table,
                      mds_str_t key)
{
    mds_str_t old;

    if (!mds_generation_note(generation, table, key)
        || !mds_generation_get_before(generation, table, key, &old))
    {
        return;
    }

    mds_generation_count(generation, table, UINT32_MAX);

    if (mds_generation_has_below(generation, table, key)) {
        mds_lmdb_put(generation->lmdb, table, key, mds_str(""));
    } else {
        mds_lmdb_delete(generation->lmdb, table, key);
    }
}

/* Removes a resource, and notes the packages that it had. */
static void
mds_generation_remove_record(mds_generation_t *generation, mds_str_t key,
                             mds_str_t value)
{
    mds_package_set_add(&generation->were, (const mds_record_t *) value.data);
    mds_generation_remove(generation, MDS_CATALOG_RESOURCES, key);
}

/* Removes a resource and its releases. */
static void
mds_generation_remove_resource(mds_generation_t *generation, mds_str_t key)
{
    char      bytes[MDS_LMDB_KEY_MAX];
    mds_str_t old;

    if (mds_generation_get_before(generation, MDS_CATALOG_RESOURCES, key, &old))
    {
        const mds_record_t *record = (const mds_record_t *) old.data;

        for (uint32_t i = 0; i < record->tables[MDS_TABLE_RELEASES].count; i++)
        {
            mds_generation_remove(generation, MDS_CATALOG_RELEASES,
                                  mds_generation_release_key(record, i, bytes));
        }

        mds_generation_remove_record(generation, key, old);
    }
}

/* Removes all of a table's records whose keys begin with app 00. */
static void
mds_generation_remove_table(mds_generation_t   *generation,
                            mds_catalog_table_t table, mds_str_t app)
{
    char                 bytes[MDS_LMDB_KEY_MAX + 1] = "";
    mds_str_t            prefix = { app.len + 1, bytes };
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;

    if (generation->before == NULL || app.len >= sizeof(bytes)) {
        return;
    }

    memcpy(bytes, app.data, app.len);
    mds_catalog_walk(generation->before, table, MDS_LAYERS_MAX, prefix,
                     &cursor);

    while (mds_catalog_next(&cursor, &key, &value)
           && mds_str_starts(key, prefix)) {
        if (table == MDS_CATALOG_RESOURCES) {
            mds_generation_remove_record(generation, key, value);
        } else {
            mds_generation_remove(generation, table, key);
        }
    }

    mds_catalog_walk_end(&cursor);
}

/* Adds the packages of the resources that stay as they were. A key is noted by
 * now if its record was put or removed. */
static void
mds_generation_add_packages(mds_generation_t *generation)
{
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;

    mds_catalog_walk(generation->before, MDS_CATALOG_RESOURCES, MDS_LAYERS_MAX,
                     mds_null_str, &cursor);

    while (mds_catalog_next(&cursor, &key, &value)) {
        if (mds_generation_note(generation, MDS_CATALOG_RESOURCES, key)) {
            mds_package_set_add(&generation->packages,
                                (const mds_record_t *) value.data);
        }
    }

    mds_catalog_walk_end(&cursor);
    mds_package_set_sort(&generation->packages);
}

/* Removes the rows of deltas whose packages are gone. All packages are looked
 * at only if one has gone, or if the caller asks for it. */
static void
mds_generation_remove_deltas(mds_generation_t *generation)
{
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;

    mds_package_set_sort(&generation->packages);

    if (generation->before == NULL
        || (!generation->is_swept
            && mds_package_set_is_within(&generation->were,
                                         &generation->packages)))
    {
        return;
    }

    mds_generation_add_packages(generation);

    /* Without all of them, rows would go that are needed. */
    if (mds_buffer_failed(&generation->packages.digests)) {
        return;
    }

    mds_catalog_walk(generation->before, MDS_CATALOG_RELEASES, MDS_LAYERS_MAX,
                     mds_null_str, &cursor);

    while (mds_catalog_next(&cursor, &key, &value) && mds_delta_row_is_key(key))
    {
        if (!mds_package_set_has_row(&generation->packages, key)) {
            mds_generation_remove(generation, MDS_CATALOG_RELEASES, key);
        }
    }

    mds_catalog_walk_end(&cursor);
}

void
mds_generation_sweep_deltas(mds_generation_t *generation)
{
    generation->is_swept = true;
}

mds_status_t
mds_generation_remove_all(mds_generation_t *generation, mds_error_t *err)
{
    mds_buffer_t            *replaced = &generation->replaced;
    mds_generation_removal_t removal;
    mds_str_t                key;

    for (size_t at = 0; at < replaced->len && !mds_buffer_failed(replaced);
         at += sizeof(removal) + removal.len)
    {
        memcpy(&removal, replaced->data + at, sizeof(removal));
        key = (mds_str_t){ removal.len, (const char *) replaced->data + at
                                            + sizeof(removal) };

        if (removal.table == MDS_CATALOG_TABLES) {
            mds_generation_remove_table(generation, MDS_CATALOG_LISTS, key);
            mds_generation_remove_table(generation, MDS_CATALOG_RESOURCES, key);
            mds_generation_remove_table(generation, MDS_CATALOG_RELEASES, key);
        } else if (removal.table == MDS_CATALOG_RESOURCES) {
            mds_generation_remove_resource(generation, key);
        } else {
            mds_generation_remove(generation, removal.table, key);
        }
    }

    if (!mds_buffer_failed(replaced)) {
        mds_generation_remove_deltas(generation);
    }

    if (generation->status != MDS_OK || mds_buffer_failed(replaced)
        || mds_buffer_failed(&generation->packages.digests)
        || mds_buffer_failed(&generation->were.digests))
    {
        return mds_fail_memory(err);
    }

    return generation->before == NULL
               ? MDS_OK
               : mds_catalog_status(generation->before, err);
}
