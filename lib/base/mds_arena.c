/*
 * An arena is a list of blocks, the newest of which is filled. A small block is
 * zeroed as it is filled: most arenas fill little of their first block, and the
 * rest of its pages is never touched. A large block is for one allocation, and
 * calloc() gets it zeroed from the kernel.
 */

#include "base/mds_arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MDS_ARENA_BLOCK_BYTES 65536
#define MDS_ARENA_ALIGN _Alignof(max_align_t)

typedef struct mds_arena_block_s mds_arena_block_t;

struct mds_arena_block_s {
    mds_arena_block_t *next;
    size_t             used;
    size_t             size;
    max_align_t        data[];
};

struct mds_arena_s {
    mds_arena_block_t *blocks;
    bool               failed;
};

mds_arena_t *
mds_arena_new(void)
{
    return calloc(1, sizeof(mds_arena_t));
}

void
mds_arena_free(mds_arena_t *arena)
{
    mds_arena_block_t *block, *next;

    if (arena == NULL) {
        return;
    }

    for (block = arena->blocks; block != NULL; block = next) {
        next = block->next;
        free(block);
    }

    free(arena);
}

static mds_arena_block_t *
mds_arena_block(mds_arena_t *arena, size_t bytes)
{
    mds_arena_block_t *block = arena->blocks;
    size_t             size;

    if (block != NULL && block->size - block->used >= bytes) {
        return block;
    }

    size = bytes > MDS_ARENA_BLOCK_BYTES ? bytes : MDS_ARENA_BLOCK_BYTES;

    block = size == MDS_ARENA_BLOCK_BYTES ? malloc(sizeof(*block) + size)
                                          : calloc(1, sizeof(*block) + size);
    if (block == NULL) {
        arena->failed = true;
        return NULL;
    }

    block->used = 0;
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;

    return block;
}

void *
mds_arena_calloc(mds_arena_t *arena, size_t count, size_t size)
{
    mds_arena_block_t *block;
    size_t             bytes;
    void              *data;

    if (__builtin_mul_overflow(count, size, &bytes)
        || bytes > SIZE_MAX - MDS_ARENA_ALIGN - sizeof(*block))
    {
        arena->failed = true;
        return NULL;
    }

    bytes = (bytes + MDS_ARENA_ALIGN - 1) / MDS_ARENA_ALIGN * MDS_ARENA_ALIGN;

    block = mds_arena_block(arena, bytes);
    if (block == NULL) {
        return NULL;
    }

    data = (char *) block->data + block->used;
    block->used += bytes;

    if (block->size == MDS_ARENA_BLOCK_BYTES) {
        memset(data, 0, bytes);
    }

    return data;
}

static void *
mds_arena_alloc(void *arena, size_t bytes)
{
    return mds_arena_calloc(arena, bytes, 1);
}

mds_alloc_t
mds_arena_allocator(mds_arena_t *arena)
{
    return (mds_alloc_t){ mds_arena_alloc, arena };
}

mds_str_t
mds_arena_str(mds_arena_t *arena, mds_str_t s)
{
    char *copy = mds_arena_calloc(arena, s.len + 1, 1);

    if (copy == NULL) {
        return mds_null_str;
    }

    if (s.len != 0) {
        memcpy(copy, s.data, s.len);
    }

    return (mds_str_t){ s.len, copy };
}

mds_str_t
mds_arena_printf(mds_arena_t *arena, const char *format, ...)
{
    va_list args;
    char   *text;
    int     len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);

    text = mds_arena_calloc(arena, (size_t) len + 1, 1);
    if (text == NULL) {
        return mds_null_str;
    }

    va_start(args, format);
    vsnprintf(text, (size_t) len + 1, format, args);
    va_end(args);

    return (mds_str_t){ (size_t) len, text };
}

bool
mds_arena_failed(const mds_arena_t *arena)
{
    return arena->failed;
}
