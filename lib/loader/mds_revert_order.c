/*
 * Reverting a change of the order of packages or releases. The items that the
 * old order names exchange their places; all others stay where they are.
 */

#include <stdlib.h>

#include "base/mds_intern.h"
#include "loader/mds_diff.h"
#include "loader/mds_revert_internal.h"

#define MDS_NO_PLACE SIZE_MAX

/* Places in an order, chained by id, since several items may have the same. */
typedef struct {
    mds_intern_t *ids;
    size_t       *first; /* by the number of the id */
    size_t       *next;  /* by place */
} mds_order_t;

/* An item, and its place in an order. */
typedef struct {
    size_t place; /* MDS_NO_PLACE: the order does not name the item */
    size_t index;
} mds_placed_t;

static void
mds_order_free(mds_order_t *order)
{
    mds_intern_free(order->ids);
    free(order->first);
    free(order->next);
}

/* room is for the ids of the order and of the array. */
static mds_status_t
mds_order_init(mds_order_t *order, const mds_json_t *ids, size_t room)
{
    bool fresh;

    *order = (mds_order_t){ mds_intern_new(),
                            malloc((room + 1) * sizeof(*order->first)),
                            malloc((room + 1) * sizeof(*order->next)) };

    if (order->ids == NULL || order->first == NULL || order->next == NULL) {
        return MDS_NO_MEMORY;
    }

    for (size_t i = 0; i <= room; i++) {
        order->first[i] = MDS_NO_PLACE;
    }

    for (size_t place = mds_json_size(ids); place-- > 0;) {
        uint32_t number
            = mds_intern(order->ids, mds_json_string(mds_json_at(ids, place)),
                         &fresh);

        if (number == UINT32_MAX) {
            return MDS_NO_MEMORY;
        }

        order->next[place] = order->first[number];
        order->first[number] = place;
    }

    return MDS_OK;
}

/* Takes a place of the id: the first from `near` on, or the first of all. */
static mds_status_t
mds_order_take(mds_order_t *order, mds_str_t id, size_t near, size_t *place)
{
    bool     fresh;
    uint32_t number = mds_intern(order->ids, id, &fresh);
    size_t  *at;

    if (number == UINT32_MAX) {
        return MDS_NO_MEMORY;
    }

    at = &order->first[number];

    while (*at < near) {
        at = &order->next[*at];
    }

    if (*at == MDS_NO_PLACE) {
        at = &order->first[number];
    }

    *place = *at;

    if (*at != MDS_NO_PLACE) {
        *at = order->next[*at];
    }

    return MDS_OK;
}

/* Finds the places of all items; the caller frees *items, also on failure. */
static mds_status_t
mds_order_place(const mds_json_t *ids, const mds_json_t *array,
                mds_placed_t **items)
{
    size_t        count = mds_json_size(array), near = 0;
    mds_placed_t *placed = calloc(count + 1, sizeof(*placed));
    char          id[MDS_DIFF_ID_MAX];
    mds_order_t   order;
    mds_status_t  status
        = mds_order_init(&order, ids, mds_json_size(ids) + count);

    if (placed == NULL) {
        status = MDS_NO_MEMORY;
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        placed[i].index = i;
        status = mds_order_take(&order, mds_diff_id(mds_json_at(array, i), id),
                                near, &placed[i].place);

        if (placed[i].place != MDS_NO_PLACE) {
            near = placed[i].place + 1;
        }
    }

    mds_order_free(&order);
    *items = placed;

    return status;
}

static bool
mds_order_is_kept(const mds_placed_t *items, size_t count)
{
    size_t last = 0;

    for (size_t i = 0; i < count; i++) {
        if (items[i].place == MDS_NO_PLACE) {
            continue;
        }

        if (items[i].place < last) {
            return false;
        }

        last = items[i].place;
    }

    return true;
}

static int
mds_placed_cmp(const void *a, const void *b)
{
    size_t left = ((const mds_placed_t *) a)->place;
    size_t right = ((const mds_placed_t *) b)->place;

    return left < right ? -1 : left > right;
}

/* Returns a new array of the items in their order; NULL: no memory. */
static mds_json_t *
mds_order_arrange(const mds_json_t *array, const mds_placed_t *items)
{
    size_t        count = mds_json_size(array), next = 0;
    mds_placed_t *sorted = calloc(count + 1, sizeof(*sorted));
    mds_json_t   *arranged = mds_json_array_new();
    mds_status_t  status = sorted == NULL ? MDS_NO_MEMORY : MDS_OK;

    if (status == MDS_OK && count > 0) {
        memcpy(sorted, items, count * sizeof(*sorted));
        qsort(sorted, count, sizeof(*sorted), mds_placed_cmp);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        size_t from = items[i].place == MDS_NO_PLACE ? i : sorted[next++].index;

        status = mds_json_append(arranged,
                                 mds_json_retain(mds_json_at(array, from)));
    }

    if (status != MDS_OK) {
        mds_json_release(arranged);
        arranged = NULL;
    }

    free(sorted);
    return arranged;
}

mds_status_t
mds_revert_order(mds_revert_t *u, mds_json_t *document, const char *whats,
                 mds_json_t *change)
{
    const mds_json_t *array = mds_json_get(document, whats);
    mds_placed_t     *now = NULL, *before = NULL;
    mds_status_t      status
        = mds_order_place(mds_json_get(change, "after"), array, &now);

    if (status == MDS_OK && !mds_order_is_kept(now, mds_json_size(array))) {
        status = mds_revert_add_stuck(u, change);

    } else if (status == MDS_OK) {
        status
            = mds_order_place(mds_json_get(change, "before"), array, &before);

        if (status == MDS_OK) {
            status = mds_json_set(document, whats,
                                  mds_order_arrange(array, before));
        }
    }

    free(now);
    free(before);
    return status;
}
