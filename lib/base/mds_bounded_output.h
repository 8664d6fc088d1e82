/*
 * mds_bounded_output: where output goes, with its end. What does not fit is not
 * begun, and nothing is written behind it: how much a text takes is reckoned
 * somewhere else, and a mistake there must not become one in memory. Writers
 * go on regardless; ask once, at the end.
 */

#ifndef MDS_BOUNDED_OUTPUT_H
#define MDS_BOUNDED_OUTPUT_H

#include "base/mds_base.h"

typedef struct {
    char *p;   /* the next byte goes here */
    char *end; /* no byte is written here, nor behind */
    bool  overrun;
} mds_bounded_output_t;

/* Whether so many bytes fit; if not, none does from now on. */
static inline bool
mds_bounded_output_has(mds_bounded_output_t *room, size_t bytes)
{
    if (bytes <= (size_t) (room->end - room->p)) {
        return true;
    }

    room->end = room->p;
    room->overrun = true;

    return false;
}

/* Of a length as most have without a call: in two pieces that may overlap. */
static inline __attribute__((always_inline)) void
mds_bounded_output_put(mds_bounded_output_t *room, mds_str_t from)
{
    char  piece[2][16];
    char *to = room->p;

    if (!mds_bounded_output_has(room, from.len)) {
        return;
    }

    if (from.len >= 16 && from.len <= 32) {
        memcpy(piece[0], from.data, 16);
        memcpy(piece[1], from.data + from.len - 16, 16);
        memcpy(to, piece[0], 16);
        memcpy(to + from.len - 16, piece[1], 16);

    } else if (from.len >= 8 && from.len < 16) {
        memcpy(piece[0], from.data, 8);
        memcpy(piece[1], from.data + from.len - 8, 8);
        memcpy(to, piece[0], 8);
        memcpy(to + from.len - 8, piece[1], 8);

    } else if (from.len > 0) {
        memcpy(to, from.data, from.len);
    }

    room->p = to + from.len;
}

#endif
