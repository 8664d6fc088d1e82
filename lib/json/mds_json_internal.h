/*
 * mds_json_internal: the values in memory, for the files mds_json*.c alone.
 *
 * A document of 100,000 releases has two million values, and its states before
 * and after a change are in memory together. So a value takes as little as it
 * can: strings hold their bytes, an object that was parsed has no room to spare
 * and a hash table only if it is large, and strings never change, so that equal
 * ones, and all strings of a copy, may be shared.
 */

#ifndef MDS_JSON_INTERNAL_H
#define MDS_JSON_INTERNAL_H

#include "json/mds_json.h"

#define MDS_JSON_DEPTH_MAX 2048 /* levels of a text */
#define MDS_JSON_FEW 16         /* members that have no table: a power of two */
#define MDS_JSON_CONSTANT UINT32_MAX

struct mds_json_s {
    uint32_t refs; /* MDS_JSON_CONSTANT: it is not counted, nor freed */
    uint8_t  type; /* mds_json_type_t */
    bool     truth;
};

typedef struct {
    mds_json_t head;
    union {
        int64_t integer;
        double  real;
    } as;
} mds_json_number_t;

typedef struct {
    mds_json_t head;
    size_t     len;
    char       bytes[]; /* a zero byte ends them, which len does not count */
} mds_json_text_t;

typedef struct {
    mds_json_t   head;
    uint32_t     count;
    uint32_t     room;
    mds_json_t **items;
} mds_json_array_t;

struct mds_json_member_s {
    mds_json_text_t *key;
    mds_json_t      *value;
};

typedef struct mds_json_table_s mds_json_table_t;

typedef struct {
    mds_json_t         head;
    uint32_t           count;
    uint32_t           room;
    mds_json_member_t *members; /* in their order */
    mds_json_table_t  *table;   /* their indexes by key; NULL: they are few */
} mds_json_object_t;

static inline mds_json_object_t *
mds_json_to_object(const mds_json_t *json)
{
    return json != NULL && json->type == MDS_JSON_OBJECT
               ? (mds_json_object_t *) json
               : NULL;
}

static inline mds_json_array_t *
mds_json_to_array(const mds_json_t *json)
{
    return json != NULL && json->type == MDS_JSON_ARRAY
               ? (mds_json_array_t *) json
               : NULL;
}

static inline mds_str_t
mds_json_text_str(const mds_json_text_t *text)
{
    return (mds_str_t){ text->len, text->bytes };
}

/* Returns a string of bytes that are valid, or NULL. */
mds_json_text_t *mds_json_text_new(mds_str_t bytes);

/* Returns a value that has one reference, zeroed behind its head, or NULL. */
void *mds_json_new(size_t size, mds_json_type_t type);

/* Returns room for one more than count, or 0 if there cannot be so many. */
uint32_t mds_json_grow(uint32_t count);

/* Make room for so many items, or members; false: no memory. */
bool
mds_json_array_reserve(mds_json_array_t *array, uint32_t room) MDS_MUST_CHECK;
bool mds_json_object_reserve(mds_json_object_t *object,
                             uint32_t           room) MDS_MUST_CHECK;

/* Appends a member to an object that does not have the key; takes references of
 * both, also on failure. */
mds_status_t
mds_json_object_add(mds_json_object_t *object, mds_json_text_t *key,
                    mds_json_t *value) MDS_MUST_CHECK;

/* Returns the index of a key's member, or the count. */
uint32_t mds_json_object_find(const mds_json_object_t *object, mds_str_t key);

/* Releases all members and frees what the object owns. */
void mds_json_object_clear(mds_json_object_t *object);

#endif
