/* The pool: one slot for each hash, which the last string of it takes. */

#include <stdlib.h>

#include "base/mds_word.h"
#include "json/mds_json_pool.h"

#define SLOTS 512  /* a power of two */
#define LEN_MAX 40 /* longer strings seldom come twice */

struct mds_json_pool_s {
    mds_json_text_t *slots[SLOTS];
};

mds_json_pool_t *
mds_json_pool_new(void)
{
    return calloc(1, sizeof(mds_json_pool_t));
}

void
mds_json_pool_free(mds_json_pool_t *pool)
{
    for (size_t i = 0; pool != NULL && i < SLOTS; i++) {
        mds_json_release((mds_json_t *) pool->slots[i]);
    }

    free(pool);
}

/* Returns the slot of the bytes: of their length, first and last eight. */
static mds_json_text_t **
find_slot(mds_json_pool_t *pool, mds_str_t bytes)
{
    size_t   end = bytes.len < 8 ? bytes.len : 8;
    uint64_t hash = mds_word_load_part(bytes.data, end) + bytes.len;

    hash = hash * UINT64_C(0x9e3779b97f4a7c15)
           + mds_word_load_part(bytes.data + bytes.len - end, end);

    return &pool->slots[(hash * UINT64_C(0xff51afd7ed558ccd)) >> 55];
}

mds_json_text_t *
mds_json_pool_text(mds_json_pool_t *pool, mds_str_t bytes)
{
    mds_json_text_t **slot, *text;

    if (pool == NULL || bytes.len > LEN_MAX) {
        return mds_json_text_new(bytes);
    }

    slot = find_slot(pool, bytes);

    if (*slot == NULL || !mds_str_eq(mds_json_text_str(*slot), bytes)) {
        text = mds_json_text_new(bytes);
        if (text == NULL) {
            return NULL;
        }

        mds_json_release((mds_json_t *) *slot);
        *slot = text;
    }

    return (mds_json_text_t *) mds_json_retain((mds_json_t *) *slot);
}
