/*
 * mds_fields: reads and writes the fields of the fleet's formats, within
 * bounds. The first field that does not fit fails all those behind it, so that
 * a caller checks once, at the end. Numbers are big-endian.
 */

#ifndef MDS_FIELDS_H
#define MDS_FIELDS_H

#include "base/mds_base.h"

typedef struct {
    uint8_t *start;
    uint8_t *p;
    uint8_t *end; /* no byte is written here, nor behind */
    bool     failed;
} mds_fields_writer_t;

typedef struct {
    const uint8_t *p;
    const uint8_t *end;
    bool           failed;
} mds_fields_reader_t;

static inline mds_fields_writer_t
mds_fields_write(void *room, size_t size)
{
    return (mds_fields_writer_t){ room, room, (uint8_t *) room + size, false };
}

static inline mds_fields_reader_t
mds_fields_read(mds_str_t bytes)
{
    const uint8_t *start = (const uint8_t *) bytes.data;

    return (mds_fields_reader_t){ start, start + bytes.len, false };
}

/* Writes the low bytes of a number; size is 8 at most. */
void
mds_fields_put_number(mds_fields_writer_t *to, uint64_t value, size_t size);
void mds_fields_put_bytes(mds_fields_writer_t *to, mds_str_t bytes);

/* Writes a length of 2 bytes, and the text. */
void mds_fields_put_text(mds_fields_writer_t *to, mds_str_t text);

/* Read a field; 0, or an empty view, if there is none. */
uint64_t  mds_fields_get_number(mds_fields_reader_t *from, size_t size);
mds_str_t mds_fields_get_bytes(mds_fields_reader_t *from, size_t len);
mds_str_t mds_fields_get_text(mds_fields_reader_t *from);

/* Reads a byte that is 0 or 1; others fail. */
bool mds_fields_get_bool(mds_fields_reader_t *from);

/* Reads the rest. */
mds_str_t mds_fields_get_rest(mds_fields_reader_t *from);

/* Returns whether all fields were there, and nothing is behind them. */
static inline bool
mds_fields_are_whole(const mds_fields_reader_t *from)
{
    return !from->failed && from->p == from->end;
}

/* Returns the bytes that were written; 0: they did not fit. */
static inline size_t
mds_fields_bytes(const mds_fields_writer_t *to)
{
    return to->failed ? 0 : (size_t) (to->p - to->start);
}

#endif
