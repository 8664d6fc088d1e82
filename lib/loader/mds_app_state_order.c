/*
 * Gives the parts of an app's state their orders in the journal. A part keeps
 * its order as long as it keeps its place.
 */

#include "loader/mds_app_state_internal.h"

/* Gives the items from first to end orders between two others. False: there is
 * no room for them. */
static bool
mds_save_order_between(mds_save_parts_t *parts, size_t first, size_t end,
                       uint64_t low, uint64_t high)
{
    uint64_t step = (high - low) / (end - first + 1);

    for (size_t i = first; i < end; i++) {
        parts->orders[i] = low + step * (i - first + 1);
    }

    return step > 0;
}

/* Gives orders behind all others. */
static void
mds_save_order_at_end(mds_save_t *save, mds_save_parts_t *parts, size_t first,
                      size_t end)
{
    for (size_t i = first; i < end; i++) {
        parts->orders[i] = save->next;
        save->next += MDS_ORDER_STEP;
    }
}

/* Keeps the orders of items that are still behind one another; 0: a new one is
 * needed. */
static void
mds_save_keep_orders(mds_save_parts_t *parts)
{
    uint64_t last = 0;

    for (size_t i = 0; i < parts->pairing.after_count; i++) {
        size_t   was = parts->pairing.before[i];
        uint64_t order = was == MDS_PAIRING_NONE || parts->old_orders == NULL
                             ? 0
                             : parts->old_orders[was];

        parts->orders[i] = order > last ? order : 0;
        last = order > last ? order : last;
    }
}

/* Orders the items: those that are new or moved get numbers between those of
 * their neighbours. Where there is no room, all get new ones. */
static void
mds_save_order(mds_save_t *save, mds_save_parts_t *parts)
{
    size_t   count = parts->pairing.after_count, end;
    uint64_t low = 0;

    mds_save_keep_orders(parts);

    for (size_t i = 0; i < count; i = end) {
        if (parts->orders[i] != 0) {
            low = parts->orders[i];
            end = i + 1;
            continue;
        }

        for (end = i; end < count && parts->orders[end] == 0; end++) {
        }

        if (end == count) {
            mds_save_order_at_end(save, parts, i, end);

        } else if (!mds_save_order_between(parts, i, end, low,
                                           parts->orders[end])) {
            mds_save_order_at_end(save, parts, 0, count);
            return;
        }
    }
}

/* Messages are ordered by their ids, and of the configuration there is one. */
static void
mds_save_order_by_id(mds_save_parts_t *parts)
{
    for (size_t i = 0; i < parts->pairing.after_count; i++) {
        parts->orders[i]
            = (uint64_t) mds_json_get_integer(mds_json_at(parts->after, i),
                                              "id");
    }
}

bool
mds_save_is_ordered_by_id(mds_part_type_t type)
{
    return type == MDS_PART_MESSAGE || type == MDS_PART_CONFIG;
}

void
mds_save_order_parts(mds_save_t *save, mds_save_parts_t *parts)
{
    if (mds_save_is_ordered_by_id(parts->type)) {
        mds_save_order_by_id(parts);
    } else {
        mds_save_order(save, parts);
    }
}
