/*
 * mds_json_lexer: splits a JSON text into tokens (RFC 8259), for
 * mds_json_parse.c. The first failure sticks.
 */

#ifndef MDS_JSON_LEXER_H
#define MDS_JSON_LEXER_H

#include "base/mds_buffer.h"
#include "json/mds_json_internal.h"

/* A token; one of a single character is that character. */
typedef enum {
    MDS_JSON_TOKEN_INVALID = 0,
    MDS_JSON_TOKEN_END = 1,
    MDS_JSON_TOKEN_STRING = 256,
    MDS_JSON_TOKEN_INTEGER,
    MDS_JSON_TOKEN_REAL,
    MDS_JSON_TOKEN_TRUE,
    MDS_JSON_TOKEN_FALSE,
    MDS_JSON_TOKEN_NULL
} mds_json_token_t;

typedef struct {
    const char *text;
    const char *at; /* behind the token */
    const char *end;
    const char *token; /* where it begins */
    const char *what;  /* names the text in messages */

    /* The value of the token. */
    mds_str_t string; /* in the text, or in decoded */
    int64_t   integer;
    double    real;

    mds_buffer_t decoded; /* a string without its escapes */
    mds_error_t *err;
    mds_status_t status;
} mds_json_lexer_t;

void mds_json_lexer_init(mds_json_lexer_t *lexer, mds_str_t text,
                         const char *what, mds_error_t *err);

void mds_json_lexer_free(mds_json_lexer_t *lexer);

/* Returns whether there is nothing but white space. */
bool mds_json_lexer_is_empty(const mds_json_lexer_t *lexer);

/* Reads the next token; after a failure, it is MDS_JSON_TOKEN_INVALID. */
mds_json_token_t mds_json_lexer_next(mds_json_lexer_t *lexer);

/* Fails with "WHAT:LINE:COLUMN: WORDS near 'TOKEN'", unless it did before. */
void mds_json_lexer_fail(mds_json_lexer_t *lexer, const char *format, ...)
    MDS_PRINTF(2, 3);

#endif
