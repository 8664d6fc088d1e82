/*
 * mds_proxy_cache: what a transaction has got from the second process already.
 *
 * A simulation reads the same windows for each line of a log, and the same
 * device for each of two catalogs. A call takes two context switches, and is
 * made once. What is cached is valid until the transaction ends, or writes.
 */

#ifndef MDS_PROXY_CACHE_H
#define MDS_PROXY_CACHE_H

#include "base/mds_base.h"

typedef struct mds_proxy_slot_s mds_proxy_slot_t;

/* A cache of zeros is empty. */
typedef struct {
    mds_proxy_slot_t *slots; /* NULL: none yet, or no memory for them */
    uint64_t          round; /* slots of another one are empty */
} mds_proxy_cache_t;

/* Returns whether the key was read; *found and, if so, *value are then set. */
bool mds_proxy_cache_get(const mds_proxy_cache_t *cache, unsigned table,
                         mds_str_t key, bool *found, mds_str_t *value);

/* Adds what was read, maybe in the place of another key. The value is not
 * copied. */
void mds_proxy_cache_put(mds_proxy_cache_t *cache, unsigned table,
                         mds_str_t key, bool found, mds_str_t value);

/* Forgets all. */
void mds_proxy_cache_clear(mds_proxy_cache_t *cache);

void mds_proxy_cache_free(mds_proxy_cache_t *cache);

#endif
