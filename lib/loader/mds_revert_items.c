/*
 * Reverts changes of packages, releases and messages, which are items of an
 * array.
 */

#include "loader/mds_diff.h"
#include "loader/mds_pairing.h"
#include "loader/mds_revert_internal.h"

/* Returns the index of an equal item, the first from `near` on; the size of the
 * array if there is none. */
static size_t
mds_revert_find(const mds_json_t *array, const mds_json_t *item, size_t near)
{
    size_t count = mds_json_size(array);

    for (size_t n = 0; n < count; n++) {
        size_t i = (near + n) % count;

        if (mds_json_equal(mds_json_at(array, i), item)) {
            return i;
        }
    }

    return count;
}

static bool
mds_revert_has_id(const mds_json_t *item, mds_str_t id)
{
    char own[MDS_ITEM_ID_MAX];

    return mds_str_eq(mds_item_id(item, own), id);
}

static size_t
mds_revert_find_id(const mds_json_t *array, mds_str_t id)
{
    size_t i = 0, count = mds_json_size(array);

    while (i < count && !mds_revert_has_id(mds_json_at(array, i), id)) {
        i++;
    }

    return i;
}

/* --- items that were added or changed */

/* Takes an item that was added out again, or puts a changed one back as it was.
 * *near is the index behind it. */
static mds_status_t
mds_revert_item(mds_revert_t *u, mds_json_t *array, mds_json_t *change,
                size_t *near)
{
    const mds_json_t *before = mds_json_get(change, "before");
    size_t i = mds_revert_find(array, mds_json_get(change, "after"), *near);

    if (i == mds_json_size(array)) {
        return mds_revert_add_stuck(u, change);
    }

    mds_json_remove(array, i);
    *near = before == NULL ? i : i + 1;

    return before == NULL ? MDS_OK
                          : mds_json_insert(array, i, mds_json_copy(before));
}

static mds_status_t
mds_revert_items(mds_revert_t *u, mds_json_t *array, const char *what)
{
    size_t       near = 0;
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(u->changes); i++) {
        mds_json_t *change = mds_json_at(u->changes, i);

        if (mds_diff_is(change, what) && mds_json_get(change, "after") != NULL)
        {
            status = mds_revert_item(u, array, change, &near);
        }
    }

    return status;
}

/* --- items that were removed */

/* Gives whether later changes of an item's id have put one of that id into the
 * array, which is then in the way; the same package twice is not. */
static mds_status_t
mds_revert_is_in_way(mds_revert_t *u, const mds_json_t *array,
                     mds_json_t *change, mds_error_t *err, bool *in_way)
{
    mds_log_excerpt_t later = { 0 };
    mds_json_t       *parts;
    mds_status_t      status;

    if (mds_revert_find_id(array, mds_json_get_string(change, "id"))
        == mds_json_size(array))
    {
        *in_way = false;
        return MDS_OK;
    }

    parts = mds_json_pack("[O]", change);

    if (parts == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_revert_find_later(u, parts, err, &later);
    mds_json_release(parts);

    if (status == MDS_OK) {
        *in_way = later.count > 0;
    }

    return status;
}

/* Returns the place of an item behind its old neighbour. If several items have
 * the neighbour's id, the one that was just restored is the right one. */
static size_t
mds_revert_find_place(const mds_json_t *array, const mds_json_t *behind,
                      size_t near)
{
    size_t count = mds_json_size(array), i;

    if (behind == NULL) {
        return count;
    }

    if (mds_json_is_null(behind)) {
        return 0;
    }

    if (near > 0
        && mds_revert_has_id(mds_json_at(array, near - 1),
                             mds_json_string(behind)))
    {
        return near;
    }

    i = mds_revert_find_id(array, mds_json_string(behind));
    return i < count ? i + 1 : count;
}

static mds_status_t
mds_revert_removal(mds_revert_t *u, mds_json_t *array, mds_json_t *change,
                   mds_error_t *err, size_t *near)
{
    size_t       i;
    bool         in_way;
    mds_status_t status = mds_revert_is_in_way(u, array, change, err, &in_way);

    if (status != MDS_OK) {
        return status;
    }

    if (in_way) {
        return mds_revert_add_stuck(u, change);
    }

    i = mds_revert_find_place(array, mds_json_get(change, "behind"), *near);
    *near = i + 1;

    return mds_json_insert(array, i,
                           mds_json_copy(mds_json_get(change, "before")));
}

static mds_status_t
mds_revert_removals(mds_revert_t *u, mds_json_t *array, const char *what,
                    mds_error_t *err)
{
    size_t       near = 0;
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(u->changes); i++) {
        mds_json_t *change = mds_json_at(u->changes, i);

        if (mds_diff_is(change, what) && mds_json_get(change, "after") == NULL)
        {
            status = mds_revert_removal(u, array, change, err, &near);
        }
    }

    return status;
}

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

    if (status == MDS_OK) {
        status = mds_revert_items(u, array, what);
    }

    if (status == MDS_OK) {
        status = mds_revert_removals(u, array, what, err);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(u->changes); i++) {
        mds_json_t *change = mds_json_at(u->changes, i);

        if (mds_diff_is(change, whats)) {
            status = mds_revert_order(u, document, whats, change);
        }
    }

    if (status == MDS_OK && mds_json_size(mds_json_get(document, whats)) == 0) {
        mds_json_delete(document, whats);
    }

    return status;
}

/* --- messages, which are sorted by id */

/* Returns the index of the first message with that id or a higher one. */
static size_t
mds_revert_find_message(const mds_json_t *items, int64_t id)
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
        int64_t           id;
        size_t            at;
        bool              is_there;

        if (!mds_diff_is(change, "message")) {
            continue;
        }

        id = mds_json_get_integer(before == NULL ? mds_json_get(change, "after")
                                                 : before,
                                  "id");
        at = mds_revert_find_message(items, id);
        is_there = mds_json_get_integer(mds_json_at(items, at), "id") == id;

        if (before == NULL && is_there) {
            mds_json_remove(items, at);

        } else if (before != NULL && !is_there) {
            status = mds_json_insert(items, at, mds_json_copy(before));
        }
    }

    return status;
}
