/*
 * A table in which each key has one place: the key that was read last has it.
 */

#include "proxy/mds_proxy_cache.h"

#include <stdlib.h>

#include "base/mds_siphash.h"

#define MDS_PROXY_SLOTS 16384
#define MDS_PROXY_SLOT_KEY 160 /* bytes; longer keys are not cached */

struct mds_proxy_slot_s {
    uint64_t  round; /* 0: empty */
    mds_str_t value;
    unsigned  table;
    bool      found;
    uint8_t   key_len;
    char      key[MDS_PROXY_SLOT_KEY];
};

static mds_proxy_slot_t *
mds_proxy_cache_slot(const mds_proxy_cache_t *cache, unsigned table,
                     mds_str_t key)
{
    static const uint8_t hash_key[MDS_SIPHASH_KEY];

    return &cache
                ->slots[(mds_siphash(hash_key, key) + table) % MDS_PROXY_SLOTS];
}

bool
mds_proxy_cache_get(const mds_proxy_cache_t *cache, unsigned table,
                    mds_str_t key, bool *found, mds_str_t *value)
{
    const mds_proxy_slot_t *slot;

    if (cache->slots == NULL) {
        return false;
    }

    slot = mds_proxy_cache_slot(cache, table, key);

    if (slot->round != cache->round || slot->table != table
        || slot->key_len != key.len
        || memcmp(slot->key, key.data, key.len) != 0)
    {
        return false;
    }

    *found = slot->found;

    if (slot->found) {
        *value = slot->value;
    }

    return true;
}

void
mds_proxy_cache_put(mds_proxy_cache_t *cache, unsigned table, mds_str_t key,
                    bool found, mds_str_t value)
{
    mds_proxy_slot_t *slot;

    if (key.len > MDS_PROXY_SLOT_KEY) {
        return;
    }

    if (cache->slots == NULL) {
        cache->slots = calloc(MDS_PROXY_SLOTS, sizeof(*cache->slots));
        cache->round = 1;
    }

    if (cache->slots == NULL) {
        return;
    }

    slot = mds_proxy_cache_slot(cache, table, key);
    slot->round = cache->round;
    slot->value = value;
    slot->table = table;
    slot->found = found;
    slot->key_len = (uint8_t) key.len;
    memcpy(slot->key, key.data, key.len);
}

void
mds_proxy_cache_clear(mds_proxy_cache_t *cache)
{
    cache->round++;
}

void
mds_proxy_cache_free(mds_proxy_cache_t *cache)
{
    free(cache->slots);
    *cache = (mds_proxy_cache_t){ 0 };
}
