/* Pairs items by numbers that are given to their ids. */

#include "loader/mds_pairing.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mds_intern.h"

#define MDS_PAIRING_TWIN_MAX (MDS_ITEM_ID_MAX + 16)

/* Appends a value to an id of len bytes, and returns the new length. */
static size_t
mds_pairing_add_to_id(char *id, size_t len, const mds_json_t *value)
{
    char  *text = NULL;
    size_t text_len;
    int    n = 0;

    if (value == NULL || len >= MDS_ITEM_ID_MAX) {
        return len;
    }

    if (mds_json_is_string(value)) {
        n = snprintf(id + len, MDS_ITEM_ID_MAX - len, "%s%.*s",
                     len > 0 ? " " : "", MDS_STR(mds_json_string(value)));

    } else if (mds_json_dump(value, MDS_JSON_COMPACT, NULL, &text, &text_len)
               == MDS_OK)
    {
        n = snprintf(id + len, MDS_ITEM_ID_MAX - len, "%s%s",
                     len > 0 ? " " : "", text);
        free(text);
    }

    return len + (size_t) n;
}

/* A package has no id of its own: its id names the resource, version and
 * devices that it is for. */
mds_str_t
mds_item_id(const mds_json_t *item, char id[MDS_ITEM_ID_MAX])
{
    static const char *const keys[]
        = { "kind", "name", "version", "platform", "channel", "rules" };
    const mds_json_t *own = mds_json_get(item, "id");
    size_t            len = 0;

    if (mds_json_is_string(own)) {
        return mds_json_string(own);
    }

    if (mds_json_is_integer(own)) {
        len = mds_pairing_add_to_id(id, 0, own);
        return (mds_str_t){ len, id };
    }

    for (size_t i = 0; i < mds_nelems(keys); i++) {
        len = mds_pairing_add_to_id(id, len, mds_json_get(item, keys[i]));
    }

    /* A long id is cut, but not in the middle of a character. */
    if (len >= MDS_ITEM_ID_MAX) {
        len = MDS_ITEM_ID_MAX - 1;

        while (len > 0 && !mds_str_is_utf8((mds_str_t){ len, id })) {
            len--;
        }
    }

    return (mds_str_t){ len, id };
}

/* Returns the id, with " #2" behind it if the side has had it already. */
static mds_str_t
mds_pairing_number_twin(mds_intern_t *seen, mds_str_t id,
                        char twin[MDS_PAIRING_TWIN_MAX])
{
    mds_str_t name = id;
    bool      fresh;

    for (unsigned n = 2;; n++) {
        if (mds_intern(seen, name, &fresh) == UINT32_MAX || fresh) {
            return name;
        }

        name.len = (size_t) snprintf(twin, MDS_PAIRING_TWIN_MAX, "%.*s #%u",
                                     MDS_STR(id), n);
        name.data = twin;
    }
}

/* Sets the index of each item of a side by the number of its id. */
static mds_status_t
mds_pairing_number(const mds_json_t *array, mds_intern_t *ids, size_t *numbers,
                   size_t *indexes)
{
    mds_intern_t *seen = mds_intern_new();
    char          id[MDS_ITEM_ID_MAX], twin[MDS_PAIRING_TWIN_MAX];
    bool          fresh;
    mds_status_t  status = seen == NULL ? MDS_NO_MEMORY : MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(array); i++) {
        mds_str_t name = mds_item_id(mds_json_at(array, i), id);
        uint32_t  number
            = mds_intern(ids, mds_pairing_number_twin(seen, name, twin),
                         &fresh);

        if (number == UINT32_MAX) {
            status = MDS_NO_MEMORY;
        } else {
            numbers[i] = number;
            indexes[number] = i;
        }
    }

    mds_intern_free(seen);
    return status;
}

static size_t *
mds_pairing_new_indexes(size_t count)
{
    size_t *indexes = calloc(count + 1, sizeof(*indexes));

    for (size_t i = 0; indexes != NULL && i < count; i++) {
        indexes[i] = MDS_PAIRING_NONE;
    }

    return indexes;
}

/* Replaces each number by the index that the other side has for it. */
static void
mds_pairing_look_up(size_t *numbers, size_t count, const size_t *indexes)
{
    for (size_t i = 0; i < count; i++) {
        numbers[i] = indexes[numbers[i]];
    }
}

mds_status_t
mds_pairing_init(const mds_json_t *before, const mds_json_t *after,
                 mds_pairing_t *pairing)
{
    size_t        old = mds_json_size(before), new = mds_json_size(after);
    size_t       *old_indexes = mds_pairing_new_indexes(old + new);
    size_t       *new_indexes = mds_pairing_new_indexes(old + new);
    mds_intern_t *ids = mds_intern_new();
    mds_pairing_t made = { mds_pairing_new_indexes(old),
                           mds_pairing_new_indexes(new), old, new };
    mds_status_t  status = MDS_NO_MEMORY;

    if (old_indexes != NULL && new_indexes != NULL && ids != NULL
        && made.after != NULL && made.before != NULL
        && mds_pairing_number(before, ids, made.after, old_indexes) == MDS_OK
        && mds_pairing_number(after, ids, made.before, new_indexes) == MDS_OK)
    {
        mds_pairing_look_up(made.after, old, new_indexes);
        mds_pairing_look_up(made.before, new, old_indexes);
        *pairing = made;
        status = MDS_OK;
    } else {
        mds_pairing_free(&made);
    }

    free(old_indexes);
    free(new_indexes);
    mds_intern_free(ids);

    return status;
}

void
mds_pairing_free(mds_pairing_t *pairing)
{
    free(pairing->after);
    free(pairing->before);
}

bool
mds_pairing_is_reordered(const mds_pairing_t *pairing)
{
    size_t next = 0;

    for (size_t i = 0; i < pairing->after_count; i++) {
        if (pairing->before[i] == MDS_PAIRING_NONE) {
            continue;
        }

        if (pairing->before[i] < next) {
            return true;
        }

        next = pairing->before[i] + 1;
    }

    return false;
}
