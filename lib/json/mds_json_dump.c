/* Writes a value as text. */

#include "json/mds_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mds_buffer.h"

typedef struct {
    mds_buffer_t out;
    unsigned     flags;
    bool         absent; /* a value is NULL */
} dump_t;

static void dump_value(dump_t *d, const mds_json_t *json, unsigned level);

/* Adds bytes, without a call where there is room, as there mostly is. */
static inline void
put(dump_t *d, const char *data, size_t len)
{
    mds_buffer_t *out = &d->out;

    if (len > 0 && out->size - out->len >= len) {
        memcpy(out->data + out->len, data, len);
        out->len += len;
    } else {
        mds_buffer_add(out, data, len);
    }
}

static inline void
put_text(dump_t *d, const char *text)
{
    put(d, text, strlen(text));
}

static void
put_line(dump_t *d, unsigned level)
{
    if ((d->flags & MDS_JSON_PRETTY) == 0) {
        return;
    }

    put_text(d, "\n");
    while (level-- > 0) {
        put_text(d, "  ");
    }
}

/* Escapes a quotation mark, a backslash, or a character below U+0020 (RFC 8259,
 * 7.). */
static void
dump_escape(dump_t *d, unsigned char c)
{
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char              text[8];

    for (size_t i = 0; i + 1 < sizeof(letters); i += 2) {
        if (c == (unsigned char) letters[i]) {
            mds_buffer_add(&d->out, (char[]){ '\\', letters[i + 1] }, 2);
            return;
        }
    }

    snprintf(text, sizeof(text), "\\u%04x", c);
    put_text(d, text);
}

static void
dump_string(dump_t *d, mds_str_t s)
{
    size_t        start = 0;
    unsigned char c;

    put_text(d, "\"");

    for (size_t i = 0; i < s.len; i++) {
        c = (unsigned char) s.data[i];
        if (c >= ' ' && c != '"' && c != '\\') {
            continue;
        }
        put(d, s.data + start, i - start);
        dump_escape(d, c);
        start = i + 1;
    }

    put(d, s.data + start, s.len - start);
    put_text(d, "\"");
}

static void
dump_real(dump_t *d, double value)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }

    put_text(d, text);

    /* Without a point it would be read as an integer. */
    if (strpbrk(text, ".e") == NULL) {
        put_text(d, ".0");
    }
}

static void
dump_integer(dump_t *d, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    put_text(d, text);
}

static void
dump_array(dump_t *d, const mds_json_t *array, unsigned level)
{
    size_t size = mds_json_size(array);

    put_text(d, "[");

    for (size_t i = 0; i < size; i++) {
        put_text(d, i == 0 ? "" : ",");
        put_line(d, level + 1);
        dump_value(d, mds_json_at(array, i), level + 1);
    }

    if (size != 0) {
        put_line(d, level);
    }

    put_text(d, "]");
}

static void
dump_object(dump_t *d, const mds_json_t *object, unsigned level)
{
    mds_json_member_t *m, *first;

    first = mds_json_first(object);
    put_text(d, "{");

    for (m = first; m != NULL; m = mds_json_next(object, m)) {
        put_text(d, m == first ? "" : ",");
        put_line(d, level + 1);
        dump_string(d, mds_json_key(m));
        put_text(d, (d->flags & MDS_JSON_PRETTY) ? ": " : ":");
        dump_value(d, mds_json_value(m), level + 1);
    }

    if (first != NULL) {
        put_line(d, level);
    }

    put_text(d, "}");
}

/* Recurses as deep as the value: a parsed one has 2048 levels at most. */
static void
dump_value(dump_t *d, const mds_json_t *json, unsigned level)
{
    switch (mds_json_type(json)) {
    case MDS_JSON_OBJECT:
        dump_object(d, json, level);
        break;
    case MDS_JSON_ARRAY:
        dump_array(d, json, level);
        break;
    case MDS_JSON_STRING:
        dump_string(d, mds_json_string(json));
        break;
    case MDS_JSON_INTEGER:
        dump_integer(d, mds_json_integer(json));
        break;
    case MDS_JSON_REAL:
        dump_real(d, mds_json_number(json));
        break;
    case MDS_JSON_BOOL:
        put_text(d, mds_json_bool(json) ? "true" : "false");
        break;
    case MDS_JSON_NULL:
        put_text(d, "null");
        break;
    case MDS_JSON_ABSENT:
        d->absent = true;
        break;
    }
}

mds_status_t
mds_json_dump(const mds_json_t *json, unsigned flags, mds_error_t *err,
              char **text, size_t *len)
{
    dump_t d = { .flags = flags };

    dump_value(&d, json, 0);
    mds_buffer_add(&d.out, "", 1);

    if (d.absent || mds_buffer_failed(&d.out)) {
        mds_buffer_free(&d.out);
        return mds_fail_memory(err);
    }

    *text = (char *) d.out.data;
    *len = d.out.len - 1;
    return MDS_OK;
}
