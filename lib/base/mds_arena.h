/*
 * mds_arena: memory that is freed all at once. An arena owns what is allocated
 * from it; nothing is freed alone.
 *
 * An allocation that fails returns NULL and is remembered, so that a caller may
 * make many and check once, with mds_arena_failed().
 */

#ifndef MDS_ARENA_H
#define MDS_ARENA_H

#include "base/mds_base.h"

typedef struct mds_arena_s mds_arena_t;

mds_arena_t *mds_arena_new(void);

void mds_arena_free(mds_arena_t *arena);

/* Returns zeroed memory, aligned for any type; not NULL if count is 0. */
void *mds_arena_calloc(mds_arena_t *arena, size_t count, size_t size);

/* Returns an allocator that takes memory from the arena. */
mds_alloc_t mds_arena_allocator(mds_arena_t *arena);

/* Copies a string; a zero byte follows it, which its length does not count. */
mds_str_t mds_arena_str(mds_arena_t *arena, mds_str_t s);

/* Prints a string as printf does; a zero byte follows it, too. */
mds_str_t
mds_arena_printf(mds_arena_t *arena, const char *format, ...) MDS_PRINTF(2, 3);

bool mds_arena_failed(const mds_arena_t *arena);

#endif
