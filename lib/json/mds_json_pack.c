/*
 * Builds values from a format. All arguments are taken, also after a failure,
 * so that values whose references were given are released.
 */

#include <stdarg.h>

#include "json/mds_json_internal.h"

typedef struct {
    const char *at;
    va_list     args;
    bool        failed;
} pack_t;

static mds_json_t *pack_value(pack_t *p, bool *left_out);

/* Returns the next letter of the format, and steps over it. */
static char
next_letter(pack_t *p)
{
    while (*p->at == ' ' || *p->at == ',' || *p->at == ':') {
        p->at++;
    }

    return *p->at == '\0' ? '\0' : *p->at++;
}

/* Returns whether the end comes next, or the format is over before it, which is
 * a failure. */
static bool
take_end(pack_t *p, char end)
{
    char letter = next_letter(p);

    if (letter != end && letter != '\0') {
        p->at--;
        return false;
    }

    p->failed |= letter == '\0';
    return true;
}

static mds_json_t *
pack_object(pack_t *p)
{
    mds_json_t *object = mds_json_object_new();

    while (!take_end(p, '}')) {
        const char *key = next_letter(p) == 's' ? va_arg(p->args, char *) : "";
        bool        left_out = false;
        mds_json_t *value = pack_value(p, &left_out);

        p->failed |= !left_out && mds_json_set(object, key, value) != MDS_OK;
    }

    return object;
}

static mds_json_t *
pack_array(pack_t *p)
{
    mds_json_t *array = mds_json_array_new();

    while (!take_end(p, ']')) {
        bool        left_out = false;
        mds_json_t *value = pack_value(p, &left_out);

        p->failed |= !left_out && mds_json_append(array, value) != MDS_OK;
    }

    return array;
}

/* Returns what stands for NULL: nothing, null, or, where neither is asked for,
 * a failure. */
static mds_json_t *
pack_absent(const pack_t *p, bool *left_out)
{
    *left_out = *p->at == '*';
    return *p->at == '?' ? mds_json_null_new() : NULL;
}

static mds_json_t *
pack_string(pack_t *p, bool *left_out)
{
    const char *text = va_arg(p->args, char *);

    return text == NULL ? pack_absent(p, left_out)
                        : mds_json_string_new(mds_str_of(text));
}

static mds_json_t *
pack_given(pack_t *p, bool is_taken, bool *left_out)
{
    mds_json_t *value = va_arg(p->args, mds_json_t *);

    if (value == NULL) {
        return pack_absent(p, left_out);
    }

    return is_taken ? value : mds_json_retain(value);
}

/* Returns the next value; NULL: it failed, or is left out. */
static mds_json_t *
pack_value(pack_t *p, bool *left_out)
{
    mds_json_t *value = NULL;
    char        letter = next_letter(p);

    switch (letter) {
    case '{':
        return pack_object(p);
    case '[':
        return pack_array(p);
    case 's':
        value = pack_string(p, left_out);
        break;
    case 'o':
    case 'O':
        value = pack_given(p, letter == 'o', left_out);
        break;
    case 'I':
        return mds_json_integer_new(va_arg(p->args, int64_t));
    case 'i':
        return mds_json_integer_new(va_arg(p->args, int));
    case 'b':
        return mds_json_bool_new(va_arg(p->args, int) != 0);
    default:
        p->failed = true;
        return NULL;
    }

    if (*p->at == '?' || *p->at == '*') {
        p->at++;
    }

    return value;
}

mds_json_t *
mds_json_pack(const char *format, ...)
{
    pack_t      p = { .at = format };
    bool        left_out = false;
    mds_json_t *value;

    va_start(p.args, format);
    value = pack_value(&p, &left_out);
    va_end(p.args);

    if (p.failed) {
        mds_json_release(value);
        return NULL;
    }

    return value;
}
