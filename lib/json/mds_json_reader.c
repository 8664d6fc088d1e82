/*
 * The reader's pointer and messages, objects and arrays. The types of fields
 * are in mds_json_fields.c.
 */

#include "json/mds_json_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MDS_FOUND_MAX 60  /* bytes of a value that a message shows */
#define MDS_ESCAPED_MAX 8 /* a byte of a pointer, escaped, and a zero */

/* The place of an error as a JSON pointer. */
typedef struct {
    size_t len;
    char   text[MDS_POINTER_MAX];
} mds_pointer_t;

/* Appends to the pointer, unless that would be too long. */
static void
mds_pointer_add(mds_pointer_t *pointer, const char *text)
{
    size_t len = strlen(text);

    if (pointer->len + len < MDS_POINTER_MAX) {
        memcpy(pointer->text + pointer->len, text, len + 1);
        pointer->len += len;
    }
}

/* Escapes a byte as in a pointer and in JSON (RFC 6901, 3. and 5.). */
static void
mds_read_escape(uint8_t c, char escaped[MDS_ESCAPED_MAX])
{
    if (c == '~') {
        snprintf(escaped, MDS_ESCAPED_MAX, "~0");
    } else if (c == '/') {
        snprintf(escaped, MDS_ESCAPED_MAX, "~1");
    } else if (c < 0x20 || c == 0x7f) {
        snprintf(escaped, MDS_ESCAPED_MAX, "\\u%04x", c);
    } else {
        snprintf(escaped, MDS_ESCAPED_MAX, "%c", c);
    }
}

static void
mds_pointer_add_key(mds_pointer_t *pointer, mds_str_t key)
{
    char escaped[MDS_ESCAPED_MAX];

    mds_pointer_add(pointer, "/");

    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = (uint8_t) key.data[i];

        /* A character is shown whole, or left out with all that follows. */
        if ((c & 0xc0) != 0x80
            && pointer->len + MDS_ESCAPED_MAX > MDS_POINTER_MAX) {
            break;
        }

        mds_read_escape(c, escaped);
        mds_pointer_add(pointer, escaped);
    }
}

static void
mds_pointer_add_index(mds_pointer_t *pointer, size_t index)
{
    char text[24];
    int  len = snprintf(text, sizeof(text), "%zu", index);

    mds_pointer_add_key(pointer, (mds_str_t){ (size_t) len, text });
}

/* Makes a pointer of the place where the reader is. */
static void
mds_reader_make_pointer(const mds_reader_t *r, mds_pointer_t *pointer)
{
    pointer->len = 0;
    pointer->text[0] = '\0';

    for (size_t i = 0; i < r->depth && i < MDS_READER_DEPTH_MAX; i++) {
        if (r->levels[i].key.data != NULL) {
            mds_pointer_add_key(pointer, r->levels[i].key);
        } else {
            mds_pointer_add_index(pointer, r->levels[i].index);
        }
    }
}

static size_t
mds_reader_push_level(mds_reader_t *r, mds_reader_level_t level)
{
    if (r->depth < MDS_READER_DEPTH_MAX) {
        r->levels[r->depth] = level;
    }

    return r->depth++;
}

size_t
mds_reader_push(mds_reader_t *r, mds_str_t key)
{
    return mds_reader_push_level(r, (mds_reader_level_t){ .key = key });
}

size_t
mds_reader_push_index(mds_reader_t *r, size_t index)
{
    return mds_reader_push_level(r, (mds_reader_level_t){ .index = index });
}

void
mds_reader_pop(mds_reader_t *r, size_t mark)
{
    r->depth = mark;
}

void
mds_reader_no_memory(mds_reader_t *r)
{
    if (r->status == MDS_OK) {
        r->status = mds_fail_memory(r->err);
    }
}

/* Fails with "POINTER: WORDS". */
static void
mds_reader_fail_args(mds_reader_t *r, mds_status_t status, const char *format,
                     va_list args)
{
    char          words[MDS_ERROR_BYTES];
    mds_pointer_t pointer;

    if (r->status != MDS_OK) {
        return;
    }

    vsnprintf(words, sizeof(words), format, args);

    if (mds_arena_failed(r->arena)) {
        mds_reader_no_memory(r);
        return;
    }

    mds_reader_make_pointer(r, &pointer);
    r->status
        = mds_fail(r->err, status, "%s: %s: %s", r->what,
                   pointer.len > 0 ? pointer.text : "the document", words);
}

void
mds_reader_fail(mds_reader_t *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    mds_reader_fail_args(r, MDS_INVALID, format, args);
    va_end(args);
}

void
mds_reader_fail_missing(mds_reader_t *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    mds_reader_fail_args(r, MDS_NOT_FOUND, format, args);
    va_end(args);
}

void
mds_reader_fail_expected(mds_reader_t *r, const mds_json_t *json,
                         const char *want, ...)
{
    char    words[MDS_ERROR_BYTES / 2];
    char   *found = NULL;
    size_t  len = 0;
    va_list args;

    va_start(args, want);
    vsnprintf(words, sizeof(words), want, args);
    va_end(args);

    if (mds_json_dump(json, MDS_JSON_COMPACT, NULL, &found, &len) != MDS_OK) {
        mds_reader_fail(r, "want %s", words);
        return;
    }

    if (len > MDS_FOUND_MAX) {
        /* It is not cut in the middle of a character. */
        len = MDS_FOUND_MAX;
        while (len > 0 && ((uint8_t) found[len] & 0xc0) == 0x80) {
            len--;
        }
        mds_reader_fail(r, "found %.*s…; want %s", (int) len, found, words);
    } else {
        mds_reader_fail(r, "found %s; want %s", found, words);
    }

    free(found);
}

void
mds_reader_fail_expected_in(mds_reader_t *r, const mds_json_t *object,
                            const char *key, const char *want)
{
    size_t mark = mds_reader_push(r, mds_str_of(key));

    mds_reader_fail_expected(r, mds_json_get(object, key), "%s", want);
    mds_reader_pop(r, mark);
}

static const mds_field_t *
mds_field_find(const mds_field_t *fields, size_t count, mds_str_t key)
{
    for (size_t i = 0; i < count; i++) {
        if (mds_str_eq(mds_str_of(fields[i].key), key)) {
            return &fields[i];
        }
    }

    return NULL;
}

static void
mds_reader_fail_unknown(mds_reader_t *r, const mds_field_t *fields,
                        size_t count)
{
    char   known[MDS_ERROR_BYTES / 2];
    size_t len = 0;

    for (size_t i = 0; i < count && len < sizeof(known); i++) {
        len += (size_t) snprintf(known + len, sizeof(known) - len, "%s%s",
                                 i > 0 ? ", " : "", fields[i].key);
    }

    mds_reader_fail(r, "unknown key; want one of %s", known);
}

static void
mds_read_member(mds_reader_t *r, mds_json_member_t *member,
                const mds_field_t *fields, size_t count, void *dest)
{
    mds_str_t          key = mds_json_key(member);
    const mds_field_t *field = mds_field_find(fields, count, key);
    size_t             mark = mds_reader_push(r, key);

    if (field == NULL) {
        mds_reader_fail_unknown(r, fields, count);
    } else {
        field->read(r, mds_json_value(member), (char *) dest + field->offset);
    }

    mds_reader_pop(r, mark);
}

void
mds_read_object(mds_reader_t *r, const mds_json_t *json,
                const mds_field_t *fields, size_t count, void *dest)
{
    mds_json_member_t *member;

    if (!mds_json_is_object(json)) {
        mds_reader_fail_expected(r, json, "an object");
        return;
    }

    for (member = mds_json_first(json); member != NULL && r->status == MDS_OK;
         member = mds_json_next(json, member))
    {
        mds_read_member(r, member, fields, count, dest);
    }

    for (size_t i = 0; i < count && r->status == MDS_OK; i++) {
        if (fields[i].required != NULL
            && mds_json_get(json, fields[i].key) == NULL) {
            mds_reader_fail(r, "\"%s\" is missing; want %s", fields[i].key,
                            fields[i].required);
        }
    }
}

static void
mds_read_item(mds_reader_t *r, size_t mark, const mds_json_t *json,
              mds_read_t read, void *dest)
{
    read(r, json, dest);
    mds_reader_pop(r, mark);
}

void
mds_read_items(mds_reader_t *r, const mds_json_t *json, mds_read_t read,
               size_t size, void **items, size_t *count)
{
    size_t             n = mds_json_size(json);
    char              *dest = mds_arena_calloc(r->arena, n, size);
    mds_json_member_t *member = mds_json_first(json);

    if (dest == NULL) {
        mds_reader_no_memory(r);
        return;
    }

    for (size_t i = 0; i < n && r->status == MDS_OK; i++, dest += size) {
        if (member != NULL) {
            mds_read_item(r, mds_reader_push(r, mds_json_key(member)),
                          mds_json_value(member), read, dest);
            member = mds_json_next(json, member);
        } else {
            mds_read_item(r, mds_reader_push_index(r, i), mds_json_at(json, i),
                          read, dest);
        }
    }

    *items = dest - n * size;
    *count = n;
}
