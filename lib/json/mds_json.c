/*
 * Each function calls jansson's, and turns its errors into statuses.
 */

#include "json/mds_json.h"

#include <stdarg.h>

#include <jansson.h>

/* A mds_json_t is the library's value under another name. */

static json_t *
inner(const mds_json_t *json)
{
    return (json_t *) json;
}

static mds_json_t *
outer(json_t *json)
{
    return (mds_json_t *) json;
}

mds_json_t *
mds_json_retain(mds_json_t *json)
{
    return outer(json_incref(inner(json)));
}

void
mds_json_release(mds_json_t *json)
{
    json_decref(inner(json));
}

mds_json_t *
mds_json_pack(const char *format, ...)
{
    json_t *json;
    va_list args;

    va_start(args, format);
    json = json_vpack_ex(NULL, 0, format, args);
    va_end(args);

    return outer(json);
}

mds_json_type_t
mds_json_type(const mds_json_t *json)
{
    if (json == NULL) {
        return MDS_JSON_ABSENT;
    }

    switch (json_typeof(inner(json))) {
    case JSON_OBJECT:
        return MDS_JSON_OBJECT;
    case JSON_ARRAY:
        return MDS_JSON_ARRAY;
    case JSON_STRING:
        return MDS_JSON_STRING;
    case JSON_INTEGER:
        return MDS_JSON_INTEGER;
    case JSON_REAL:
        return MDS_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return MDS_JSON_BOOL;
    case JSON_NULL:
        break;
    }

    return MDS_JSON_NULL;
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
    return json_is_null(inner(json));
}

bool
mds_json_is_bool(const mds_json_t *json)
{
    return json_is_boolean(inner(json));
}

bool
mds_json_is_integer(const mds_json_t *json)
{
    return json_is_integer(inner(json));
}

bool
mds_json_is_number(const mds_json_t *json)
{
    return json_is_number(inner(json));
}

bool
mds_json_is_string(const mds_json_t *json)
{
    return json_is_string(inner(json));
}

bool
mds_json_is_array(const mds_json_t *json)
{
    return json_is_array(inner(json));
}

bool
mds_json_is_object(const mds_json_t *json)
{
    return json_is_object(inner(json));
}

mds_str_t
mds_json_string(const mds_json_t *json)
{
    return (mds_str_t){ json_string_length(inner(json)),
                        json_string_value(inner(json)) };
}

int64_t
mds_json_integer(const mds_json_t *json)
{
    return json_integer_value(inner(json));
}

double
mds_json_number(const mds_json_t *json)
{
    return json_number_value(inner(json));
}

bool
mds_json_bool(const mds_json_t *json)
{
    return json_is_true(inner(json));
}

bool
mds_json_equal(const mds_json_t *a, const mds_json_t *b)
{
    return a == NULL || b == NULL ? a == b : json_equal(inner(a), inner(b));
}

mds_json_t *
mds_json_object_new(void)
{
    return outer(json_object());
}

mds_json_t *
mds_json_array_new(void)
{
    return outer(json_array());
}

mds_json_t *
mds_json_string_new(mds_str_t value)
{
    return outer(json_stringn(value.len == 0 ? "" : value.data, value.len));
}

mds_json_t *
mds_json_integer_new(int64_t value)
{
    return outer(json_integer(value));
}

mds_json_t *
mds_json_real_new(double value)
{
    return outer(json_real(value));
}

mds_json_t *
mds_json_bool_new(bool value)
{
    return outer(json_boolean(value));
}

mds_json_t *
mds_json_null_new(void)
{
    return outer(json_null());
}

mds_json_t *
mds_json_copy(const mds_json_t *json)
{
    return outer(json_deep_copy(inner(json)));
}

size_t
mds_json_size(const mds_json_t *json)
{
    if (json_is_array(inner(json))) {
        return json_array_size(inner(json));
    }

    return json_object_size(inner(json));
}

mds_json_t *
mds_json_get(const mds_json_t *object, const char *key)
{
    return outer(json_object_get(inner(object), key));
}

mds_json_t *
mds_json_find(const mds_json_t *object, mds_str_t key)
{
    return outer(
        json_object_getn(inner(object), key.len == 0 ? "" : key.data, key.len));
}

mds_status_t
mds_json_put(mds_json_t *object, mds_str_t key, mds_json_t *value)
{
    /* jansson takes the reference on failure as well, and fails for NULL. */
    return json_object_setn_new(inner(object), key.len == 0 ? "" : key.data,
                                key.len, inner(value))
                   == 0
               ? MDS_OK
               : MDS_NO_MEMORY;
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

void
mds_json_delete(mds_json_t *object, const char *key)
{
    /* It fails only if there is no such key. */
    (void) json_object_del(inner(object), key);
}

mds_json_member_t *
mds_json_first(const mds_json_t *object)
{
    return json_object_iter(inner(object));
}

mds_json_member_t *
mds_json_next(const mds_json_t *object, mds_json_member_t *member)
{
    return json_object_iter_next(inner(object), member);
}

mds_str_t
mds_json_key(mds_json_member_t *member)
{
    return (mds_str_t){ json_object_iter_key_len(member),
                        json_object_iter_key(member) };
}

mds_json_t *
mds_json_value(mds_json_member_t *member)
{
    return outer(json_object_iter_value(member));
}

mds_json_t *
mds_json_at(const mds_json_t *array, size_t i)
{
    return outer(json_array_get(inner(array), i));
}

mds_status_t
mds_json_append(mds_json_t *array, mds_json_t *value)
{
    return json_array_append_new(inner(array), inner(value)) == 0
               ? MDS_OK
               : MDS_NO_MEMORY;
}

mds_status_t
mds_json_insert(mds_json_t *array, size_t i, mds_json_t *value)
{
    return json_array_insert_new(inner(array), i, inner(value)) == 0
               ? MDS_OK
               : MDS_NO_MEMORY;
}

void
mds_json_remove(mds_json_t *array, size_t i)
{
    /* It fails only if there is no such element. */
    (void) json_array_remove(inner(array), i);
}
