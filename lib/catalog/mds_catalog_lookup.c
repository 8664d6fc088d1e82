/*
 * Looks up values of a generation. A cache maps 64 bits of a key's hash, under
 * a secret of this process, to its value: a walk down LMDB's tree would miss
 * the processor's caches a dozen times.
 */

#include <stdlib.h>

#include "base/mds_digest.h"
#include "base/mds_siphash.h"
#include "catalog/mds_catalog_internal.h"

/* The slots in which a key may be; if all are taken, the first is replaced. */
#define MDS_FOUND_NEAR 4

/* The records of replaced files that are forgotten one by one, in some 0.2 ms;
 * more of them make the cache begin empty. */
#define MDS_TAKE_OVER_MAX 1024

struct mds_found_s {
    uint64_t  hash;
    mds_str_t value; /* data NULL: free */
};

/* At least half of the slots stay free. Their number is bounded by that of the
 * records in the generation. */
mds_status_t
mds_catalog_cache_init(mds_catalog_t *catalog, mds_error_t *err)
{
    uint64_t count
        = (uint64_t) catalog->meta.resource_count + catalog->meta.list_count;
    size_t slots = 1;

    while (slots < 2 * count) {
        slots *= 2;
    }

    mds_random(catalog->secret, sizeof(catalog->secret));
    catalog->found_mask = slots - 1;
    catalog->found
        = calloc(slots + MDS_FOUND_NEAR - 1, sizeof(*catalog->found));

    return catalog->found == NULL ? mds_fail_memory(err) : MDS_OK;
}

bool
mds_catalog_get_below(mds_catalog_t *catalog, unsigned i,
                      mds_catalog_table_t table, mds_str_t key,
                      mds_str_t *value)
{
    for (; i < catalog->layer_count; i++) {
        if (mds_lmdb_get(catalog->layers[i], table, key, value)) {
            return value->len > 0;
        }

        /* What lies below may have been replaced in a layer that failed. */
        if (mds_lmdb_code(catalog->layers[i]) != 0) {
            return false;
        }
    }

    return false;
}

bool
mds_catalog_get(mds_catalog_t *catalog, mds_catalog_table_t table,
                mds_str_t key, mds_str_t *value)
{
    return mds_catalog_get_below(catalog, 0, table, key, value);
}

/* Returns the hash by which a key is found. */
static uint64_t
mds_catalog_hash(const mds_catalog_t *catalog, mds_catalog_table_t table,
                 mds_str_t key)
{
    return mds_siphash(catalog->secret, key) + table;
}

bool
mds_catalog_find(mds_catalog_t *catalog, mds_catalog_table_t table,
                 mds_str_t key, mds_str_t *value)
{
    uint64_t     hash = mds_catalog_hash(catalog, table, key);
    mds_found_t *first = &catalog->found[hash & catalog->found_mask];
    mds_found_t *place = first;

    for (mds_found_t *p = first; p < first + MDS_FOUND_NEAR; p++) {
        if (p->value.data == NULL) {
            place = p;
            break;
        }

        if (p->hash == hash) {
            *value = p->value;
            return true;
        }
    }

    if (!mds_catalog_get_below(catalog, 0, table, key, value)) {
        return false;
    }

    *place = (mds_found_t){ hash, *value };
    return true;
}

/* Counts the records of the layers that the other chain does not have. */
static uint64_t
mds_catalog_count_own(mds_catalog_t *catalog, const mds_chain_t *other)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < catalog->layer_count; i++) {
        if (!mds_chain_has(other, catalog->chain.layers[i])) {
            count
                += mds_lmdb_count(catalog->layers[i], MDS_CATALOG_LISTS)
                   + mds_lmdb_count(catalog->layers[i], MDS_CATALOG_RESOURCES);
        }
    }

    return count;
}

/* Forgets a key. A place that was freed may hide another with this hash. */
static void
mds_catalog_forget(mds_catalog_t *catalog, mds_catalog_table_t table,
                   mds_str_t key)
{
    uint64_t     hash = mds_catalog_hash(catalog, table, key);
    mds_found_t *first = &catalog->found[hash & catalog->found_mask];

    for (mds_found_t *p = first; p < first + MDS_FOUND_NEAR; p++) {
        if (p->hash == hash) {
            *p = (mds_found_t){ 0 };
        }
    }
}

/* Forgets the keys of one table in the layers of `from` that the other chain
 * does not have. */
static bool
mds_catalog_forget_own(mds_catalog_t *catalog, mds_catalog_t *from,
                       const mds_chain_t *other, mds_catalog_table_t table)
{
    mds_str_t key, value;

    for (unsigned i = 0; i < from->layer_count; i++) {
        mds_lmdb_cursor_t *cursor;

        if (mds_chain_has(other, from->chain.layers[i])) {
            continue;
        }

        cursor = mds_lmdb_walk(from->layers[i], table, mds_null_str);

        while (mds_lmdb_next(cursor, &key, &value)) {
            mds_catalog_forget(catalog, table, key);
        }

        mds_lmdb_walk_end(cursor);

        if (mds_lmdb_code(from->layers[i]) != 0) {
            return false;
        }
    }

    return true;
}

static void
mds_catalog_swap_cache(mds_catalog_t *a, mds_catalog_t *b)
{
    mds_found_t *found = a->found;
    uint8_t      secret[MDS_SIPHASH_KEY];

    memcpy(secret, a->secret, sizeof(secret));
    memcpy(a->secret, b->secret, sizeof(secret));
    memcpy(b->secret, secret, sizeof(secret));
    a->found = b->found;
    b->found = found;
}

void
mds_catalog_take_over(mds_catalog_t *catalog, mds_catalog_t *from)
{
    const mds_chain_t *old = &from->chain, *new = &catalog->chain;

    if (old->layers[old->count - 1] != new->layers[new->count - 1]
        || from->found_mask != catalog->found_mask
        || mds_catalog_count_own(from, new) > MDS_TAKE_OVER_MAX
        || mds_catalog_count_own(catalog, old) > MDS_TAKE_OVER_MAX)
    {
        return;
    }

    mds_catalog_swap_cache(catalog, from);

    if (!mds_catalog_forget_own(catalog, from, new, MDS_CATALOG_LISTS)
        || !mds_catalog_forget_own(catalog, from, new, MDS_CATALOG_RESOURCES)
        || !mds_catalog_forget_own(catalog, catalog, old, MDS_CATALOG_LISTS)
        || !mds_catalog_forget_own(catalog, catalog, old,
                                   MDS_CATALOG_RESOURCES))
    {
        mds_catalog_swap_cache(catalog, from);
    }
}
