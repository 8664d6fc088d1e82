/*
 * mds_json_parse: parses a text by jansson.
 *
 * If memory is short, jansson's lexer goes on with half a token, and reads and
 * writes beyond it. So, while it parses, a reserve that was allocated before
 * stands in for what malloc() refuses. Then the text ends, and with it the
 * parsing, before the reserve is used up.
 */

#include "json/mds_json.h"

#include <jansson.h>
#include <stdlib.h>

/* jansson gets so many bytes of the text at once, and does not parse more than
 * that on the reserve; no character takes more than CHARACTER_BYTES. */
#define PIECE_BYTES 64
#define CHARACTER_BYTES 256

typedef struct {
    mds_str_t rest;
    char     *reserve;
    size_t    size;
    size_t    used; /* above zero: memory was short */
} text_t;

/* The text that this thread parses; NULL: none. */
static MDS_THREAD_LOCAL text_t *parsing;

static void *
allocate(size_t size)
{
    void  *data = malloc(size);
    size_t room = (size + _Alignof(max_align_t) - 1) & -_Alignof(max_align_t);

    if (data != NULL || parsing == NULL || room > parsing->size - parsing->used)
    {
        return data;
    }

    data = parsing->reserve + parsing->used;
    parsing->used += room;

    return data;
}

static void
give_back(void *data)
{
    if (parsing == NULL || (char *) data < parsing->reserve
        || (char *) data >= parsing->reserve + parsing->size)
    {
        free(data);
    }
}

static size_t
next_piece(void *buffer, size_t room, void *data)
{
    text_t *text = data;
    size_t  len = room < PIECE_BYTES ? room : PIECE_BYTES;

    if (len > text->rest.len) {
        len = text->rest.len;
    }

    if (len == 0 || text->used > 0) {
        return 0;
    }

    memcpy(buffer, text->rest.data, len);
    text->rest.data += len;
    text->rest.len -= len;

    return len;
}

/* Returns the value. NULL: *error says why, or memory was short. */
static json_t *
parse(text_t *text, json_error_t *error)
{
    json_t *value;

    /* It holds the buffer of a token, which doubles, and small objects. jansson
     * handles the failure of a larger allocation. */
    text->size = 4 * text->rest.len + PIECE_BYTES * CHARACTER_BYTES;
    text->reserve = malloc(text->size);
    if (text->reserve == NULL) {
        return NULL;
    }

    json_set_alloc_funcs(allocate, give_back);
    parsing = text;
    value = json_load_callback(next_piece, text,
                               JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, error);

    if (text->used > 0) {
        json_decref(value);
        value = NULL;
    }

    parsing = NULL;
    free(text->reserve);

    return value;
}

/* Keeps jansson's message, which quotes the input, to one line. */
static void
flatten(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char) *text < ' ' || *text == 0x7f) {
            *text = ' ';
        }
    }
}

/* Removes a hint of jansson to its caller. */
static void
drop(char *text, const char *words)
{
    char *at = strstr(text, words);

    if (at != NULL) {
        memmove(at, at + strlen(words), strlen(at + strlen(words)) + 1);
    }
}

static bool
is_empty(mds_str_t bytes)
{
    size_t i = 0;

    while (i < bytes.len && memchr(" \t\r\n", bytes.data[i], 4) != NULL) {
        i++;
    }

    return i == bytes.len;
}

mds_status_t
mds_json_parse(mds_str_t bytes, const char *what, mds_error_t *err,
               mds_json_t **json)
{
    text_t       text = { .rest = bytes };
    json_error_t error;
    json_t      *value = parse(&text, &error);

    if (value != NULL && memchr(bytes.data, 0, bytes.len) == NULL) {
        *json = (mds_json_t *) value;
        return MDS_OK;
    }

    /* jansson overlooks a zero byte behind a number or a word. */
    if (value != NULL) {
        json_decref(value);
        return mds_fail(err, MDS_INVALID, "%s: the text has a zero byte", what);
    }

    if (text.reserve == NULL || text.used > 0) {
        return mds_fail_memory(err);
    }

    if (is_empty(bytes)) {
        return mds_fail(err, MDS_INVALID,
                        "%s: the text is empty; want a JSON value", what);
    }

    flatten(error.text);
    drop(error.text, " without JSON_ALLOW_NUL");
    return mds_fail(err, MDS_INVALID, "%s:%d:%d: %s", what, error.line,
                    error.column, error.text);
}
