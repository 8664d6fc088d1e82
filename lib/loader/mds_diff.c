/* Compares two states of an app, member by member and item by item. */

#include "loader/mds_diff.h"

#include "loader/mds_app_state.h"
#include "loader/mds_pairing.h"

typedef struct {
    mds_json_t  *changes;
    mds_status_t status;
} mds_diff_t;

bool
mds_diff_has(const mds_json_t *changes, const char *what)
{
    for (size_t i = 0; i < mds_json_size(changes); i++) {
        if (mds_diff_is(mds_json_at(changes, i), what)) {
            return true;
        }
    }

    return false;
}

/* Adds a change, which shares both values, unless they are equal. */
static void
mds_diff_add(mds_diff_t *d, const char *what, mds_str_t id,
             const mds_json_t *before, const mds_json_t *after)
{
    if (d->status == MDS_OK && !mds_json_equal(before, after)) {
        d->status
            = mds_json_append(d->changes,
                              mds_json_pack("{s:s, s:o, s:O*, s:O*}", "what",
                                            what, "id", mds_json_string_new(id),
                                            "before", before, "after", after));
    }
}

/* Compares objects, member by member. */
static void
mds_diff_members(mds_diff_t *d, const char *what, const mds_json_t *before,
                 const mds_json_t *after)
{
    mds_json_member_t *m;

    for (m = mds_json_first(before); m != NULL; m = mds_json_next(before, m)) {
        mds_diff_add(d, what, mds_json_key(m), mds_json_value(m),
                     mds_json_find(after, mds_json_key(m)));
    }

    for (m = mds_json_first(after); m != NULL; m = mds_json_next(after, m)) {
        if (mds_json_find(before, mds_json_key(m)) == NULL) {
            mds_diff_add(d, what, mds_json_key(m), NULL, mds_json_value(m));
        }
    }
}

/* Returns the ids in their order. */
static mds_json_t *
mds_diff_order(const mds_json_t *array)
{
    mds_json_t *order = mds_json_array_new();
    char        id[MDS_ITEM_ID_MAX];

    for (size_t i = 0; i < mds_json_size(array); i++) {
        if (mds_json_append(order, mds_json_string_new(
                                       mds_item_id(mds_json_at(array, i), id)))
            != MDS_OK)
        {
            mds_json_release(order);
            return NULL;
        }
    }

    return order;
}

/* Notes in the change just added, a removal, what item was before it. */
static void
mds_diff_add_place(mds_diff_t *d, const mds_json_t *array, size_t index)
{
    mds_json_t *change = mds_json_at(d->changes, mds_json_size(d->changes) - 1);
    char        id[MDS_ITEM_ID_MAX];

    if (d->status == MDS_OK) {
        d->status
            = mds_json_set(change, "behind",
                           index == 0 ? mds_json_null_new()
                                      : mds_json_string_new(mds_item_id(
                                          mds_json_at(array, index - 1), id)));
    }
}

static void
mds_diff_items(mds_diff_t *d, const char *what, const char *whats,
               bool has_places, const mds_json_t *before,
               const mds_json_t *after, const mds_pairing_t *pairing)
{
    char id[MDS_ITEM_ID_MAX];

    for (size_t i = 0; i < pairing->before_count; i++) {
        const mds_json_t *item = mds_json_at(before, i);
        bool              is_removed = pairing->after[i] == MDS_PAIRING_NONE;

        mds_diff_add(d, what, mds_item_id(item, id), item,
                     is_removed ? NULL : mds_json_at(after, pairing->after[i]));

        if (is_removed && has_places) {
            mds_diff_add_place(d, before, i);
        }
    }

    for (size_t i = 0; i < pairing->after_count; i++) {
        const mds_json_t *item = mds_json_at(after, i);

        if (pairing->before[i] == MDS_PAIRING_NONE) {
            mds_diff_add(d, what, mds_item_id(item, id), NULL, item);
        }
    }

    if (mds_pairing_is_reordered(pairing)) {
        mds_json_t *old = mds_diff_order(before);
        mds_json_t *new = mds_diff_order(after);

        mds_diff_add(d, whats, mds_str(""), old, new);
        mds_json_release(old);
        mds_json_release(new);
    }
}

static void
mds_diff_arrays(mds_diff_t *d, const char *what, const char *whats,
                bool has_places, const mds_json_t *before,
                const mds_json_t *after)
{
    mds_pairing_t pairing;

    if (mds_pairing_init(before, after, &pairing) != MDS_OK) {
        d->status = MDS_NO_MEMORY;
        return;
    }

    mds_diff_items(d, what, whats, has_places, before, after, &pairing);
    mds_pairing_free(&pairing);
}

/* Returns the app's name, or NULL if the app was removed. */
static const mds_json_t *
mds_diff_app(const mds_json_t *state)
{
    return mds_json_get_bool(state, "removed")
               ? NULL
               : mds_app_state_get(state, "app");
}

mds_status_t
mds_diff(const mds_json_t *before, const mds_json_t *after, mds_error_t *err,
         mds_json_t **changes)
{
    const mds_json_t *old = mds_json_get(before, "document");
    const mds_json_t *new = mds_json_get(after, "document");
    mds_diff_t d = { .changes = mds_json_array_new() };

    mds_diff_add(&d, "app", mds_json_get_string(new, "app"),
                 mds_diff_app(before), mds_diff_app(after));
    mds_diff_add(&d, "poll", mds_str(""), mds_json_get(old, "poll"),
                 mds_json_get(new, "poll"));
    mds_diff_add(&d, "key", mds_str(""), mds_json_get(before, "key"),
                 mds_json_get(after, "key"));
    mds_diff_members(&d, "channel", mds_json_get(old, "channels"),
                     mds_json_get(new, "channels"));
    mds_diff_members(&d, "list", mds_json_get(old, "lists"),
                     mds_json_get(new, "lists"));
    mds_diff_members(&d, "external", mds_json_get(before, "external"),
                     mds_json_get(after, "external"));
    mds_diff_arrays(&d, "package", "packages", true,
                    mds_json_get(old, "packages"),
                    mds_json_get(new, "packages"));
    mds_diff_arrays(&d, "release", "releases", true,
                    mds_json_get(old, "releases"),
                    mds_json_get(new, "releases"));
    mds_diff_arrays(&d, "message", "messages", false,
                    mds_json_get(mds_json_get(before, "messages"), "items"),
                    mds_json_get(mds_json_get(after, "messages"), "items"));

    if (d.status != MDS_OK || d.changes == NULL) {
        mds_json_release(d.changes);
        return mds_fail_memory(err);
    }

    *changes = d.changes;
    return MDS_OK;
}
