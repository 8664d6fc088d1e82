#include <stdlib.h>

#include "loader/mds_diff.h"
#include "loader/mds_revert_internal.h"

/* Where an item is that is just so; the number of them: there is none. */
static size_t
mds_revert_find(mds_revert_t *u, const mds_json_t *array,
                const mds_json_t *item)
{
    size_t count = mds_json_size(array);

    for (size_t n = 0; n < count; n++) {
        size_t i = (u->near + n) % count;

        if (mds_json_equal(mds_json_at(array, i), item)) {
            return i;
        }
    }

    return count;
}

static bool
mds_revert_is(const mds_json_t *item, mds_str_t id)
{
    char own[MDS_DIFF_ID_MAX];

    return mds_str_eq(mds_diff_id(item, own), id);
}

static size_t
mds_revert_find_id(const mds_json_t *array, mds_str_t id)
{
    size_t i = 0, count = mds_json_size(array);

    while (i < count && !mds_revert_is(mds_json_at(array, i), id)) {
        i++;
    }

    return i;
}

/* Where what was removed belongs. A neighbour that has just come back itself
 * is the right one of several that are called the same. */
static size_t
mds_revert_spot(const mds_revert_t *u, const mds_json_t *array,
                const mds_json_t *behind)
{
    size_t count = mds_json_size(array), i;

    if (behind == NULL) {
        return count;
    }

    if (mds_json_is_null(behind)) {
        return 0;
    }

    if (u->near > 0
        && mds_revert_is(mds_json_at(array, u->near - 1),
                         mds_json_string(behind)))
    {
        return u->near;
    }

    i = mds_revert_find_id(array, mds_json_string(behind));
    return i < count ? i + 1 : count;
}

/* What was there and is changed, or was not there: as it was. */
static mds_status_t
mds_revert_item(mds_revert_t *u, mds_json_t *array, mds_json_t *change)
{
    const mds_json_t *before = mds_json_get(change, "before");
    size_t i = mds_revert_find(u, array, mds_json_get(change, "after"));

    if (i == mds_json_size(array)) {
        return mds_revert_stuck(u, change);
    }

    mds_json_remove(array, i);
    u->near = before == NULL ? i : i + 1;

    return before == NULL ? MDS_OK
                          : mds_json_insert(array, i, mds_json_copy(before));
}

/* One of that id is in the way if a later change has put it there; the same
 * package twice is not. */
static mds_status_t
mds_revert_in_way(mds_revert_t *u, mds_json_t *array, mds_json_t *change,
                  mds_error_t *err, size_t *count)
{
    mds_json_t  *parts;
    mds_status_t status;

    *count = 0;

    if (mds_revert_find_id(array, mds_json_get_string(change, "id"))
        == mds_json_size(array))
    {
        return MDS_OK;
    }

    parts = mds_json_array_new();
    status = mds_json_append(parts, mds_json_retain(change));

    if (status == MDS_OK) {
        status = mds_revert_later(u, parts, NULL, 0, err, count);
    }

    mds_json_release(parts);
    return status;
}

/* What was removed comes back, behind the one that it was behind. */
static mds_status_t
mds_revert_removal(mds_revert_t *u, mds_json_t *array, mds_json_t *change,
                   mds_error_t *err)
{
    size_t       later, i;
    mds_status_t status = mds_revert_in_way(u, array, change, err, &later);

    if (status != MDS_OK) {
        return status;
    }

    if (later > 0) {
        return mds_revert_stuck(u, change);
    }

    i = mds_revert_spot(u, array, mds_json_get(change, "behind"));
    u->near = i + 1;

    return mds_json_insert(array, i,
                           mds_json_copy(mds_json_get(change, "before")));
}

/* Order */

/* Where each item is in the order, by id; SIZE_MAX: nowhere. The n-th of an
 * id is the n-th of it there. */
static size_t *
mds_revert_ranks(const mds_json_t *array, const mds_json_t *order)
{
    size_t  count = mds_json_size(array), ranked = mds_json_size(order);
    size_t *ranks = calloc(count + 1, sizeof(*ranks));
    bool   *taken = calloc(ranked + 1, sizeof(*taken));
    size_t  near = 0;
    char    id[MDS_DIFF_ID_MAX];

    for (size_t i = 0; ranks != NULL && taken != NULL && i < count; i++) {
        mds_str_t name = mds_diff_id(mds_json_at(array, i), id);

        ranks[i] = SIZE_MAX;

        for (size_t n = 0; ranks[i] == SIZE_MAX && n < ranked; n++) {
            size_t r = (near + n) % ranked;

            if (!taken[r]
                && mds_str_eq(mds_json_string(mds_json_at(order, r)), name)) {
                ranks[i] = r;
                taken[r] = true;
                near = r + 1;
            }
        }
    }

    free(taken);
    if (taken == NULL) {
        free(ranks);
        ranks = NULL;
    }

    return ranks;
}

static bool
mds_revert_ascending(const size_t *ranks, size_t count)
{
    size_t last = 0;

    for (size_t i = 0; i < count; i++) {
        if (ranks[i] != SIZE_MAX) {
            if (ranks[i] < last) {
                return false;
            }
            last = ranks[i];
        }
    }

    return true;
}

static int
mds_revert_rank_cmp(const void *a, const void *b)
{
    size_t left = *(const size_t *) a, right = *(const size_t *) b;

    return left < right ? -1 : left > right;
}

/* What the order knows takes turns in the places that it has; the rest stays
 * where it is. */
static mds_status_t
mds_revert_arrange(mds_json_t *array, const size_t *ranks)
{
    size_t       count = mds_json_size(array), known = 0, next = 0;
    size_t      *sorted = calloc(count + 1, sizeof(*sorted));
    mds_json_t  *old = mds_json_array_new();
    mds_status_t status = sorted == NULL ? MDS_NO_MEMORY : MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = mds_json_append(old, mds_json_retain(mds_json_at(array, i)));
        if (ranks[i] != SIZE_MAX) {
            sorted[known++] = ranks[i];
        }
    }

    if (status == MDS_OK) {
        qsort(sorted, known, sizeof(*sorted), mds_revert_rank_cmp);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        size_t from = 0;

        if (ranks[i] == SIZE_MAX) {
            continue;
        }

        while (ranks[from] != sorted[next]) {
            from++;
        }

        next++;
        mds_json_remove(array, i);
        status = mds_json_insert(array, i,
                                 mds_json_retain(mds_json_at(old, from)));
    }

    mds_json_release(old);
    free(sorted);
    return status;
}

static mds_status_t
mds_revert_order(mds_revert_t *u, mds_json_t *array, mds_json_t *change)
{
    size_t      *now, *then;
    mds_status_t status;

    now = mds_revert_ranks(array, mds_json_get(change, "after"));
    then = mds_revert_ranks(array, mds_json_get(change, "before"));

    if (now == NULL || then == NULL) {
        status = MDS_NO_MEMORY;

    } else if (!mds_revert_ascending(now, mds_json_size(array))) {
        status = mds_revert_stuck(u, change);

    } else {
        status = mds_revert_arrange(array, then);
    }

    free(now);
    free(then);
    return status;
}

/* All changes of one array: first what is still there, then what is not, then
 * the order of all. */
mds_status_t
mds_revert_array(mds_revert_t *u, const char *what, const char *whats,
                 mds_error_t *err)
{
    mds_json_t  *document = mds_json_get(u->state, "document");
    mds_json_t  *array = mds_json_get(document, whats);
    mds_status_t status = MDS_OK;

    if (array == NULL) {
        status = mds_json_set(document, whats, mds_json_array_new());
        array = mds_json_get(document, whats);
    }

    for (int pass = 0; pass < 3; pass++) {
        u->near = 0;

        for (size_t i = 0; status == MDS_OK && i < mds_json_size(u->changes);
             i++) {
            mds_json_t *change = mds_json_at(u->changes, i);
            mds_str_t   of = mds_json_get_string(change, "what");
            bool        item = mds_str_eq(of, mds_str_of(what));
            bool        there = mds_json_get(change, "after") != NULL;

            if (pass == 0 && item && there) {
                status = mds_revert_item(u, array, change);

            } else if (pass == 1 && item && !there) {
                status = mds_revert_removal(u, array, change, err);

            } else if (pass == 2 && mds_str_eq(of, mds_str_of(whats))) {
                status = mds_revert_order(u, array, change);
            }
        }
    }

    if (status == MDS_OK && mds_json_size(array) == 0) {
        mds_json_delete(document, whats);
    }

    return status;
}

/* Messages: by id, which rises */

static size_t
mds_revert_message_at(const mds_json_t *items, int64_t id)
{
    size_t i = 0;

    while (i < mds_json_size(items)
           && mds_json_get_integer(mds_json_at(items, i), "id") < id)
    {
        i++;
    }

    return i;
}

mds_status_t
mds_revert_messages(mds_revert_t *u)
{
    mds_json_t *items
        = mds_json_get(mds_json_get(u->state, "messages"), "items");
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(u->changes); i++) {
        mds_json_t       *change = mds_json_at(u->changes, i);
        const mds_json_t *before = mds_json_get(change, "before");
        const mds_json_t *item
            = before == NULL ? mds_json_get(change, "after") : before;
        int64_t id = mds_json_get_integer(item, "id");
        size_t  at = mds_revert_message_at(items, id);
        bool there = mds_json_get_integer(mds_json_at(items, at), "id") == id;

        if (!mds_str_eq(mds_json_get_string(change, "what"),
                        mds_str("message"))) {
            continue;
        }

        if (before == NULL && there) {
            mds_json_remove(items, at);

        } else if (before != NULL && !there) {
            status = mds_json_insert(items, at, mds_json_copy(before));
        }
    }

    return status;
}

/* Where removed items were */

static mds_status_t
mds_revert_place(const mds_json_t *array, const char *what, mds_json_t *changes)
{
    char         id[MDS_DIFF_ID_MAX];
    size_t       at = 0, count = mds_json_size(array);
    mds_status_t status = MDS_OK;

    /* Changes come in the order of the items. */
    for (size_t i = 0; status == MDS_OK && i < mds_json_size(changes); i++) {
        mds_json_t *change = mds_json_at(changes, i);
        mds_json_t *before = mds_json_get(change, "before");

        if (before == NULL || mds_json_get(change, "after") != NULL
            || !mds_str_eq(mds_json_get_string(change, "what"),
                           mds_str_of(what)))
        {
            continue;
        }

        while (at < count && !mds_json_equal(mds_json_at(array, at), before)) {
            at++;
        }

        if (at < count) {
            status = mds_json_set(change, "behind",
                                  at == 0 ? mds_json_null_new()
                                          : mds_json_string_new(mds_diff_id(
                                              mds_json_at(array, at - 1), id)));
        }
    }

    return status;
}

mds_status_t
mds_revert_add_places(const mds_json_t *before, mds_json_t *changes,
                      mds_error_t *err)
{
    const mds_json_t *document = mds_json_get(before, "document");

    if (mds_revert_place(mds_json_get(document, "packages"), "package", changes)
            != MDS_OK
        || mds_revert_place(mds_json_get(document, "releases"), "release",
                            changes)
               != MDS_OK)
    {
        return mds_fail_memory(err);
    }

    return MDS_OK;
}
