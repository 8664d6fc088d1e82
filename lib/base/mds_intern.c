/*
 * A hash table with open addressing, at most half full.
 */

#include "base/mds_intern.h"

#include <stdlib.h>

#include "base/mds_arena.h"
#include "base/mds_siphash.h"

#define MDS_INTERN_FIRST_SLOTS 64 /* a power of two */

struct mds_intern_s {
    mds_arena_t *arena;
    mds_str_t   *strings; /* by number */
    uint32_t     count;
    uint32_t    *slots;      /* number + 1; 0 is free; open addressing */
    size_t       slot_count; /* twice the room for strings */
};

static const uint8_t mds_intern_key[MDS_SIPHASH_KEY];

mds_intern_t *
mds_intern_new(void)
{
    mds_intern_t *intern = calloc(1, sizeof(*intern));

    if (intern == NULL) {
        return NULL;
    }

    intern->arena = mds_arena_new();
    intern->slot_count = MDS_INTERN_FIRST_SLOTS;
    intern->slots = calloc(intern->slot_count, sizeof(*intern->slots));
    intern->strings = calloc(intern->slot_count / 2, sizeof(*intern->strings));

    if (intern->arena == NULL || intern->slots == NULL
        || intern->strings == NULL) {
        mds_intern_free(intern);
        return NULL;
    }

    return intern;
}

void
mds_intern_free(mds_intern_t *intern)
{
    if (intern == NULL) {
        return;
    }

    mds_arena_free(intern->arena);
    free(intern->strings);
    free(intern->slots);
    free(intern);
}

/* Returns the slot that holds the bytes, or the free one for them. */
static uint32_t *
mds_intern_slot(const mds_intern_t *intern, mds_str_t bytes)
{
    size_t mask = intern->slot_count - 1;
    size_t i = mds_siphash(mds_intern_key, bytes) & mask;

    while (intern->slots[i] != 0
           && !mds_str_eq(intern->strings[intern->slots[i] - 1], bytes))
    {
        i = (i + 1) & mask;
    }

    return &intern->slots[i];
}

static bool
mds_intern_grow(mds_intern_t *intern)
{
    size_t     slot_count = intern->slot_count * 2;
    uint32_t  *slots = calloc(slot_count, sizeof(*slots));
    mds_str_t *strings
        = realloc(intern->strings, slot_count / 2 * sizeof(*strings));

    if (strings != NULL) {
        intern->strings = strings;
    }

    if (slots == NULL || strings == NULL) {
        free(slots);
        return false;
    }

    free(intern->slots);
    intern->slots = slots;
    intern->slot_count = slot_count;

    for (uint32_t i = 0; i < intern->count; i++) {
        *mds_intern_slot(intern, intern->strings[i]) = i + 1;
    }

    return true;
}

uint32_t
mds_intern(mds_intern_t *intern, mds_str_t bytes, bool *fresh)
{
    uint32_t *slot = mds_intern_slot(intern, bytes);
    mds_str_t copy;

    *fresh = *slot == 0;

    if (!*fresh) {
        return *slot - 1;
    }

    if (intern->count == intern->slot_count / 2) {
        if (!mds_intern_grow(intern)) {
            return UINT32_MAX;
        }
        slot = mds_intern_slot(intern, bytes);
    }

    copy = mds_arena_str(intern->arena, bytes);
    if (copy.data == NULL) {
        return UINT32_MAX;
    }

    intern->strings[intern->count] = copy;
    *slot = ++intern->count;

    return intern->count - 1;
}
