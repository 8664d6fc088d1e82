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
mds_catalog_find(mds_catalog_t *catalog, mds_catalog_table_t table,
                 mds_str_t key, mds_str_t *value)
{
    uint64_t     hash = mds_siphash(catalog->secret, key) + table;
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

    if (!mds_lmdb_get(catalog->lmdb, table, key, value)) {
        return false;
    }

    *place = (mds_found_t){ hash, *value };
    return true;
}
