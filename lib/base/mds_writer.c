/* A text that grows in the caller's memory. */

#include "base/mds_writer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mds_quote.h"

#define MDS_WRITER_BYTES 4096 /* allocated at first */

bool
mds_writer_reserve(mds_writer_t *writer, size_t bytes)
{
    size_t size = writer->size == 0 ? MDS_WRITER_BYTES : writer->size;
    char  *data;

    if (writer->failed || bytes <= writer->size - writer->len) {
        return !writer->failed;
    }

    while (size - writer->len < bytes) {
        size *= 2;
    }

    data = writer->alloc->alloc(writer->alloc->data, size);
    if (data == NULL) {
        writer->failed = true;
        return false;
    }

    if (writer->len > 0) {
        memcpy(data, writer->data, writer->len);
    }

    writer->data = data;
    writer->size = size;

    return true;
}

void
mds_writer_add(mds_writer_t *writer, mds_str_t bytes)
{
    if (bytes.len > 0 && mds_writer_reserve(writer, bytes.len)) {
        memcpy(writer->data + writer->len, bytes.data, bytes.len);
        writer->len += bytes.len;
    }
}

void
mds_writer_words(mds_writer_t *writer, const char *words)
{
    mds_writer_add(writer, mds_str_of(words));
}

void
mds_writer_string(mds_writer_t *writer, const char *before, mds_str_t string)
{
    size_t               bytes = mds_quote_bytes(string);
    mds_bounded_output_t room;

    mds_writer_words(writer, before);

    if (mds_writer_reserve(writer, bytes + 1)) {
        room = (mds_bounded_output_t){ .p = writer->data + writer->len,
                                       .end = writer->data + writer->size };
        mds_quote(&room, string);
        writer->len += bytes;
        writer->data[writer->len++] = '"';
    }
}

void
mds_writer_number(mds_writer_t *writer, const char *before, uint64_t number)
{
    char digits[24];
    int  len = snprintf(digits, sizeof(digits), "%" PRIu64, number);

    mds_writer_words(writer, before);
    mds_writer_add(writer, (mds_str_t){ (size_t) len, digits });
}

void
mds_writer_bool(mds_writer_t *writer, const char *before, bool value)
{
    mds_writer_words(writer, before);
    mds_writer_words(writer, value ? "true" : "false");
}
