/*
 * mds_match: matches the packages, releases or messages of one state of an app
 * with those of another.
 *
 * An item is known by its id. Equal ids of one side are numbered, so that the
 * same package twice is two items.
 */

#ifndef MDS_MATCH_H
#define MDS_MATCH_H

#include "json/mds_json.h"

#define MDS_MATCH_ID_MAX 2048
#define MDS_MATCH_NONE SIZE_MAX

/* Returns the id of a package, a release or a message, as a view into the item
 * or into id. */
mds_str_t mds_match_id(const mds_json_t *item, char id[MDS_MATCH_ID_MAX]);

typedef struct {
    size_t *after;  /* of each item before: its index after, or none */
    size_t *before; /* of each item after: its index before, or none */
    size_t  before_count;
    size_t  after_count;
} mds_match_t;

/* Matches the items of two arrays, which may be NULL. MDS_NO_MEMORY. */
mds_status_t mds_match_init(const mds_json_t *before, const mds_json_t *after,
                            mds_match_t *match) MDS_MUST_CHECK;

void mds_match_free(mds_match_t *match);

/* Returns whether the items that both sides have come in another order. */
bool mds_match_is_reordered(const mds_match_t *match);

#endif
