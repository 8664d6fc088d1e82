#include "loader/mds_diff.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mds_intern.h"

#define MDS_DIFF_TWIN_MAX (MDS_DIFF_ID_MAX + 16)

/* One side of a list of packages or releases. */
typedef struct {
    const mds_json_t *array;
    size_t            count;
    uint32_t         *numbers; /* of the items' ids, in the common intern */
} mds_diff_side_t;

typedef struct {
    mds_json_t  *changes;
    mds_status_t status;
} mds_diff_t;

static void
mds_diff_add(mds_diff_t *d, const char *what, mds_str_t id,
             const mds_json_t *before, const mds_json_t *after)
{
    mds_json_t *change;

    if (d->status != MDS_OK || (before == NULL && after == NULL)
        || mds_json_equal(before, after))
    {
        return;
    }

    change = mds_json_object_new();

    if (mds_json_set_str(change, "what", mds_str_of(what)) != MDS_OK
        || mds_json_set_str(change, "id", id) != MDS_OK
        || (before != NULL
            && mds_json_set(change, "before", mds_json_copy(before)) != MDS_OK)
        || (after != NULL
            && mds_json_set(change, "after", mds_json_copy(after)) != MDS_OK))
    {
        mds_json_release(change);
        change = NULL;
    }

    d->status = mds_json_append(d->changes, change);
}

/* Objects by name: channels, lists. */
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

static size_t
mds_diff_word(char *id, size_t len, const mds_json_t *value)
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

/* A release or a message has its id; a package is what it is for. */
mds_str_t
mds_diff_id(const mds_json_t *item, char id[MDS_DIFF_ID_MAX])
{
    static const char *const words[]
        = { "kind", "name", "version", "platform", "channel", "rules" };
    size_t len = 0;

    if (mds_json_is_string(mds_json_get(item, "id"))) {
        return mds_json_string(mds_json_get(item, "id"));
    }

    if (mds_json_is_integer(mds_json_get(item, "id"))) {
        len = (size_t) snprintf(id, MDS_DIFF_ID_MAX, "%lld",
                                (long long) mds_json_integer(
                                    mds_json_get(item, "id")));
        return (mds_str_t){ len, id };
    }

    for (size_t i = 0; i < mds_nelems(words); i++) {
        len = mds_diff_word(id, len, mds_json_get(item, words[i]));
    }

    if (len < MDS_DIFF_ID_MAX) {
        return (mds_str_t){ len, id };
    }

    /* Cut, but not in the middle of a character. */
    len = MDS_DIFF_ID_MAX - 1;
    while (len > 0 && !mds_str_is_utf8((mds_str_t){ len, id })) {
        len--;
    }

    return (mds_str_t){ len, id };
}

/* The id, with " #2" behind it where the side has had it already. */
static mds_str_t
mds_diff_own_id(mds_intern_t *own, mds_str_t id, char twin[MDS_DIFF_TWIN_MAX])
{
    mds_str_t name = id;
    bool      fresh;

    for (unsigned n = 2;; n++) {
        if (mds_intern(own, name, &fresh) == UINT32_MAX || fresh) {
            return name;
        }

        name.len = (size_t) snprintf(twin, MDS_DIFF_TWIN_MAX, "%.*s #%u",
                                     MDS_STR(id), n);
        name.data = twin;
    }
}

/* Twins (the same package twice) get numbers of their own. */
static bool
mds_diff_number(mds_diff_side_t *side, mds_intern_t *ids)
{
    mds_intern_t *own = mds_intern_new();
    char          id[MDS_DIFF_ID_MAX], twin[MDS_DIFF_TWIN_MAX];
    bool          fresh, done = own != NULL;

    side->numbers = calloc(side->count + 1, sizeof(*side->numbers));
    done = done && side->numbers != NULL;

    for (size_t i = 0; done && i < side->count; i++) {
        mds_str_t name = mds_diff_id(mds_json_at(side->array, i), id);

        side->numbers[i]
            = mds_intern(ids, mds_diff_own_id(own, name, twin), &fresh);
        done = side->numbers[i] != UINT32_MAX;
    }

    mds_intern_free(own);
    return done;
}

/* Items by number, NULL where the side has none. */
static const mds_json_t **
mds_diff_table(const mds_diff_side_t *side, size_t count)
{
    const mds_json_t **table = calloc(count + 1, sizeof(*table));

    for (size_t i = 0; table != NULL && i < side->count; i++) {
        table[side->numbers[i]] = mds_json_at(side->array, i);
    }

    return table;
}

/* The ids in their order. */
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

/* Whether what both sides have comes in another order. */
static bool
mds_diff_moved(const mds_diff_side_t *before, const mds_diff_side_t *after,
               const mds_json_t **in_before, const mds_json_t **in_after)
{
    size_t i = 0, j = 0;

    for (;;) {
        while (i < before->count && in_after[before->numbers[i]] == NULL) {
            i++;
        }
        while (j < after->count && in_before[after->numbers[j]] == NULL) {
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

static void
mds_diff_items(mds_diff_t *d, const char *what, const char *whats,
               const mds_diff_side_t *before, const mds_diff_side_t *after)
{
    size_t             count = before->count + after->count;
    const mds_json_t **in_before = mds_diff_table(before, count);
    const mds_json_t **in_after = mds_diff_table(after, count);
    char               id[MDS_DIFF_ID_MAX];

    if (in_before == NULL || in_after == NULL) {
        d->status = MDS_NO_MEMORY;
        goto done;
    }

    for (size_t i = 0; i < before->count; i++) {
        const mds_json_t *item = mds_json_at(before->array, i);

        mds_diff_add(d, what, mds_diff_id(item, id), item,
                     in_after[before->numbers[i]]);
    }

    for (size_t i = 0; i < after->count; i++) {
        const mds_json_t *item = mds_json_at(after->array, i);

        if (in_before[after->numbers[i]] == NULL) {
            mds_diff_add(d, what, mds_diff_id(item, id), NULL, item);
        }
    }

    if (mds_diff_moved(before, after, in_before, in_after)) {
        mds_json_t *old = mds_diff_order(before->array);
        mds_json_t *new = mds_diff_order(after->array);

        mds_diff_add(d, whats, mds_str(""), old, new);
        mds_json_release(old);
        mds_json_release(new);
    }

done:

    free(in_before);
    free(in_after);
}

static void
mds_diff_arrays(mds_diff_t *d, const char *what, const char *whats,
                const mds_json_t *before, const mds_json_t *after)
{
    mds_diff_side_t old = { before, mds_json_size(before), NULL };
    mds_diff_side_t new = { after, mds_json_size(after), NULL };
    mds_intern_t *ids = mds_intern_new();

    if (ids == NULL || !mds_diff_number(&old, ids)
        || !mds_diff_number(&new, ids)) {
        d->status = MDS_NO_MEMORY;
    } else {
        mds_diff_items(d, what, whats, &old, &new);
    }

    free(old.numbers);
    free(new.numbers);
    mds_intern_free(ids);
}

/* The app of a state; NULL: it was removed. */
static const mds_json_t *
mds_diff_app(const mds_json_t *state)
{
    return mds_json_bool(mds_json_get(state, "removed"))
               ? NULL
               : mds_json_get(mds_json_get(state, "document"), "app");
}

mds_status_t
mds_diff(const mds_json_t *before, const mds_json_t *after, mds_error_t *err,
         mds_json_t **changes)
{
    const mds_json_t *old = mds_json_get(before, "document");
    const mds_json_t *new = mds_json_get(after, "document");
    mds_diff_t d = { .changes = mds_json_array_new() };

    mds_diff_add(&d, "app", mds_json_string(mds_json_get(new, "app")),
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
    mds_diff_arrays(&d, "package", "packages", mds_json_get(old, "packages"),
                    mds_json_get(new, "packages"));
    mds_diff_arrays(&d, "release", "releases", mds_json_get(old, "releases"),
                    mds_json_get(new, "releases"));

    mds_diff_arrays(&d, "message", "messages",
                    mds_json_get(mds_json_get(before, "messages"), "items"),
                    mds_json_get(mds_json_get(after, "messages"), "items"));

    if (d.status != MDS_OK || d.changes == NULL) {
        mds_json_release(d.changes);
        return mds_fail_memory(err);
    }

    *changes = d.changes;
    return MDS_OK;
}
