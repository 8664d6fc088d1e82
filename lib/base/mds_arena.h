/*
 * mds_arena: memory that is given back all at once. What is allocated from an
 * arena belongs to it; nothing is freed one by one.
 *
 * An allocation that fails returns NULL and is remembered: a caller that made
 * many may ask once, with mds_arena_failed().
 */

#ifndef MDS_ARENA_H
#define MDS_ARENA_H

#include "base/mds_base.h"

typedef struct mds_arena_s mds_arena_t;

mds_arena_t *mds_arena_new(void);

void mds_arena_free(mds_arena_t *arena);

/* Zeroed, aligned for any type; count of zero gives a pointer all the same. */
void *mds_arena_calloc(mds_arena_t *arena, size_t count, size_t size);

/* A copy, with a zero byte behind it that its length does not count. */
mds_str_t mds_arena_str(mds_arena_t *arena, mds_str_t s);

/* The same of what printf would print. */
mds_str_t
mds_arena_printf(mds_arena_t *arena, const char *format, ...) MDS_PRINTF(2, 3);

bool mds_arena_failed(const mds_arena_t *arena);

#endif
