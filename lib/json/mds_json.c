/*
 * Values: references, constructors, readers, arrays, comparison and copies.
 */

#include "json/mds_json_internal.h"

#include <math.h>
#include <stdlib.h>

/* --- references */

static mds_json_t json_null = { MDS_JSON_CONSTANT, MDS_JSON_NULL, false };
static mds_json_t json_true = { MDS_JSON_CONSTANT, MDS_JSON_BOOL, true };
static mds_json_t json_false = { MDS_JSON_CONSTANT, MDS_JSON_BOOL, false };

void *
mds_json_new(size_t size, mds_json_type_t type)
{
    mds_json_t *json = calloc(1, size);

    if (json != NULL) {
        json->refs = 1;
        json->type = (uint8_t) type;
    }

    return json;
}

mds_json_t *
mds_json_retain(mds_json_t *json)
{
    if (json != NULL && json->refs != MDS_JSON_CONSTANT) {
        json->refs++;
    }

    return json;
}

static void
clear_array(mds_json_array_t *array)
{
    for (uint32_t i = 0; i < array->count; i++) {
        mds_json_release(array->items[i]);
    }

    free(array->items);
}

/* Recurses as deep as the value: a parsed one has 2048 levels at most. */
void
mds_json_release(mds_json_t *json)
{
    if (json == NULL || json->refs == MDS_JSON_CONSTANT || --json->refs > 0) {
        return;
    }

    if (json->type == MDS_JSON_OBJECT) {
        mds_json_object_clear((mds_json_object_t *) json);
    } else if (json->type == MDS_JSON_ARRAY) {
        clear_array((mds_json_array_t *) json);
    }

    free(json);
}

/* --- types */

mds_json_type_t
mds_json_type(const mds_json_t *json)
{
    return json == NULL ? MDS_JSON_ABSENT : (mds_json_type_t) json->type;
}

const char *
mds_json_type_name(mds_json_type_t type)
{
    static const char *const names[] = {
        [MDS_JSON_ABSENT] = "nothing",     [MDS_JSON_NULL] = "null",
        [MDS_JSON_BOOL] = "a boolean",     [MDS_JSON_INTEGER] = "an integer",
        [MDS_JSON_REAL] = "a real number", [MDS_JSON_STRING] = "a string",
        [MDS_JSON_ARRAY] = "an array",     [MDS_JSON_OBJECT] = "an object",
    };

    return names[type];
}

bool
mds_json_is_null(const mds_json_t *json)
{
    return mds_json_type(json) == MDS_JSON_NULL;
}

bool
mds_json_is_bool(const mds_json_t *json)
{
    return mds_json_type(json) == MDS_JSON_BOOL;
}

bool
mds_json_is_integer(const mds_json_t *json)
{
    return mds_json_type(json) == MDS_JSON_INTEGER;
}

bool
mds_json_is_number(const mds_json_t *json)
{
    return mds_json_is_integer(json) || mds_json_type(json) == MDS_JSON_REAL;
}

bool
mds_json_is_string(const mds_json_t *json)
{
    return mds_json_type(json) == MDS_JSON_STRING;
}

bool
mds_json_is_array(const mds_json_t *json)
{
    return mds_json_type(json) == MDS_JSON_ARRAY;
}

bool
mds_json_is_object(const mds_json_t *json)
{
    return mds_json_type(json) == MDS_JSON_OBJECT;
}

/* --- values */

mds_str_t
mds_json_string(const mds_json_t *json)
{
    return mds_json_is_string(json)
               ? mds_json_text_str((const mds_json_text_t *) json)
               : mds_null_str;
}

int64_t
mds_json_integer(const mds_json_t *json)
{
    return mds_json_is_integer(json)
               ? ((const mds_json_number_t *) json)->as.integer
               : 0;
}

double
mds_json_number(const mds_json_t *json)
{
    return mds_json_is_integer(json) ? (double) mds_json_integer(json)
           : mds_json_is_number(json)
               ? ((const mds_json_number_t *) json)->as.real
               : 0;
}

bool
mds_json_bool(const mds_json_t *json)
{
    return mds_json_is_bool(json) && json->truth;
}

mds_json_t *
mds_json_array_new(void)
{
    return mds_json_new(sizeof(mds_json_array_t), MDS_JSON_ARRAY);
}

mds_json_text_t *
mds_json_text_new(mds_str_t bytes)
{
    mds_json_text_t *text = bytes.len < SIZE_MAX - sizeof(*text)
                                ? malloc(sizeof(*text) + bytes.len + 1)
                                : NULL;

    if (text == NULL) {
        return NULL;
    }

    text->head = (mds_json_t){ .refs = 1, .type = MDS_JSON_STRING };
    text->len = bytes.len;

    if (bytes.len > 0) {
        memcpy(text->bytes, bytes.data, bytes.len);
    }

    text->bytes[bytes.len] = '\0';
    return text;
}

mds_json_t *
mds_json_string_new(mds_str_t value)
{
    return mds_str_is_utf8(value) ? (mds_json_t *) mds_json_text_new(value)
                                  : NULL;
}

mds_json_t *
mds_json_integer_new(int64_t value)
{
    mds_json_number_t *number = mds_json_new(sizeof(*number), MDS_JSON_INTEGER);

    if (number != NULL) {
        number->as.integer = value;
    }

    return (mds_json_t *) number;
}

mds_json_t *
mds_json_real_new(double value)
{
    mds_json_number_t *number
        = isfinite(value) ? mds_json_new(sizeof(*number), MDS_JSON_REAL) : NULL;

    if (number != NULL) {
        number->as.real = value;
    }

    return (mds_json_t *) number;
}

mds_json_t *
mds_json_bool_new(bool value)
{
    return value ? &json_true : &json_false;
}

mds_json_t *
mds_json_null_new(void)
{
    return &json_null;
}

size_t
mds_json_size(const mds_json_t *json)
{
    const mds_json_object_t *object = mds_json_to_object(json);
    const mds_json_array_t  *array = mds_json_to_array(json);

    return object != NULL ? object->count : array != NULL ? array->count : 0;
}

/* --- arrays */

mds_json_t *
mds_json_at(const mds_json_t *json, size_t i)
{
    const mds_json_array_t *array = mds_json_to_array(json);

    return array != NULL && i < array->count ? array->items[i] : NULL;
}

uint32_t
mds_json_grow(uint32_t count)
{
    return count < 4 ? 4 : count > UINT32_MAX / 2 ? 0 : 2 * count;
}

bool
mds_json_array_reserve(mds_json_array_t *array, uint32_t room)
{
    mds_json_t **items;

    if (room <= array->room) {
        return room > 0;
    }

    items = realloc(array->items, room * sizeof(*items));

    if (items != NULL) {
        array->items = items;
        array->room = room;
    }

    return items != NULL;
}

mds_status_t
mds_json_insert(mds_json_t *json, size_t i, mds_json_t *value)
{
    mds_json_array_t *array = mds_json_to_array(json);

    if (array == NULL || value == NULL || value == json || i > array->count
        || (array->count == array->room
            && !mds_json_array_reserve(array, mds_json_grow(array->count))))
    {
        mds_json_release(value);
        return MDS_NO_MEMORY;
    }

    memmove(array->items + i + 1, array->items + i,
            (array->count - i) * sizeof(*array->items));
    array->items[i] = value;
    array->count++;

    return MDS_OK;
}

mds_status_t
mds_json_append(mds_json_t *array, mds_json_t *value)
{
    return mds_json_insert(array, mds_json_size(array), value);
}

void
mds_json_remove(mds_json_t *json, size_t i)
{
    mds_json_array_t *array = mds_json_to_array(json);

    if (array == NULL || i >= array->count) {
        return;
    }

    mds_json_release(array->items[i]);
    array->count--;
    memmove(array->items + i, array->items + i + 1,
            (array->count - i) * sizeof(*array->items));
}

/* --- whole values */

static bool
arrays_equal(const mds_json_array_t *a, const mds_json_array_t *b)
{
    uint32_t i = 0;

    while (i < a->count && i < b->count
           && mds_json_equal(a->items[i], b->items[i])) {
        i++;
    }

    return i == a->count && i == b->count;
}

/* Keys are in the same order most of the time. */
static bool
objects_equal(const mds_json_object_t *a, const mds_json_object_t *b)
{
    for (uint32_t i = 0; a->count == b->count && i < a->count; i++) {
        mds_str_t key = mds_json_text_str(a->members[i].key);
        uint32_t  j = mds_str_eq(key, mds_json_text_str(b->members[i].key))
                          ? i
                          : mds_json_object_find(b, key);

        if (j == b->count
            || !mds_json_equal(a->members[i].value, b->members[j].value)) {
            return false;
        }
    }

    return a->count == b->count;
}

bool
mds_json_equal(const mds_json_t *a, const mds_json_t *b)
{
    if (a == b) {
        return true;
    }

    if (mds_json_type(a) != mds_json_type(b)) {
        return false;
    }

    switch (mds_json_type(a)) {
    case MDS_JSON_OBJECT:
        return objects_equal(mds_json_to_object(a), mds_json_to_object(b));
    case MDS_JSON_ARRAY:
        return arrays_equal(mds_json_to_array(a), mds_json_to_array(b));
    case MDS_JSON_STRING:
        return mds_str_eq(mds_json_string(a), mds_json_string(b));
    case MDS_JSON_INTEGER:
        return mds_json_integer(a) == mds_json_integer(b);
    case MDS_JSON_REAL:
        return mds_json_number(a) == mds_json_number(b);
    case MDS_JSON_BOOL:
    case MDS_JSON_NULL:
    case MDS_JSON_ABSENT:
        break;
    }

    /* Constants are equal where they are the same. */
    return false;
}

static mds_json_t *
copy_array(const mds_json_array_t *array)
{
    mds_json_t *copy = mds_json_array_new();

    if (copy != NULL && array->count > 0
        && !mds_json_array_reserve(mds_json_to_array(copy), array->count))
    {
        mds_json_release(copy);
        return NULL;
    }

    for (uint32_t i = 0; i < array->count; i++) {
        if (mds_json_append(copy, mds_json_copy(array->items[i])) != MDS_OK) {
            mds_json_release(copy);
            return NULL;
        }
    }

    return copy;
}

static mds_json_t *
copy_object(const mds_json_object_t *object)
{
    mds_json_t *copy = mds_json_object_new();

    if (copy != NULL && object->count > 0
        && !mds_json_object_reserve(mds_json_to_object(copy), object->count))
    {
        mds_json_release(copy);
        return NULL;
    }

    for (uint32_t i = 0; copy != NULL && i < object->count; i++) {
        const mds_json_member_t *m = &object->members[i];

        (void) mds_json_retain((mds_json_t *) m->key);

        if (mds_json_object_add(mds_json_to_object(copy), m->key,
                                mds_json_copy(m->value))
            != MDS_OK)
        {
            mds_json_release(copy);
            copy = NULL;
        }
    }

    return copy;
}

mds_json_t *
mds_json_copy_members(const mds_json_t *object, const char *const *keys,
                      size_t count)
{
    mds_json_t        *copy = mds_json_object_new();
    mds_json_member_t *m;

    for (m = mds_json_first(object); m != NULL; m = mds_json_next(object, m)) {
        size_t i = 0;

        while (i < count && !mds_str_eq(mds_json_key(m), mds_str_of(keys[i]))) {
            i++;
        }

        if (mds_json_put(copy, mds_json_key(m),
                         i < count ? mds_json_copy(m->value)
                                   : mds_json_retain(m->value))
            != MDS_OK)
        {
            mds_json_release(copy);
            return NULL;
        }
    }

    return copy;
}

/* What cannot change is shared. */
mds_json_t *
mds_json_copy(const mds_json_t *json)
{
    switch (mds_json_type(json)) {
    case MDS_JSON_OBJECT:
        return copy_object(mds_json_to_object(json));
    case MDS_JSON_ARRAY:
        return copy_array(mds_json_to_array(json));
    default:
        return mds_json_retain((mds_json_t *) json);
    }
}
