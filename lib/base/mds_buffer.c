/*
 * A buffer doubles its size when it is full.
 */

#include "base/mds_buffer.h"

#include <stdlib.h>

#define MDS_BUFFER_FIRST_BYTES 1024

void
mds_buffer_free(mds_buffer_t *buffer)
{
    free(buffer->data);
    *buffer = (mds_buffer_t){ 0 };
}

static bool
mds_buffer_grow(mds_buffer_t *buffer, size_t len)
{
    size_t   size = buffer->size > 0 ? buffer->size : MDS_BUFFER_FIRST_BYTES;
    uint8_t *data;

    while (size - buffer->len < len) {
        if (__builtin_mul_overflow(size, 2, &size)) {
            return false;
        }
    }

    data = realloc(buffer->data, size);
    if (data == NULL) {
        return false;
    }

    buffer->data = data;
    buffer->size = size;

    return true;
}

void
mds_buffer_add(mds_buffer_t *buffer, const void *data, size_t len)
{
    if (len == 0 || buffer->failed) {
        return;
    }

    if (buffer->size - buffer->len < len && !mds_buffer_grow(buffer, len)) {
        buffer->failed = true;
        return;
    }

    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
}

bool
mds_buffer_failed(const mds_buffer_t *buffer)
{
    return buffer->failed;
}
