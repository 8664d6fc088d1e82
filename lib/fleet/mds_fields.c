/*
 * Reads and writes fields within bounds.
 */

#include "fleet/mds_fields.h"

/* Returns whether so many bytes fit; from the first that do not, none do. */
static bool
mds_fields_fit(mds_fields_writer_t *to, size_t bytes)
{
    to->failed = to->failed || bytes > (size_t) (to->end - to->p);

    return !to->failed;
}

void
mds_fields_put_number(mds_fields_writer_t *to, uint64_t value, size_t size)
{
    if (!mds_fields_fit(to, size)) {
        return;
    }

    for (size_t i = size; i-- > 0; value >>= 8) {
        to->p[i] = (uint8_t) value;
    }

    to->p += size;
}

void
mds_fields_put_bytes(mds_fields_writer_t *to, mds_str_t bytes)
{
    if (!mds_fields_fit(to, bytes.len) || bytes.len == 0) {
        return;
    }

    memcpy(to->p, bytes.data, bytes.len);
    to->p += bytes.len;
}

void
mds_fields_put_text(mds_fields_writer_t *to, mds_str_t text)
{
    if (text.len > UINT16_MAX) {
        to->failed = true;
        return;
    }

    mds_fields_put_number(to, text.len, 2);
    mds_fields_put_bytes(to, text);
}

mds_str_t
mds_fields_get_bytes(mds_fields_reader_t *from, size_t len)
{
    mds_str_t bytes = { len, (const char *) from->p };

    if (from->failed || len > (size_t) (from->end - from->p)) {
        from->failed = true;
        return mds_null_str;
    }

    from->p += len;
    return bytes;
}

uint64_t
mds_fields_get_number(mds_fields_reader_t *from, size_t size)
{
    mds_str_t bytes = mds_fields_get_bytes(from, size);
    uint64_t  value = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        value = value << 8 | (uint8_t) bytes.data[i];
    }

    return value;
}

mds_str_t
mds_fields_get_text(mds_fields_reader_t *from)
{
    return mds_fields_get_bytes(from, mds_fields_get_number(from, 2));
}

bool
mds_fields_get_bool(mds_fields_reader_t *from)
{
    uint64_t value = mds_fields_get_number(from, 1);

    from->failed = from->failed || value > 1;

    return value == 1;
}

mds_str_t
mds_fields_get_rest(mds_fields_reader_t *from)
{
    return mds_fields_get_bytes(from, (size_t) (from->end - from->p));
}
