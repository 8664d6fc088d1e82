/*
 * mds_app_state_internal: a state that is being saved, for the files
 * mds_app_state_*.c alone.
 */

#ifndef MDS_APP_STATE_INTERNAL_H
#define MDS_APP_STATE_INTERNAL_H

#include "loader/mds_app_state.h"
#include "loader/mds_pairing.h"

/* The room between two parts that are added one after the other. */
#define MDS_ORDER_STEP (UINT64_C(1) << 24)

/* A state that is being saved. */
typedef struct {
    mds_journal_t      *journal;
    mds_str_t           app;
    const mds_json_t   *before;
    const mds_places_t *places;
    uint64_t            serial; /* of the change */
    uint64_t            next;   /* the order of the next part at the end */
} mds_save_t;

/* The parts of one type, before and after. */
typedef struct {
    mds_part_type_t   type;
    const mds_json_t *before; /* array */
    const mds_json_t *after;
    const uint64_t   *old_orders; /* NULL: the journal has none of them */
    uint64_t         *orders;     /* of those after */
    mds_pairing_t     pairing;
} mds_save_parts_t;

/* Sets the orders of all parts after the change. */
void mds_save_order_parts(mds_save_t *save, mds_save_parts_t *parts);

/* Returns whether a part's order is its id: messages have one, and of the
 * configuration there is only one part. */
bool mds_save_is_ordered_by_id(mds_part_type_t type);

#endif
