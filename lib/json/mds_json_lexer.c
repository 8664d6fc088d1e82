/*
 * The lexer. A token's text is the input itself, so that a string without
 * escapes is copied once, into its value.
 */

#include "json/mds_json_lexer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NEAR_MAX 20 /* bytes of a token that a message quotes */

void
mds_json_lexer_init(mds_json_lexer_t *lexer, mds_str_t text, const char *what,
                    mds_error_t *err)
{
    const char *start = text.len == 0 ? "" : text.data;

    *lexer = (mds_json_lexer_t){ .text = start,
                                 .at = start,
                                 .end = start + text.len,
                                 .token = start,
                                 .what = what,
                                 .err = err };
}

void
mds_json_lexer_free(mds_json_lexer_t *lexer)
{
    mds_buffer_free(&lexer->decoded);
}

static inline bool
is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool
is_letter(char c)
{
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

bool
mds_json_lexer_is_empty(const mds_json_lexer_t *lexer)
{
    const char *at = lexer->at;

    while (at < lexer->end && is_space(*at)) {
        at++;
    }

    return at == lexer->end;
}

/* --- failures */

/* Counts the lines before a place, and the characters of its line. */
static void
locate(const mds_json_lexer_t *lexer, size_t *line, size_t *column)
{
    size_t lines = 1, columns = 0;

    for (const char *at = lexer->text; at < lexer->at; at++) {
        if (*at == '\n') {
            lines++;
            columns = 0;
        } else {
            columns += ((unsigned char) *at & 0xc0) != 0x80;
        }
    }

    *line = lines;
    *column = columns;
}

void
mds_json_lexer_fail(mds_json_lexer_t *lexer, const char *format, ...)
{
    char    words[128], near[NEAR_MAX + 16] = "";
    size_t  line, column, len = (size_t) (lexer->at - lexer->token);
    va_list args;

    if (lexer->status != MDS_OK) {
        return;
    }

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);

    if (len == 0 && lexer->at == lexer->end) {
        snprintf(near, sizeof(near), " near end of file");
    } else if (len > 0 && len <= NEAR_MAX) {
        snprintf(near, sizeof(near), " near '%.*s'", (int) len, lexer->token);
    }

    locate(lexer, &line, &column);

    for (char *c = near; *c != '\0'; c++) {
        *c = (unsigned char) *c < ' ' || *c == 0x7f ? ' ' : *c;
    }

    lexer->status = mds_fail(lexer->err, MDS_INVALID, "%s:%zu:%zu: %s%s",
                             lexer->what, line, column, words, near);
}

static mds_json_token_t
fail_memory(mds_json_lexer_t *lexer)
{
    lexer->status = mds_fail_memory(lexer->err);
    return MDS_JSON_TOKEN_INVALID;
}

/* Steps over one character; fails, and does not, if it is not UTF-8. */
static bool
skip_character(mds_json_lexer_t *lexer)
{
    size_t left = (size_t) (lexer->end - lexer->at);

    for (size_t len = 1; len <= 4 && len <= left; len++) {
        if (*lexer->at == '\0'
            || mds_str_is_utf8((mds_str_t){ len, lexer->at })) {
            lexer->at += len;
            return true;
        }
    }

    mds_json_lexer_fail(lexer, "unable to decode byte 0x%02x",
                        (unsigned) (unsigned char) *lexer->at);
    return false;
}

/* --- strings */

/* Returns the number of 4 hexadecimal digits, which are there. */
static unsigned
read_unit(const char *digits)
{
    unsigned unit = 0;

    for (int i = 0; i < 4; i++) {
        unit = unit << 4 | (unsigned) mds_hex_digit(digits[i]);
    }

    return unit;
}

/* Returns the length of an escape whose form is right; 0: it is not. */
static size_t
measure_escape(const char *at, const char *end)
{
    if (end - at < 2) {
        return 0;
    }

    if (at[1] != 'u') {
        return at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL ? 2 : 0;
    }

    for (int i = 2; i < 6; i++) {
        if (end - at <= i || mds_hex_digit(at[i]) < 0) {
            return 0;
        }
    }

    return 6;
}

/* Appends the UTF-8 of a character. */
static void
add_character(mds_buffer_t *out, unsigned c)
{
    static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    char                 bytes[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = len; i-- > 1; c >>= 6) {
        bytes[i] = (char) (0x80 | (c & 0x3f));
    }

    bytes[0] = (char) (lead[len] | c);
    mds_buffer_add(out, bytes, len);
}

/* Appends the character that an escape at *at stands for, and steps over it. */
static bool
decode_escape(mds_json_lexer_t *lexer, const char **at)
{
    static const char letters[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    const char       *escape = *at;
    unsigned          unit, low;

    if (escape[1] != 'u') {
        *at += 2;
        mds_buffer_add(&lexer->decoded, strchr(letters, escape[1]) + 1, 1);
        return true;
    }

    *at += 6;
    unit = read_unit(escape + 2);

    if (unit >= 0xd800 && unit < 0xdc00 && escape[6] == '\\'
        && escape[7] == 'u') {
        *at += 6;
        low = read_unit(escape + 8);

        if (low < 0xdc00 || low >= 0xe000) {
            mds_json_lexer_fail(lexer, "invalid Unicode '%.12s'", escape);
            return false;
        }

        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }

    if (unit == 0 || (unit >= 0xd800 && unit < 0xe000)) {
        mds_json_lexer_fail(lexer,
                            unit == 0 ? "\\u0000 is not allowed"
                                      : "invalid Unicode '%.6s'",
                            escape);
        return false;
    }

    add_character(&lexer->decoded, unit);
    return true;
}

/* Decodes a string with escapes, whose quotation marks were found. */
static mds_json_token_t
decode_string(mds_json_lexer_t *lexer)
{
    const char *at = lexer->token + 1, *end = lexer->at - 1;

    lexer->decoded.len = 0;

    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t) (end - at));
        const char *until = escape == NULL ? end : escape;

        mds_buffer_add(&lexer->decoded, at, (size_t) (until - at));
        at = until;

        if (escape != NULL && !decode_escape(lexer, &at)) {
            return MDS_JSON_TOKEN_INVALID;
        }
    }

    if (mds_buffer_failed(&lexer->decoded)) {
        return fail_memory(lexer);
    }

    lexer->string = mds_buffer_str(&lexer->decoded);
    return MDS_JSON_TOKEN_STRING;
}

/* Steps over what ends a run of ordinary characters, unless it is the end of
 * the string. */
static bool
skip_special(mds_json_lexer_t *lexer, bool *has_escapes)
{
    unsigned char c = (unsigned char) *lexer->at;
    size_t        len;

    if (c >= 0x80) {
        return skip_character(lexer);
    }

    if (c < ' ') {
        mds_json_lexer_fail(lexer,
                            c == '\n' ? "unexpected newline"
                                      : "control character 0x%x",
                            c);
        return false;
    }

    len = measure_escape(lexer->at, lexer->end);
    lexer->at += len;
    *has_escapes = true;

    if (len == 0) {
        lexer->at++;
        mds_json_lexer_fail(lexer, "invalid escape");
    }

    return len > 0;
}

/* Reads a string whose first quotation mark was read. */
static mds_json_token_t
read_string(mds_json_lexer_t *lexer)
{
    bool has_escapes = false;

    for (;;) {
        const char *at = lexer->at;

        while (at < lexer->end && *at >= ' ' && *at != '"' && *at != '\\') {
            at++;
        }

        lexer->at = at;

        if (at == lexer->end) {
            mds_json_lexer_fail(lexer, "premature end of input");
            return MDS_JSON_TOKEN_INVALID;
        }

        if (*at == '"') {
            break;
        }

        if (!skip_special(lexer, &has_escapes)) {
            return MDS_JSON_TOKEN_INVALID;
        }
    }

    lexer->at++;

    if (has_escapes) {
        return decode_string(lexer);
    }

    lexer->string = (mds_str_t){ (size_t) (lexer->at - lexer->token) - 2,
                                 lexer->token + 1 };

    return MDS_JSON_TOKEN_STRING;
}

/* --- numbers and words */

/* Steps over digits; false: there is none. */
static bool
skip_digits(mds_json_lexer_t *lexer)
{
    const char *start = lexer->at;

    while (lexer->at < lexer->end && is_digit(*lexer->at)) {
        lexer->at++;
    }

    return lexer->at > start;
}

/* Steps over one of the characters, if it comes next. */
static bool
skip_one_of(mds_json_lexer_t *lexer, const char *characters)
{
    if (lexer->at == lexer->end || *lexer->at == '\0'
        || strchr(characters, *lexer->at) == NULL)
    {
        return false;
    }

    lexer->at++;
    return true;
}

static mds_json_token_t
convert_integer(mds_json_lexer_t *lexer)
{
    bool        negative = *lexer->token == '-';
    uint64_t    limit = (uint64_t) INT64_MAX + negative, value = 0;
    const char *at = lexer->token + negative;

    for (; at < lexer->at; at++) {
        uint64_t digit = (uint64_t) (*at - '0');

        if (value > (limit - digit) / 10) {
            mds_json_lexer_fail(lexer, negative ? "too big negative integer"
                                                : "too big integer");
            return MDS_JSON_TOKEN_INVALID;
        }

        value = value * 10 + digit;
    }

    lexer->integer = (int64_t) (negative ? 0 - value : value);
    return MDS_JSON_TOKEN_INTEGER;
}

static mds_json_token_t
convert_real(mds_json_lexer_t *lexer)
{
    lexer->decoded.len = 0;
    mds_buffer_add(&lexer->decoded, lexer->token,
                   (size_t) (lexer->at - lexer->token));
    mds_buffer_add(&lexer->decoded, "", 1);

    if (mds_buffer_failed(&lexer->decoded)) {
        return fail_memory(lexer);
    }

    lexer->real = strtod((const char *) lexer->decoded.data, NULL);

    if (!isfinite(lexer->real)) {
        mds_json_lexer_fail(lexer, "real number overflow");
        return MDS_JSON_TOKEN_INVALID;
    }

    return MDS_JSON_TOKEN_REAL;
}

/* Reads a number whose first character was read. */
static mds_json_token_t
read_number(mds_json_lexer_t *lexer)
{
    bool is_real = false;

    lexer->at = lexer->token;
    (void) skip_one_of(lexer, "-");

    if (skip_one_of(lexer, "0")) {
        if (lexer->at < lexer->end && is_digit(*lexer->at)) {
            return MDS_JSON_TOKEN_INVALID;
        }
    } else if (!skip_digits(lexer)) {
        return MDS_JSON_TOKEN_INVALID;
    }

    if (skip_one_of(lexer, ".")) {
        is_real = true;

        if (!skip_digits(lexer)) {
            return MDS_JSON_TOKEN_INVALID;
        }
    }

    if (skip_one_of(lexer, "eE")) {
        is_real = true;
        (void) skip_one_of(lexer, "+-");

        if (!skip_digits(lexer)) {
            return MDS_JSON_TOKEN_INVALID;
        }
    }

    return is_real ? convert_real(lexer) : convert_integer(lexer);
}

static mds_json_token_t
read_word(mds_json_lexer_t *lexer)
{
    mds_str_t word = { 1, lexer->token };

    while (lexer->at < lexer->end && is_letter(*lexer->at)) {
        lexer->at++;
        word.len++;
    }

    return mds_str_eq(word, mds_str("true"))    ? MDS_JSON_TOKEN_TRUE
           : mds_str_eq(word, mds_str("false")) ? MDS_JSON_TOKEN_FALSE
           : mds_str_eq(word, mds_str("null"))  ? MDS_JSON_TOKEN_NULL
                                                : MDS_JSON_TOKEN_INVALID;
}

/* Reads a character that begins no token. */
static mds_json_token_t
read_other(mds_json_lexer_t *lexer)
{
    if (*lexer->token == '\0') {
        lexer->token = lexer->at;
        mds_json_lexer_fail(lexer, "the text has a zero byte");
    } else {
        lexer->at = lexer->token;
        (void) skip_character(lexer);
    }

    return MDS_JSON_TOKEN_INVALID;
}

mds_json_token_t
mds_json_lexer_next(mds_json_lexer_t *lexer)
{
    char c;

    if (lexer->status != MDS_OK) {
        return MDS_JSON_TOKEN_INVALID;
    }

    while (lexer->at < lexer->end && is_space(*lexer->at)) {
        lexer->at++;
    }

    lexer->token = lexer->at;

    if (lexer->at == lexer->end) {
        return MDS_JSON_TOKEN_END;
    }

    c = *lexer->at++;

    switch (c) {
    case '{':
    case '}':
    case '[':
    case ']':
    case ':':
    case ',':
        return (mds_json_token_t) c;

    case '"':
        return read_string(lexer);

    default:
        return c == '-' || is_digit(c) ? read_number(lexer)
               : is_letter(c)          ? read_word(lexer)
                                       : read_other(lexer);
    }
}
