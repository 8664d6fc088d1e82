/*
 * Walks the records of a generation: the walks of its layers are merged, and
 * of equal keys the one of the highest layer counts.
 */

#include "catalog/mds_catalog_internal.h"

static void
mds_layer_walk_step(mds_layer_walk_t *walk)
{
    walk->ended
        = walk->ended || !mds_lmdb_next(walk->cursor, &walk->key, &walk->value);
}

/* Begins the walks of the layers that the cursor names. */
static void
mds_catalog_cursor_begin(mds_catalog_cursor_t *cursor,
                         mds_catalog_table_t table, mds_str_t from)
{
    for (unsigned i = 0; i < cursor->count; i++) {
        mds_layer_walk_t *walk = &cursor->walks[i];

        walk->cursor = mds_lmdb_walk(cursor->catalog->layers[cursor->first + i],
                                     table, from);
        mds_layer_walk_step(walk);
    }
}

void
mds_catalog_walk(mds_catalog_t *catalog, mds_catalog_table_t table,
                 unsigned layers, mds_str_t from, mds_catalog_cursor_t *cursor)
{
    *cursor = (mds_catalog_cursor_t){ .catalog = catalog };
    cursor->tombstones = layers < catalog->layer_count;
    cursor->count = cursor->tombstones ? layers : catalog->layer_count;
    mds_catalog_cursor_begin(cursor, table, from);
}

void
mds_catalog_walk_layer(mds_catalog_t *catalog, mds_catalog_table_t table,
                       unsigned i, mds_str_t from, mds_catalog_cursor_t *cursor)
{
    *cursor = (mds_catalog_cursor_t){
        .catalog = catalog, .tombstones = true, .first = i, .count = 1
    };
    mds_catalog_cursor_begin(cursor, table, from);
}

/* Returns whether the walk of a layer has failed: what lies below it must not
 * be taken for the newest. */
static bool
mds_catalog_cursor_failed(const mds_catalog_cursor_t *cursor)
{
    for (unsigned i = 0; i < cursor->count; i++) {
        if (mds_lmdb_code(cursor->catalog->layers[cursor->first + i]) != 0) {
            return true;
        }
    }

    return false;
}

/* Returns the walk with the lowest key, of the highest layer; NULL: all have
 * ended. */
static mds_layer_walk_t *
mds_catalog_cursor_lowest(mds_catalog_cursor_t *cursor)
{
    mds_layer_walk_t *lowest = NULL;

    for (unsigned i = 0; i < cursor->count; i++) {
        mds_layer_walk_t *walk = &cursor->walks[i];

        if (!walk->ended
            && (lowest == NULL || mds_str_cmp(walk->key, lowest->key) < 0)) {
            lowest = walk;
        }
    }

    return lowest;
}

/* Steps over the key in all walks that are at it. */
static void
mds_catalog_cursor_pass(mds_catalog_cursor_t *cursor, mds_str_t key)
{
    for (unsigned i = 0; i < cursor->count; i++) {
        mds_layer_walk_t *walk = &cursor->walks[i];

        if (!walk->ended && mds_str_eq(walk->key, key)) {
            mds_layer_walk_step(walk);
        }
    }
}

bool
mds_catalog_next(mds_catalog_cursor_t *cursor, mds_str_t *key, mds_str_t *value)
{
    mds_layer_walk_t *lowest;

    while (!mds_catalog_cursor_failed(cursor)
           && (lowest = mds_catalog_cursor_lowest(cursor)) != NULL)
    {
        *key = lowest->key;
        *value = lowest->value;
        mds_catalog_cursor_pass(cursor, *key);

        if (value->len > 0 || cursor->tombstones) {
            return true;
        }
    }

    return false;
}

void
mds_catalog_walk_end(mds_catalog_cursor_t *cursor)
{
    for (unsigned i = 0; i < cursor->count; i++) {
        mds_lmdb_walk_end(cursor->walks[i].cursor);
    }
}
