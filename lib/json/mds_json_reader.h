/*
 * mds_json_reader: reads JSON into structures by tables of fields. An error
 * gives the place by a JSON pointer (RFC 6901), what was found there, and what
 * is wanted.
 *
 * The first failure sticks in the reader. The functions below do nothing after
 * it, so that callers check once, at the end.
 */

#ifndef MDS_JSON_READER_H
#define MDS_JSON_READER_H

#include "base/mds_arena.h"
#include "json/mds_json.h"

#define MDS_POINTER_MAX 512 /* bytes of a place in a message */
#define MDS_READER_DEPTH_MAX 32

/* A level of the place: a key, or an index. */
typedef struct {
    mds_str_t key; /* without data: it is an index */
    size_t    index;
} mds_reader_level_t;

typedef struct {
    mds_arena_t *arena; /* owns strings and arrays */
    const char  *what;  /* names the text in messages */
    mds_error_t *err;
    mds_status_t status;

    /* Where the reader is; a message alone makes a pointer of it. Levels beyond
     * the last are counted, and not shown. */
    size_t             depth;
    mds_reader_level_t levels[MDS_READER_DEPTH_MAX];
} mds_reader_t;

typedef void (*mds_read_t)(mds_reader_t *r, const mds_json_t *json, void *dest);

typedef struct {
    const char *key;
    mds_read_t  read;
    size_t      offset;   /* of the destination in the structure */
    const char *required; /* what is wanted; NULL: it may be left out */
} mds_field_t;

/* Reads the members that the table names. An unknown key and a missing one are
 * failures. */
void mds_read_object(mds_reader_t *r, const mds_json_t *json,
                     const mds_field_t *fields, size_t count, void *dest);

/* Reads an array, or the values of an object, into structures of the given
 * size, each by read(). *items is in the arena. */
void mds_read_items(mds_reader_t *r, const mds_json_t *json, mds_read_t read,
                    size_t size, void **items, size_t *count);

/* Read a value; the suffix is the type of the destination. */
void mds_read_str(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_strs(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_one_or_strs(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_bool(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_true(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_percent(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_time(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_version(mds_reader_t *r, const mds_json_t *json, void *dest);
void mds_read_sha256(mds_reader_t *r, const mds_json_t *json, void *dest);

/* Returns an integer from min to max; 0 on failure. */
int64_t mds_read_integer(mds_reader_t *r, const mds_json_t *json, int64_t min,
                         int64_t max);

/* Returns the index of the string among the names; 0 on failure. */
unsigned mds_read_name(mds_reader_t *r, const mds_json_t *json,
                       const char *const *names, unsigned count);

/* Fails with "POINTER: found JSON; want WANT". */
void mds_reader_fail_expected(mds_reader_t *r, const mds_json_t *json,
                              const char *want, ...) MDS_PRINTF(3, 4);

/* Fails in the same way for a member of the object. */
void mds_reader_fail_expected_in(mds_reader_t *r, const mds_json_t *object,
                                 const char *key, const char *want);

/* Fails with "POINTER: WORDS". */
void mds_reader_fail(mds_reader_t *r, const char *format, ...) MDS_PRINTF(2, 3);

/* Fails in the same way with MDS_NOT_FOUND: the value is valid, but names what
 * does not exist. */
void mds_reader_fail_missing(mds_reader_t *r, const char *format, ...)
    MDS_PRINTF(2, 3);

/* Fails with MDS_NO_MEMORY. */
void mds_reader_no_memory(mds_reader_t *r);

/* Go down to a key or an index; the key has to live until mds_reader_pop()
 * comes back, by the number that they return. */
size_t mds_reader_push(mds_reader_t *r, mds_str_t key);

size_t mds_reader_push_index(mds_reader_t *r, size_t index);

void mds_reader_pop(mds_reader_t *r, size_t mark);

#endif
