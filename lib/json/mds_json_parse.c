/*
 * mds_json_parse: text to a value.
 *
 * Where memory is short, the library's lexer goes on with half a token, and
 * reads and writes beyond it. So, while it parses, what malloc() refuses comes
 * out of a reserve that was asked for before; then the text ends, and so does
 * the parsing, soon enough for the reserve to last.
 */

#include "json/mds_json.h"

#include <jansson.h>
#include <stdlib.h>

/* What the library gets of the text at once: it does not parse more than that
 * on the reserve, and no character takes more than so many bytes. */
#define PIECE_BYTES 64
#define CHARACTER_BYTES 256

typedef struct {
    mds_str_t rest;
    char     *reserve;
    size_t    size;
    size_t    used; /* above zero: memory was short */
} text_t;

/* The text that is parsed in this thread; NULL: none. */
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

/* The value; NULL: see *error, or memory was short. */
static json_t *
parse(text_t *text, json_error_t *error)
{
    json_t *value;

    /* Beside small things, the room for a token, which doubles: nothing that
     * asks for more is taken amiss where it gets none. */
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

/* The library quotes the input: keep its message to one line. */
static void
flatten(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char) *text < ' ' || *text == 0x7f) {
            *text = ' ';
        }
    }
}

/* Nor has it to speak of what its callers might do. */
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

    /* Behind a number or a word the library overlooks one. */
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
