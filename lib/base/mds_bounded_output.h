/*
 * mds_bounded_output: where output goes, with its end. A text that does not fit
 * is not begun, and nothing is written behind the end: how much a text takes is
 * computed somewhere else, and a mistake there must not become one in memory.
 * Writers go on regardless; the caller looks at overrun once, at the end.
 */

#ifndef MDS_BOUNDED_OUTPUT_H
#define MDS_BOUNDED_OUTPUT_H

#include "base/mds_base.h"

typedef struct {
    char *p;   /* the next byte goes here */
    char *end; /* no byte is written here, nor behind */
    bool  overrun;
} mds_bounded_output_t;

/* Returns whether so many bytes fit; if they do not, none fits from now on. */
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

/*
 * Copies bytes of the same number, n, at both ends of a text that has at least
 * n and at most 2n of them: the two pieces may overlap. Both are read before
 * one is written, so that the compiler keeps them in registers.
 */
#define MDS_COPY_ENDS(to, from, len, n)                                        \
    do {                                                                       \
        char first[n], last[n];                                                \
        memcpy(first, (from), (n));                                            \
        memcpy(last, (from) + (len) - (n), (n));                               \
        memcpy((to), first, (n));                                              \
        memcpy((to) + (len) - (n), last, (n));                                 \
    } while (0)

/* Copies texts without a call where they are short, as most are. */
static inline __attribute__((always_inline)) void
mds_copy_short(char *to, const char *from, size_t len)
{
    if (len > 32) {
        memcpy(to, from, len);
    } else if (len >= 16) {
        MDS_COPY_ENDS(to, from, len, 16);
    } else if (len >= 8) {
        MDS_COPY_ENDS(to, from, len, 8);
    } else if (len >= 4) {
        MDS_COPY_ENDS(to, from, len, 4);
    } else if (len > 0) {
        char middle = from[len / 2];

        to[0] = from[0];
        to[len / 2] = middle;
        to[len - 1] = from[len - 1];
    }
}

/* Puts the text, or nothing if it does not fit. */
static inline __attribute__((always_inline)) void
mds_bounded_output_put(mds_bounded_output_t *room, mds_str_t from)
{
    if (mds_bounded_output_has(room, from.len)) {
        mds_copy_short(room->p, from.data, from.len);
        room->p += from.len;
    }
}

/* Puts the texts with commas between them, as many as fit. The room for a comma
 * and its text is checked at once; it is a copy, which stays in registers. */
static inline void
mds_bounded_output_put_list(mds_bounded_output_t *out, const mds_str_t *texts,
                            size_t count)
{
    mds_bounded_output_t room = *out;

    if (count > 0) {
        mds_bounded_output_put(&room, texts[0]);
    }

    for (size_t i = 1; i < count; i++) {
        mds_str_t text = texts[i];

        if (!mds_bounded_output_has(&room, text.len + 1)) {
            break;
        }

        *room.p = ',';
        mds_copy_short(room.p + 1, text.data, text.len);
        room.p += text.len + 1;
    }

    *out = room;
}

#endif
