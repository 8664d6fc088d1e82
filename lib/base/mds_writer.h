/*
 * mds_writer: a text that grows in memory of the caller's allocator, such as
 * the pool of a request. The first failure sticks, so that a caller may add
 * many times and check once. What it outgrows is not freed.
 */

#ifndef MDS_WRITER_H
#define MDS_WRITER_H

#include "base/mds_base.h"

typedef struct {
    const mds_alloc_t *alloc;
    char              *data;
    size_t             len;
    size_t             size;
    bool               failed; /* out of memory; the text is incomplete */
} mds_writer_t;

/* Makes room for so many more bytes; returns whether there is. A text of a
 * known length is not copied while it grows. */
bool mds_writer_reserve(mds_writer_t *writer, size_t bytes);

void mds_writer_add(mds_writer_t *writer, mds_str_t bytes);

/* Adds a text that a zero byte ends. */
void mds_writer_words(mds_writer_t *writer, const char *words);

/* Adds before, which ends with an opening quote, the string as JSON has it, and
 * the closing quote. */
void
mds_writer_string(mds_writer_t *writer, const char *before, mds_str_t string);

/* Adds before and a number in decimal. */
void
mds_writer_number(mds_writer_t *writer, const char *before, uint64_t number);

/* Adds before and "true" or "false". */
void mds_writer_bool(mds_writer_t *writer, const char *before, bool value);

/* Returns the text, a view that the next addition may end. */
static inline mds_str_t
mds_writer_str(const mds_writer_t *writer)
{
    return (mds_str_t){ writer->len, writer->data };
}

#endif
