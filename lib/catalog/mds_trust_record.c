/*
 * Looks up roots, heads and trees in a generation.
 */

#include "catalog/mds_trust_record.h"

#include "base/mds_endian.h"
#include "catalog/mds_catalog_internal.h"

/* Makes a key of a word of four letters, a zero byte, and a name. A name that
 * is too long, which no app has, gives a key that no record has. */
static void
mds_trust_key_make(const char word[5], mds_str_t name, mds_trust_key_t *key)
{
    size_t room = MDS_LMDB_KEY_MAX - 5;
    size_t len = name.len < room ? name.len : room;

    memcpy(key->bytes, word, 5);
    memcpy(key->bytes + 5, name.data, len);
    key->len = 5 + len;
}

void
mds_trust_root_key(uint32_t version, mds_trust_key_t *key)
{
    uint8_t number[4];

    mds_store_be32(number, version);
    mds_trust_key_make("root",
                       (mds_str_t){ sizeof(number), (const char *) number },
                       key);
}

void
mds_trust_head_key(mds_str_t app, mds_trust_key_t *key)
{
    mds_trust_key_make("head", app, key);
}

void
mds_trust_tree_key(mds_str_t app, mds_trust_key_t *key)
{
    mds_trust_key_make("tree", app, key);
}

bool
mds_catalog_get_root(mds_catalog_t *catalog, uint32_t version,
                     mds_str_t *envelope)
{
    mds_trust_key_t key;

    mds_trust_root_key(version, &key);
    return mds_catalog_get(catalog, MDS_CATALOG_META, mds_trust_key_str(&key),
                           envelope);
}

bool
mds_catalog_get_head(mds_catalog_t *catalog, mds_str_t app, mds_str_t *envelope)
{
    mds_trust_key_t key;

    mds_trust_head_key(app, &key);
    return mds_catalog_get(catalog, MDS_CATALOG_META, mds_trust_key_str(&key),
                           envelope);
}

bool
mds_tree_record_read(mds_str_t value, mds_tree_record_t *record,
                     mds_str_t *changes)
{
    if (value.len < sizeof(*record)
        || (value.len - sizeof(*record)) % sizeof(mds_tree_change_t) != 0)
    {
        return false;
    }

    memcpy(record, value.data, sizeof(*record));
    *changes = (mds_str_t){ value.len - sizeof(*record),
                            value.data + sizeof(*record) };

    return record->tag == MDS_TREE_RECORD_TAG;
}

/* Finds the mapped value. */
static bool
mds_catalog_find_tree(mds_catalog_t *catalog, mds_str_t app, mds_str_t *value)
{
    mds_trust_key_t key;

    mds_trust_tree_key(app, &key);

    return mds_catalog_get(catalog, MDS_CATALOG_META, mds_trust_key_str(&key),
                           value);
}

bool
mds_catalog_get_tree(mds_catalog_t *catalog, mds_str_t app,
                     mds_tree_record_t *record, mds_str_t *changes)
{
    mds_str_t value;

    return mds_catalog_find_tree(catalog, app, &value)
           && mds_tree_record_read(value, record, changes);
}

void
mds_catalog_find_trees(mds_catalog_t *catalog)
{
    const mds_str_t      prefix = { 5, "tree" };
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;

    mds_catalog_walk(catalog, MDS_CATALOG_META, MDS_LAYERS_MAX, prefix,
                     &cursor);
    catalog->has_trees = mds_catalog_next(&cursor, &key, &value)
                         && mds_str_starts(key, prefix);
    mds_catalog_walk_end(&cursor);
}

uint32_t
mds_catalog_newest_root(mds_catalog_t *catalog)
{
    const mds_str_t      prefix = { 5, "root" };
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;
    uint32_t             newest = 0;

    mds_catalog_walk(catalog, MDS_CATALOG_META, MDS_LAYERS_MAX, prefix,
                     &cursor);

    while (mds_catalog_next(&cursor, &key, &value)
           && mds_str_starts(key, prefix)) {
        if (key.len == prefix.len + 4) {
            newest = mds_load_be32((const uint8_t *) key.data + prefix.len);
        }
    }

    mds_catalog_walk_end(&cursor);
    return newest;
}

/* Opens the tree of a mapped value. MDS_NOT_FOUND: it is not a record. */
static mds_status_t
mds_catalog_open_tree(const mds_catalog_t *catalog, mds_str_t value,
                      mds_error_t *err, mds_tree_t **tree)
{
    mds_tree_record_t record;
    mds_sha256_t      root;
    mds_str_t         changes;
    mds_tree_t       *opened;
    mds_status_t      status;

    if (!mds_tree_record_read(value, &record, &changes)) {
        return MDS_NOT_FOUND;
    }

    memcpy(root.bytes, record.root, sizeof(root.bytes));

    status = mds_tree_open(catalog->depot, &root, err, &opened);
    if (status != MDS_OK) {
        return status == MDS_NOT_FOUND ? MDS_DAMAGED : status;
    }

    status = changes.len == 0 ? MDS_OK
                              : mds_tree_set_changes(opened, changes, err);
    if (status != MDS_OK) {
        mds_tree_close(opened);
        return status;
    }

    *tree = opened;
    return MDS_OK;
}

/* A place is chosen by the record's address; another tree there is closed. */
mds_status_t
mds_catalog_tree(mds_catalog_t *catalog, mds_str_t app, mds_error_t *err,
                 const mds_tree_t **tree)
{
    mds_opened_tree_t *place;
    mds_str_t          value;
    mds_tree_t        *opened;
    mds_status_t       status;

    if (!mds_catalog_find_tree(catalog, app, &value)) {
        status = mds_catalog_status(catalog, err);
        return status == MDS_OK ? MDS_NOT_FOUND : status;
    }

    place = &catalog->trees[((uintptr_t) value.data >> 4) % MDS_OPENED_TREES];

    if (place->record != value.data) {
        status = mds_catalog_open_tree(catalog, value, err, &opened);
        if (status != MDS_OK) {
            return status;
        }

        mds_tree_close(place->tree);
        *place = (mds_opened_tree_t){ value.data, opened };
    }

    *tree = place->tree;
    return MDS_OK;
}

void
mds_catalog_close_trees(mds_catalog_t *catalog)
{
    for (size_t i = 0; i < MDS_OPENED_TREES; i++) {
        mds_tree_close(catalog->trees[i].tree);
        catalog->trees[i] = (mds_opened_tree_t){ 0 };
    }
}
