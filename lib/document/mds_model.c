/*
 * Look-ups in a model, and comparisons of its parts.
 */

#include "document/mds_model.h"

#include <stdlib.h>

#include "base/mds_endian.h"

static int
mds_list_cmp_name(const void *name, const void *list)
{
    return mds_str_cmp(*(const mds_str_t *) name,
                       ((const mds_list_t *) list)->name);
}

mds_list_t *
mds_model_list(const mds_model_t *model, mds_str_t name)
{
    if (model->list_count == 0) {
        return NULL;
    }

    return bsearch(&name, model->lists, model->list_count, sizeof(mds_list_t),
                   mds_list_cmp_name);
}

mds_str_t
mds_message_list_key(const mds_model_t *model, const mds_message_t *message)
{
    size_t len = model->app.len + 10;
    char  *key = mds_arena_calloc(model->arena, len, 1);

    if (key == NULL) {
        return mds_null_str;
    }

    memcpy(key, model->app.data, model->app.len);
    key[model->app.len + 1] = 1;
    mds_store_be64((uint8_t *) key + model->app.len + 2, message->id);

    return (mds_str_t){ len, key };
}

bool
mds_scopes_meet(const mds_strs_t *a, const mds_strs_t *b)
{
    if (a->count == 0 || b->count == 0) {
        return true;
    }

    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < b->count; j++) {
            if (mds_str_eq(a->items[i], b->items[j])) {
                return true;
            }
        }
    }

    return false;
}

bool
mds_bounds_cross(mds_str_t low, mds_str_t high, bool inclusive)
{
    mds_version_t a, b;
    int           order;

    if (!mds_version_parse(low, &a) || !mds_version_parse(high, &b)) {
        return false;
    }

    order = mds_version_cmp(&a, &b);
    return inclusive ? order > 0 : order >= 0;
}

int
mds_resource_cmp(mds_str_t kind_a, mds_str_t name_a, mds_str_t kind_b,
                 mds_str_t name_b)
{
    int order = mds_str_cmp(kind_a, kind_b);

    return order != 0 ? order : mds_str_cmp(name_a, name_b);
}

bool
mds_strs_contain(const mds_strs_t *strs, mds_str_t value)
{
    for (size_t i = 0; i < strs->count; i++) {
        if (mds_str_eq(strs->items[i], value)) {
            return true;
        }
    }

    return false;
}
