/*
 * mds_json_parse: parses a text by recursive descent. Values of a container
 * that is not closed yet are on a stack, so that it gets just the room that it
 * needs. Line and column of an error are counted when there is one.
 */

#include <stdlib.h>

#include "json/mds_json_lexer.h"
#include "json/mds_json_pool.h"

#define LARGE 4096 /* bytes of a text whose strings are shared */

typedef struct {
    mds_json_lexer_t   lexer;
    mds_json_pool_t   *pool;
    unsigned           depth;
    mds_json_member_t *stack; /* in arrays without keys */
    size_t             used;
    size_t             room;
} parser_t;

static mds_json_t *parse_value(parser_t *p, mds_json_token_t token);

static mds_json_t *
fail(parser_t *p, const char *words)
{
    mds_json_lexer_fail(&p->lexer, "%s", words);
    return NULL;
}

static mds_json_t *
fail_memory(parser_t *p)
{
    p->lexer.status = mds_fail_memory(p->lexer.err);
    return NULL;
}

/* Moves both onto the stack; false: memory is short, and they are released. */
static bool
push(parser_t *p, mds_json_text_t *key, mds_json_t *value)
{
    mds_json_member_t *stack;
    size_t             room;

    if (p->used == p->room) {
        room = p->room == 0 ? 64 : 2 * p->room;
        stack = realloc(p->stack, room * sizeof(*stack));

        if (stack == NULL) {
            mds_json_release((mds_json_t *) key);
            mds_json_release(value);
            fail_memory(p);
            return false;
        }

        p->stack = stack;
        p->room = room;
    }

    p->stack[p->used++] = (mds_json_member_t){ key, value };
    return true;
}

/* Releases what is on the stack above a mark. */
static void
pop(parser_t *p, size_t mark)
{
    while (p->used > mark) {
        p->used--;
        mds_json_release((mds_json_t *) p->stack[p->used].key);
        mds_json_release(p->stack[p->used].value);
    }
}

/* Parses the value that begins with the next token. */
static mds_json_t *
parse_next(parser_t *p)
{
    return parse_value(p, mds_json_lexer_next(&p->lexer));
}

/* --- arrays */

/* Makes an array of the values above the mark, which moves them. */
static mds_json_t *
make_array(parser_t *p, size_t mark)
{
    size_t            count = p->used - mark;
    mds_json_array_t *array = mds_json_to_array(mds_json_array_new());

    if (array == NULL || count > UINT32_MAX
        || (count > 0 && !mds_json_array_reserve(array, (uint32_t) count)))
    {
        mds_json_release((mds_json_t *) array);
        return fail_memory(p);
    }

    for (size_t i = 0; i < count; i++) {
        array->items[i] = p->stack[mark + i].value;
    }

    array->count = (uint32_t) count;
    p->used = mark;

    return (mds_json_t *) array;
}

static mds_json_t *
parse_array(parser_t *p)
{
    size_t           mark = p->used;
    mds_json_token_t token = mds_json_lexer_next(&p->lexer);

    if (token == ']') {
        return make_array(p, mark);
    }

    while (token != MDS_JSON_TOKEN_END) {
        mds_json_t *value = parse_value(p, token);

        if (value == NULL || !push(p, NULL, value)) {
            return NULL;
        }

        token = mds_json_lexer_next(&p->lexer);

        if (token == ']') {
            return make_array(p, mark);
        }

        if (token != ',') {
            break;
        }

        token = mds_json_lexer_next(&p->lexer);
    }

    return fail(p, "']' expected");
}

/* --- objects */

/* Makes an object of the members above the mark, which moves them. */
static mds_json_t *
make_object(parser_t *p, size_t mark)
{
    size_t             count = p->used - mark;
    mds_json_object_t *object = mds_json_to_object(mds_json_object_new());

    if (object == NULL || count > UINT32_MAX
        || (count > 0 && !mds_json_object_reserve(object, (uint32_t) count)))
    {
        mds_json_release((mds_json_t *) object);
        return fail_memory(p);
    }

    for (size_t i = 0; i < count; i++) {
        mds_json_member_t *m = &p->stack[mark + i];

        /* It cannot fail: there is room. */
        (void) mds_status_failed(mds_json_object_add(object, m->key, m->value));
    }

    p->used = mark;
    return (mds_json_t *) object;
}

/* Returns whether the object that begins at the mark has the key. */
static bool
has_key(const parser_t *p, size_t mark, const mds_json_object_t *large,
        mds_str_t key)
{
    if (large != NULL) {
        return mds_json_object_find(large, key) < large->count;
    }

    for (size_t i = mark; i < p->used; i++) {
        if (mds_str_eq(mds_json_text_str(p->stack[i].key), key)) {
            return true;
        }
    }

    return false;
}

/* Returns the key that the token is, a new reference. */
static mds_json_text_t *
parse_key(parser_t *p, mds_json_token_t token, size_t mark,
          const mds_json_object_t *large)
{
    mds_json_text_t *key;

    if (token != MDS_JSON_TOKEN_STRING) {
        (void) fail(p, "string or '}' expected");
        return NULL;
    }

    if (has_key(p, mark, large, p->lexer.string)) {
        (void) fail(p, "duplicate object key");
        return NULL;
    }

    key = mds_json_pool_text(p->pool, p->lexer.string);

    if (key == NULL) {
        (void) fail_memory(p);
    }

    return key;
}

/* Parses a member, and adds it to the object, or, without one, to the stack. */
static bool
parse_member(parser_t *p, mds_json_token_t token, size_t mark,
             mds_json_object_t *large)
{
    mds_json_text_t *key = parse_key(p, token, mark, large);
    mds_json_t      *value = NULL;

    if (key != NULL && mds_json_lexer_next(&p->lexer) != ':') {
        (void) fail(p, "':' expected");
    } else if (key != NULL) {
        value = parse_next(p);
    }

    if (value == NULL) {
        mds_json_release((mds_json_t *) key);
        return false;
    }

    if (large == NULL) {
        return push(p, key, value);
    }

    if (mds_json_object_add(large, key, value) != MDS_OK) {
        (void) fail_memory(p);
        return false;
    }

    return true;
}

/* Parses the members behind the first token; an object with many is made at
 * once, so that its table finds a key that comes twice. */
static mds_json_t *
parse_object(parser_t *p)
{
    size_t             mark = p->used;
    mds_json_object_t *large = NULL;
    mds_json_token_t   token = mds_json_lexer_next(&p->lexer);

    while (token != '}') {
        if (!parse_member(p, token, mark, large)) {
            break;
        }

        token = mds_json_lexer_next(&p->lexer);

        if (token != ',' && token != '}') {
            (void) fail(p, "'}' expected");
            break;
        }

        if (token == ',') {
            token = mds_json_lexer_next(&p->lexer);

            if (token == '}') {
                (void) fail(p, "string or '}' expected");
                break;
            }
        }

        if (large == NULL && p->used - mark == MDS_JSON_FEW) {
            large = mds_json_to_object(make_object(p, mark));

            if (large == NULL) {
                break;
            }
        }
    }

    if (p->lexer.status != MDS_OK) {
        mds_json_release((mds_json_t *) large);
        return NULL;
    }

    return large != NULL ? (mds_json_t *) large : make_object(p, mark);
}

/* --- values */

static mds_json_t *
make_scalar(parser_t *p, mds_json_token_t token)
{
    switch (token) {
    case MDS_JSON_TOKEN_STRING:
        return (mds_json_t *) mds_json_pool_text(p->pool, p->lexer.string);
    case MDS_JSON_TOKEN_INTEGER:
        return mds_json_integer_new(p->lexer.integer);
    case MDS_JSON_TOKEN_REAL:
        return mds_json_real_new(p->lexer.real);
    case MDS_JSON_TOKEN_NULL:
        return mds_json_null_new();
    default:
        return mds_json_bool_new(token == MDS_JSON_TOKEN_TRUE);
    }
}

static mds_json_t *
parse_scalar(parser_t *p, mds_json_token_t token)
{
    mds_json_t *value;

    if (token == MDS_JSON_TOKEN_INVALID) {
        return fail(p, "invalid token");
    }

    if (token < MDS_JSON_TOKEN_STRING) {
        return fail(p, "unexpected token");
    }

    value = make_scalar(p, token);
    return value == NULL ? fail_memory(p) : value;
}

static mds_json_t *
parse_value(parser_t *p, mds_json_token_t token)
{
    mds_json_t *value;

    if (p->depth == MDS_JSON_DEPTH_MAX) {
        return fail(p, "maximum parsing depth reached");
    }

    p->depth++;
    value = token == '{'   ? parse_object(p)
            : token == '[' ? parse_array(p)
                           : parse_scalar(p, token);
    p->depth--;

    return value;
}

mds_status_t
mds_json_parse_shared(mds_str_t bytes, const char *what, mds_json_pool_t *pool,
                      mds_error_t *err, mds_json_t **json)
{
    parser_t    p = { .pool = pool };
    mds_json_t *value;

    mds_json_lexer_init(&p.lexer, bytes, what, err);

    if (mds_json_lexer_is_empty(&p.lexer)) {
        return mds_fail(err, MDS_INVALID,
                        "%s: the text is empty; want a JSON value", what);
    }

    value = parse_next(&p);

    if (value != NULL && mds_json_lexer_next(&p.lexer) != MDS_JSON_TOKEN_END) {
        mds_json_release(value);
        value = fail(&p, "end of file expected");
    }

    pop(&p, 0);
    free(p.stack);
    mds_json_lexer_free(&p.lexer);

    if (value == NULL) {
        return mds_status_failed(p.lexer.status);
    }

    *json = value;
    return MDS_OK;
}

mds_status_t
mds_json_parse(mds_str_t bytes, const char *what, mds_error_t *err,
               mds_json_t **json)
{
    mds_json_pool_t *pool = bytes.len > LARGE ? mds_json_pool_new() : NULL;
    mds_status_t status = mds_json_parse_shared(bytes, what, pool, err, json);

    mds_json_pool_free(pool);
    return status;
}
