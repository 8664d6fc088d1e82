/*
 * mds_pairing: pairs the packages, releases or messages of one state of an app
 * with those of another.
 *
 * An item is known by its id. Equal ids of one side are numbered, so that the
 * same package twice is two items.
 */

#ifndef MDS_PAIRING_H
#define MDS_PAIRING_H

#include "json/mds_json.h"

#define MDS_ITEM_ID_MAX 2048
#define MDS_PAIRING_NONE SIZE_MAX

/* Returns the id of a package, a release or a message, as a view into the item
 * or into id. */
mds_str_t mds_item_id(const mds_json_t *item, char id[MDS_ITEM_ID_MAX]);

typedef struct {
    size_t *after;  /* of each item before: its index after, or none */
    size_t *before; /* of each item after: its index before, or none */
    size_t  before_count;
    size_t  after_count;
} mds_pairing_t;

/* Pairs the items of two arrays, which may be NULL. MDS_NO_MEMORY. */
mds_status_t mds_pairing_init(const mds_json_t *before, const mds_json_t *after,
                              mds_pairing_t *pairing) MDS_MUST_CHECK;

void mds_pairing_free(mds_pairing_t *pairing);

/* Returns whether the items that both sides have come in another order. */
bool mds_pairing_is_reordered(const mds_pairing_t *pairing);

#endif
