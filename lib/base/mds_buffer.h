/*
 * mds_buffer: an array of bytes that grows. The first failure sticks, so that a
 * caller may append many times and check once, with mds_buffer_failed().
 */

#ifndef MDS_BUFFER_H
#define MDS_BUFFER_H

#include "base/mds_base.h"

/* A buffer of zeros is empty. */
typedef struct {
    uint8_t *data; /* owned; moves when the buffer grows */
    size_t   len;
    size_t   size;
    bool     failed;
} mds_buffer_t;

void mds_buffer_free(mds_buffer_t *buffer);
void mds_buffer_add(mds_buffer_t *buffer, const void *data, size_t len);
bool mds_buffer_failed(const mds_buffer_t *buffer);

/* Returns the bytes, a view that the next mds_buffer_add() may end. */
static inline mds_str_t
mds_buffer_str(const mds_buffer_t *buffer)
{
    return (mds_str_t){ buffer->len, (const char *) buffer->data };
}

#endif
