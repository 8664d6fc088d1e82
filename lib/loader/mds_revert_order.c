/*
 * Reverts a change of the order of packages or releases. The items that the old
 * order names exchange their places; all others stay where they are.
 */

#include <stdlib.h>

#include "loader/mds_diff.h"
#include "loader/mds_pairing.h"
#include "loader/mds_revert_internal.h"

#define MDS_NO_PLACE SIZE_MAX

/* An item, and its place in an order. */
typedef struct {
    size_t place; /* MDS_NO_PLACE: the order does not name the item */
    size_t index;
} mds_placed_t;

/* Returns the places of ids, {"ID": [PLACE, …]}, since several items may have
 * the same id. NULL: no memory. */
static mds_json_t *
mds_order_index(const mds_json_t *ids)
{
    mds_json_t  *index = mds_json_object_new();
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(ids); i++) {
        mds_str_t id = mds_json_string(mds_json_at(ids, i));

        if (mds_json_find(index, id) == NULL) {
            status = mds_json_put(index, id, mds_json_array_new());
        }

        if (status == MDS_OK) {
            status = mds_json_append(mds_json_find(index, id),
                                     mds_json_integer_new((int64_t) i));
        }
    }

    if (status != MDS_OK) {
        mds_json_release(index);
        return NULL;
    }

    return index;
}

/* Takes a place of the id: the first from `near` on, or the first of all. */
static size_t
mds_order_take(mds_json_t *index, mds_str_t id, size_t near)
{
    mds_json_t *places = mds_json_find(index, id);
    size_t      count = mds_json_size(places), i = 0, place;

    if (count == 0) {
        return MDS_NO_PLACE;
    }

    while (i < count
           && (size_t) mds_json_integer(mds_json_at(places, i)) < near) {
        i++;
    }

    i = i < count ? i : 0;
    place = (size_t) mds_json_integer(mds_json_at(places, i));
    mds_json_remove(places, i);

    return place;
}

/* Returns the items with their places in the order of ids; NULL: no memory. */
static mds_placed_t *
mds_order_place(const mds_json_t *ids, const mds_json_t *array)
{
    size_t        count = mds_json_size(array), near = 0;
    mds_placed_t *items = calloc(count + 1, sizeof(*items));
    mds_json_t   *index = mds_order_index(ids);
    char          id[MDS_ITEM_ID_MAX];

    if (items == NULL || index == NULL) {
        free(items);
        mds_json_release(index);
        return NULL;
    }

    for (size_t i = 0; i < count; i++) {
        items[i].index = i;
        items[i].place
            = mds_order_take(index, mds_item_id(mds_json_at(array, i), id),
                             near);

        if (items[i].place != MDS_NO_PLACE) {
            near = items[i].place + 1;
        }
    }

    mds_json_release(index);
    return items;
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

    if (status == MDS_OK) {
        memcpy(sorted, items, count * sizeof(*sorted));
        qsort(sorted, count, sizeof(*sorted), mds_placed_cmp);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        size_t from = items[i].place == MDS_NO_PLACE ? i : sorted[next++].index;

        status = mds_json_append(arranged,
                                 mds_json_retain(mds_json_at(array, from)));
    }

    free(sorted);

    if (status != MDS_OK) {
        mds_json_release(arranged);
        return NULL;
    }

    return arranged;
}

mds_status_t
mds_revert_order(mds_revert_t *u, mds_json_t *document, const char *whats,
                 mds_json_t *change)
{
    const mds_json_t *array = mds_json_get(document, whats);
    mds_placed_t *now = mds_order_place(mds_json_get(change, "after"), array);
    mds_placed_t *before
        = mds_order_place(mds_json_get(change, "before"), array);
    mds_status_t status;

    if (now == NULL || before == NULL) {
        status = MDS_NO_MEMORY;

    } else if (!mds_order_is_kept(now, mds_json_size(array))) {
        status = mds_revert_add_stuck(u, change);

    } else {
        status
            = mds_json_set(document, whats, mds_order_arrange(array, before));
    }

    free(now);
    free(before);
    return status;
}
