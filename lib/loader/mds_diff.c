/*
 * Compares two states of an app. Packages, releases and messages are matched by
 * id; equal ids of one side are numbered, so that the same package twice is two
 * items.
 */

#include "loader/mds_diff.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mds_intern.h"
#include "loader/mds_app_state.h"

#define MDS_DIFF_TWIN_MAX (MDS_DIFF_ID_MAX + 16)

/* One side of a list of packages, releases or messages. */
typedef struct {
    const mds_json_t  *array;
    size_t             count;
    uint32_t          *numbers; /* of the items' ids, in the common intern */
    const mds_json_t **items;   /* by number; NULL: the side has none */
} mds_diff_side_t;

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

/* Appends a value to an id of len bytes, and returns the new length. */
static size_t
mds_diff_add_to_id(char *id, size_t len, const mds_json_t *value)
{
    char  *text = NULL;
    size_t text_len;
    int    n = 0;

    if (value == NULL || len >= MDS_DIFF_ID_MAX) {
        return len;
    }

    if (mds_json_is_string(value)) {
        n = snprintf(id + len, MDS_DIFF_ID_MAX - len, "%s%.*s",
                     len > 0 ? " " : "", MDS_STR(mds_json_string(value)));

    } else if (mds_json_dump(value, MDS_JSON_COMPACT, NULL, &text, &text_len)
               == MDS_OK)
    {
        n = snprintf(id + len, MDS_DIFF_ID_MAX - len, "%s%s",
                     len > 0 ? " " : "", text);
        free(text);
    }

    return len + (size_t) n;
}

/* A package has no id of its own: its id names the resource, version and
 * devices that it is for. */
mds_str_t
mds_diff_id(const mds_json_t *item, char id[MDS_DIFF_ID_MAX])
{
    static const char *const keys[]
        = { "kind", "name", "version", "platform", "channel", "rules" };
    const mds_json_t *own = mds_json_get(item, "id");
    size_t            len = 0;

    if (mds_json_is_string(own)) {
        return mds_json_string(own);
    }

    if (mds_json_is_integer(own)) {
        len = mds_diff_add_to_id(id, 0, own);
        return (mds_str_t){ len, id };
    }

    for (size_t i = 0; i < mds_nelems(keys); i++) {
        len = mds_diff_add_to_id(id, len, mds_json_get(item, keys[i]));
    }

    /* A long id is cut, but not in the middle of a character. */
    if (len >= MDS_DIFF_ID_MAX) {
        len = MDS_DIFF_ID_MAX - 1;

        while (len > 0 && !mds_str_is_utf8((mds_str_t){ len, id })) {
            len--;
        }
    }

    return (mds_str_t){ len, id };
}

/* Returns the id, with " #2" behind it if the side has had it already. */
static mds_str_t
mds_diff_number_twin(mds_intern_t *seen, mds_str_t id,
                     char twin[MDS_DIFF_TWIN_MAX])
{
    mds_str_t name = id;
    bool      fresh;

    for (unsigned n = 2;; n++) {
        if (mds_intern(seen, name, &fresh) == UINT32_MAX || fresh) {
            return name;
        }

        name.len = (size_t) snprintf(twin, MDS_DIFF_TWIN_MAX, "%.*s #%u",
                                     MDS_STR(id), n);
        name.data = twin;
    }
}

/* Numbers the items of a side; room is for the items of both. */
static mds_status_t
mds_diff_number(mds_diff_side_t *side, mds_intern_t *ids, size_t room)
{
    mds_intern_t *seen = mds_intern_new();
    char          id[MDS_DIFF_ID_MAX], twin[MDS_DIFF_TWIN_MAX];
    bool          fresh;
    mds_status_t  status = MDS_OK;

    side->numbers = calloc(side->count + 1, sizeof(*side->numbers));
    side->items = calloc(room + 1, sizeof(*side->items));

    if (seen == NULL || side->numbers == NULL || side->items == NULL) {
        status = MDS_NO_MEMORY;
    }

    for (size_t i = 0; status == MDS_OK && i < side->count; i++) {
        const mds_json_t *item = mds_json_at(side->array, i);
        mds_str_t         name = mds_diff_id(item, id);
        uint32_t          number
            = mds_intern(ids, mds_diff_number_twin(seen, name, twin), &fresh);

        if (number == UINT32_MAX) {
            status = MDS_NO_MEMORY;
        } else {
            side->numbers[i] = number;
            side->items[number] = item;
        }
    }

    mds_intern_free(seen);
    return status;
}

/* Returns the ids in their order. */
static mds_json_t *
mds_diff_order(const mds_json_t *array)
{
    mds_json_t *order = mds_json_array_new();
    char        id[MDS_DIFF_ID_MAX];

    for (size_t i = 0; i < mds_json_size(array); i++) {
        if (mds_json_append(order, mds_json_string_new(
                                       mds_diff_id(mds_json_at(array, i), id)))
            != MDS_OK)
        {
            mds_json_release(order);
            return NULL;
        }
    }

    return order;
}

/* Returns whether the items that both sides have come in another order. */
static bool
mds_diff_is_reordered(const mds_diff_side_t *before,
                      const mds_diff_side_t *after)
{
    size_t i = 0, j = 0;

    for (;;) {
        while (i < before->count && after->items[before->numbers[i]] == NULL) {
            i++;
        }

        while (j < after->count && before->items[after->numbers[j]] == NULL) {
            j++;
        }

        if (i == before->count || j == after->count) {
            return false;
        }

        if (before->numbers[i++] != after->numbers[j++]) {
            return true;
        }
    }
}

/* Notes in the change just added, a removal, what item was before it. */
static void
mds_diff_add_place(mds_diff_t *d, const mds_json_t *array, size_t index)
{
    mds_json_t *change = mds_json_at(d->changes, mds_json_size(d->changes) - 1);
    char        id[MDS_DIFF_ID_MAX];

    if (d->status == MDS_OK) {
        d->status
            = mds_json_set(change, "behind",
                           index == 0 ? mds_json_null_new()
                                      : mds_json_string_new(mds_diff_id(
                                          mds_json_at(array, index - 1), id)));
    }
}

static void
mds_diff_items(mds_diff_t *d, const char *what, const char *whats,
               bool has_places, const mds_diff_side_t *before,
               const mds_diff_side_t *after)
{
    char id[MDS_DIFF_ID_MAX];

    for (size_t i = 0; i < before->count; i++) {
        const mds_json_t *item = mds_json_at(before->array, i);
        const mds_json_t *other = after->items[before->numbers[i]];

        mds_diff_add(d, what, mds_diff_id(item, id), item, other);

        if (other == NULL && has_places) {
            mds_diff_add_place(d, before->array, i);
        }
    }

    for (size_t i = 0; i < after->count; i++) {
        const mds_json_t *item = mds_json_at(after->array, i);

        if (before->items[after->numbers[i]] == NULL) {
            mds_diff_add(d, what, mds_diff_id(item, id), NULL, item);
        }
    }

    if (mds_diff_is_reordered(before, after)) {
        mds_json_t *old = mds_diff_order(before->array);
        mds_json_t *new = mds_diff_order(after->array);

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
    mds_diff_side_t old = { .array = before, .count = mds_json_size(before) };
    mds_diff_side_t new = { .array = after, .count = mds_json_size(after) };
    size_t        room = old.count + new.count;
    mds_intern_t *ids = mds_intern_new();

    if (ids == NULL || mds_diff_number(&old, ids, room) != MDS_OK
        || mds_diff_number(&new, ids, room) != MDS_OK)
    {
        d->status = MDS_NO_MEMORY;
    } else {
        mds_diff_items(d, what, whats, has_places, &old, &new);
    }

    free(old.numbers);
    free(old.items);
    free(new.numbers);
    free(new.items);
    mds_intern_free(ids);
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
