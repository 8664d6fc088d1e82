/*
 * mds_json: JSON values.
 *
 * A mds_json_t is a counted reference to a value. A name tells who owns it:
 *
 *   mds_json_*_new(), _parse(), _copy()   return a new reference: release it
 *   mds_json_get(), _at(), _value(), …    borrow the container's: do not
 *   mds_json_set(), _append(), …          take the reference, also on failure
 *
 * Constructors return NULL if they are out of memory, and functions that take a
 * reference turn a NULL value (or container) into MDS_NO_MEMORY, so that
 *
 *   status = mds_json_set(o, "id", mds_json_string_new(id));
 *
 * is checked once. Strings and keys that are set must be UTF-8 without U+0000;
 * parsing refuses others.
 *
 * Functions that read a value take NULL for an absent one. An object keeps the
 * order in which its keys were first set.
 */

#ifndef MDS_JSON_H
#define MDS_JSON_H

#include "base/mds_base.h"

typedef struct mds_json_s        mds_json_t;
typedef struct mds_json_member_s mds_json_member_t; /* one of an object */
typedef struct mds_json_pool_s   mds_json_pool_t;

typedef enum {
    MDS_JSON_ABSENT, /* the type of NULL */
    MDS_JSON_NULL,
    MDS_JSON_BOOL,
    MDS_JSON_INTEGER, /* written without fraction and exponent */
    MDS_JSON_REAL,
    MDS_JSON_STRING,
    MDS_JSON_ARRAY,
    MDS_JSON_OBJECT
} mds_json_type_t;

/* Forms of a written value. */
#define MDS_JSON_COMPACT 0 /* without white space */
#define MDS_JSON_PRETTY 1  /* a member a line, 2 spaces a level */

/*
 * Parses one value of any type (RFC 8259). what names the text in messages,
 * which give line and column: "FILE:3:14: ...". MDS_INVALID: also for a key
 * that occurs twice, anything behind the value, bytes that are not UTF-8,
 * U+0000, an integer beyond int64_t, and more than 2048 levels.
 */
mds_status_t mds_json_parse(mds_str_t bytes, const char *what, mds_error_t *err,
                            mds_json_t **json) MDS_MUST_CHECK;

/* Parses as mds_json_parse() does. Values that are parsed with one pool share
 * their strings, where these are short and came not long before. */
mds_status_t
mds_json_parse_shared(mds_str_t bytes, const char *what, mds_json_pool_t *pool,
                      mds_error_t *err, mds_json_t **json) MDS_MUST_CHECK;

/* NULL: no memory; no string is shared with a pool that is NULL. */
mds_json_pool_t *mds_json_pool_new(void);

void mds_json_pool_free(mds_json_pool_t *pool);

/*
 * Writes the value: keys in their order, UTF-8 unescaped, and reals with the
 * fewest of 15 to 17 digits that give the same number. The caller frees *text;
 * a zero byte ends it, which *len does not count. MDS_NO_MEMORY: json may have
 * been NULL.
 */
mds_status_t
mds_json_dump(const mds_json_t *json, unsigned flags, mds_error_t *err,
              char **text, size_t *len) MDS_MUST_CHECK;

mds_json_t *mds_json_retain(mds_json_t *json); /* returns json */
void        mds_json_release(mds_json_t *json);

mds_json_type_t mds_json_type(const mds_json_t *json);

/* Returns the type's name with its article, for messages: "an object",
 * "nothing". */
const char *mds_json_type_name(mds_json_type_t type);

bool mds_json_is_null(const mds_json_t *json);
bool mds_json_is_bool(const mds_json_t *json);
bool mds_json_is_integer(const mds_json_t *json);
bool mds_json_is_number(const mds_json_t *json); /* integer or real */
bool mds_json_is_string(const mds_json_t *json);
bool mds_json_is_array(const mds_json_t *json);
bool mds_json_is_object(const mds_json_t *json);

/* Return the value; it is empty, 0 or false if it has another type. The view of
 * a string is valid as long as the value, and a zero byte ends it. */
mds_str_t mds_json_string(const mds_json_t *json);

int64_t mds_json_integer(const mds_json_t *json);

double mds_json_number(const mds_json_t *json); /* of an integer as well */
bool   mds_json_bool(const mds_json_t *json);

/* Returns whether both are the same value, or both absent: the order of keys
 * does not matter, and 1 is not 1.0. */
bool mds_json_equal(const mds_json_t *a, const mds_json_t *b);

mds_json_t *mds_json_object_new(void);
mds_json_t *mds_json_array_new(void);
mds_json_t *mds_json_string_new(mds_str_t value);
mds_json_t *mds_json_integer_new(int64_t value);
mds_json_t *mds_json_real_new(double value); /* NULL for what is not finite */
mds_json_t *mds_json_bool_new(bool value);
mds_json_t *mds_json_null_new(void);

/*
 * Builds a value from a format:
 *
 *   mds_json_pack("{s:o, s:I, s:b, s:[s]}", "id", mds_json_string_new(id),
 *                 "count", (int64_t) count, "last", is_last, "type", "list")
 *
 *   s   a char * of UTF-8
 *   I   an int64_t: cast others
 *   i   an int
 *   b   an int that is taken as a bool
 *   o   a value, whose reference is taken
 *   O   a value, which is retained
 *   {}  an object of pairs of "s:" and a value
 *   []  an array of values
 *
 * "s?" and "o?" write null for NULL, and "s*" and "o*" leave the member out.
 * Returns NULL if memory was short, also for an "o" that is NULL; the values
 * for "o" are released then. The compiler does not check the arguments.
 */
mds_json_t *mds_json_pack(const char *format, ...);

/* Sets *err if a function above returned MDS_NO_MEMORY. */
static inline mds_status_t
mds_json_done(mds_status_t status, mds_error_t *err)
{
    return status == MDS_OK ? MDS_OK : mds_fail_memory(err);
}

/* Returns a deep copy. */
mds_json_t *mds_json_copy(const mds_json_t *json);

/* Returns a copy of an object that shares the values of its members, but for
 * those of the keys, which are copied. */
mds_json_t *mds_json_copy_members(const mds_json_t  *object,
                                  const char *const *keys, size_t count);

/* Returns the number of members of an object, or of elements of an array. */
size_t mds_json_size(const mds_json_t *json);

/* Returns a member's value, or NULL. find is get for a key that is a view. */
mds_json_t *mds_json_get(const mds_json_t *object, const char *key);
mds_json_t *mds_json_find(const mds_json_t *object, mds_str_t key);

/* Return the value of a member as mds_json_string(), _integer() and _bool() do;
 * an absent member is empty, 0 or false. */
static inline mds_str_t
mds_json_get_string(const mds_json_t *object, const char *key)
{
    return mds_json_string(mds_json_get(object, key));
}

static inline int64_t
mds_json_get_integer(const mds_json_t *object, const char *key)
{
    return mds_json_integer(mds_json_get(object, key));
}

static inline bool
mds_json_get_bool(const mds_json_t *object, const char *key)
{
    return mds_json_bool(mds_json_get(object, key));
}

/* Set a member; a key that exists keeps its place. put is set for a key that is
 * a view. */
mds_status_t mds_json_set(mds_json_t *object, const char *key,
                          mds_json_t *value) MDS_MUST_CHECK;

mds_status_t mds_json_put(mds_json_t *object, mds_str_t key,
                          mds_json_t *value) MDS_MUST_CHECK;

mds_status_t mds_json_set_str(mds_json_t *object, const char *key,
                              mds_str_t value) MDS_MUST_CHECK;

mds_status_t mds_json_set_integer(mds_json_t *object, const char *key,
                                  int64_t value) MDS_MUST_CHECK;

mds_status_t mds_json_set_bool(mds_json_t *object, const char *key,
                               bool value) MDS_MUST_CHECK;

void mds_json_delete(mds_json_t *object, const char *key);

/*
 * Walk an object in order. It must not gain or lose members meanwhile:
 *
 *   for (m = mds_json_first(o); m != NULL; m = mds_json_next(o, m)) {
 *       mds_json_key(m), mds_json_value(m)
 */
mds_json_member_t *mds_json_first(const mds_json_t *object);

mds_json_member_t *
mds_json_next(const mds_json_t *object, mds_json_member_t *member);

mds_str_t mds_json_key(mds_json_member_t *member);

mds_json_t *mds_json_value(mds_json_member_t *member);

/* Returns an element of an array, or NULL behind its end. */
mds_json_t *mds_json_at(const mds_json_t *array, size_t i);
mds_status_t
mds_json_append(mds_json_t *array, mds_json_t *value) MDS_MUST_CHECK;
/* Inserts an element before element i, or at the end if i is the size. */
mds_status_t
mds_json_insert(mds_json_t *array, size_t i, mds_json_t *value) MDS_MUST_CHECK;
void mds_json_remove(mds_json_t *array, size_t i);

#endif
