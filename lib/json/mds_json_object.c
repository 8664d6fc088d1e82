/*
 * Objects: members in their order. Few are searched one after the other; more
 * have a hash table of their indexes, under a secret key, since they may come
 * from anywhere.
 */

#include <stdlib.h>

#include "base/mds_digest.h"
#include "base/mds_siphash.h"
#include "json/mds_json_internal.h"

/* A table with open addressing, at most half full. */
struct mds_json_table_s {
    uint8_t  key[MDS_SIPHASH_KEY];
    uint32_t mask;
    uint32_t slots[]; /* index + 1; 0 is free */
};

mds_json_t *
mds_json_object_new(void)
{
    return mds_json_new(sizeof(mds_json_object_t), MDS_JSON_OBJECT);
}

void
mds_json_object_clear(mds_json_object_t *object)
{
    for (uint32_t i = 0; i < object->count; i++) {
        mds_json_release((mds_json_t *) object->members[i].key);
        mds_json_release(object->members[i].value);
    }

    free(object->members);
    free(object->table);
}

/* Returns the slot of a key's member, or the free one for it. */
static uint32_t *
find_slot(const mds_json_object_t *object, mds_str_t key)
{
    mds_json_table_t *table = object->table;
    uint32_t          i = (uint32_t) mds_siphash(table->key, key) & table->mask;

    while (table->slots[i] != 0
           && !mds_str_eq(mds_json_text_str(
                              object->members[table->slots[i] - 1].key),
                          key))
    {
        i = (i + 1) & table->mask;
    }

    return &table->slots[i];
}

uint32_t
mds_json_object_find(const mds_json_object_t *object, mds_str_t key)
{
    uint32_t i = 0, slot;

    if (object->table != NULL) {
        slot = *find_slot(object, key);
        return slot == 0 ? object->count : slot - 1;
    }

    while (i < object->count
           && !mds_str_eq(mds_json_text_str(object->members[i].key), key))
    {
        i++;
    }

    return i;
}

/* Enters all members into the table. */
static void
fill_table(mds_json_object_t *object)
{
    mds_json_table_t *table = object->table;

    memset(table->slots, 0, ((size_t) table->mask + 1) * sizeof(uint32_t));

    for (uint32_t i = 0; i < object->count; i++) {
        *find_slot(object, mds_json_text_str(object->members[i].key)) = i + 1;
    }
}

/* Makes the table of an object that is large; false: no memory. */
static bool
make_table(mds_json_object_t *object)
{
    size_t            slots = 2 * MDS_JSON_FEW;
    mds_json_table_t *table;

    while (slots < 2 * (size_t) object->room) {
        slots *= 2;
    }

    table = malloc(sizeof(*table) + slots * sizeof(*table->slots));
    if (table == NULL) {
        return false;
    }

    mds_random(table->key, sizeof(table->key));
    table->mask = (uint32_t) (slots - 1);
    free(object->table);
    object->table = table;
    fill_table(object);

    return true;
}

bool
mds_json_object_reserve(mds_json_object_t *object, uint32_t room)
{
    uint32_t           was = object->room;
    mds_json_member_t *members;

    if (room <= was) {
        return room > 0;
    }

    members = realloc(object->members, room * sizeof(*members));
    if (members == NULL) {
        return false;
    }

    object->members = members;
    object->room = room;

    if (room > MDS_JSON_FEW && !make_table(object)) {
        object->room = was;
        return false;
    }

    return true;
}

mds_status_t
mds_json_object_add(mds_json_object_t *object, mds_json_text_t *key,
                    mds_json_t *value)
{
    if (object == NULL || key == NULL || value == NULL
        || value == (mds_json_t *) object
        || (object->count == object->room
            && !mds_json_object_reserve(object, mds_json_grow(object->count))))
    {
        mds_json_release((mds_json_t *) key);
        mds_json_release(value);
        return MDS_NO_MEMORY;
    }

    if (object->table != NULL) {
        *find_slot(object, mds_json_text_str(key)) = object->count + 1;
    }

    object->members[object->count++] = (mds_json_member_t){ key, value };
    return MDS_OK;
}

/* --- by key */

mds_json_t *
mds_json_find(const mds_json_t *json, mds_str_t key)
{
    const mds_json_object_t *object = mds_json_to_object(json);
    uint32_t i = object == NULL ? 0 : mds_json_object_find(object, key);

    return object == NULL || i == object->count ? NULL
                                                : object->members[i].value;
}

mds_json_t *
mds_json_get(const mds_json_t *object, const char *key)
{
    return mds_json_find(object, mds_str_of(key));
}

mds_status_t
mds_json_put(mds_json_t *json, mds_str_t key, mds_json_t *value)
{
    mds_json_object_t *object = mds_json_to_object(json);
    uint32_t i = object == NULL ? 0 : mds_json_object_find(object, key);

    if (object == NULL || i == object->count) {
        return mds_json_object_add(object,
                                   (mds_json_text_t *) mds_json_string_new(key),
                                   value);
    }

    if (value == NULL || value == json) {
        mds_json_release(value);
        return MDS_NO_MEMORY;
    }

    mds_json_release(object->members[i].value);
    object->members[i].value = value;

    return MDS_OK;
}

mds_status_t
mds_json_set(mds_json_t *object, const char *key, mds_json_t *value)
{
    return mds_json_put(object, mds_str_of(key), value);
}

mds_status_t
mds_json_set_str(mds_json_t *object, const char *key, mds_str_t value)
{
    return mds_json_set(object, key, mds_json_string_new(value));
}

mds_status_t
mds_json_set_integer(mds_json_t *object, const char *key, int64_t value)
{
    return mds_json_set(object, key, mds_json_integer_new(value));
}

mds_status_t
mds_json_set_bool(mds_json_t *object, const char *key, bool value)
{
    return mds_json_set(object, key, mds_json_bool_new(value));
}

/* Those behind it move up, so that all of their slots are wrong. */
void
mds_json_delete(mds_json_t *json, const char *key)
{
    mds_json_object_t *object = mds_json_to_object(json);
    uint32_t           i
        = object == NULL ? 0 : mds_json_object_find(object, mds_str_of(key));

    if (object == NULL || i == object->count) {
        return;
    }

    mds_json_release((mds_json_t *) object->members[i].key);
    mds_json_release(object->members[i].value);
    object->count--;
    memmove(object->members + i, object->members + i + 1,
            (object->count - i) * sizeof(*object->members));

    if (object->table != NULL) {
        fill_table(object);
    }
}

/* --- walks */

mds_json_member_t *
mds_json_first(const mds_json_t *json)
{
    const mds_json_object_t *object = mds_json_to_object(json);

    return object == NULL || object->count == 0 ? NULL : object->members;
}

mds_json_member_t *
mds_json_next(const mds_json_t *json, mds_json_member_t *member)
{
    const mds_json_object_t *object = mds_json_to_object(json);

    return object == NULL || member == NULL
                   || member + 1 >= object->members + object->count
               ? NULL
               : member + 1;
}

mds_str_t
mds_json_key(mds_json_member_t *member)
{
    return member == NULL ? mds_null_str : mds_json_text_str(member->key);
}

mds_json_t *
mds_json_value(mds_json_member_t *member)
{
    return member == NULL ? NULL : member->value;
}
