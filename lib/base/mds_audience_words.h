/*
 * mds_audience_words: an audience in words: "5 % of devices, and list staff".
 * The command line has it of a document, the page of nginx of a record; both
 * say the same.
 */

#ifndef MDS_AUDIENCE_WORDS_H
#define MDS_AUDIENCE_WORDS_H

#include "base/mds_base.h"

#define MDS_AUDIENCE_NAMES_MAX 5 /* lists beyond these are only counted */

typedef struct {
    mds_str_t names[MDS_AUDIENCE_NAMES_MAX];
    size_t    count; /* of all */
} mds_audience_names_t;

/* Parts that are zero are absent, and so are empty times. */
typedef struct {
    bool                 all;
    bool                 has_percent;
    bool                 has_ramp;
    bool                 by_user; /* otherwise by device */
    bool                 window_by_user;
    double               percent;
    double               ramp_from;
    double               ramp_to;
    mds_str_t            ramp_start;
    mds_str_t            ramp_end;
    mds_audience_names_t lists;
    mds_audience_names_t except;
    uint64_t             window_count;
    mds_str_t            window_until;
} mds_audience_parts_t;

/* Takes a piece of the text. */
typedef void (*mds_audience_add_t)(void *data, mds_str_t text);

/* Adds a name, of which only the first few are kept. */
static inline void
mds_audience_names_add(mds_audience_names_t *names, mds_str_t name)
{
    if (names->count < MDS_AUDIENCE_NAMES_MAX) {
        names->names[names->count] = name;
    }

    names->count++;
}

/* Adds the words of the audience: "nobody" if it has no part. */
void mds_audience_write_words(const mds_audience_parts_t *parts,
                              mds_audience_add_t add, void *data);

#endif
