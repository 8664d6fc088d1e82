#include "reference_version.h"

#include <stdio.h>
#include <string.h>

#define PARTS_MAX 80
#define PART_MAX 132

/* A version taken apart: strings, in the order of the text. */
typedef struct {
    unsigned segment_count;
    char     segments[PARTS_MAX][PART_MAX];
    bool     has_pre;
    unsigned pre_count;
    char     pre[PARTS_MAX][PART_MAX];
} reading_t;

static const char identifier[]
    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";

/* Splits "a.b.c"; false where a part is empty, or has what it must not. */
static bool
split(const char *text, const char *allowed, char parts[][PART_MAX],
      unsigned *count)
{
    *count = 0;

    for (;;) {
        size_t len = strcspn(text, ".");

        if (len == 0 || strspn(text, allowed) < len) {
            return false;
        }

        snprintf(parts[(*count)++], PART_MAX, "%.*s", (int) len, text);

        if (text[len] == '\0') {
            return true;
        }

        text += len + 1;
    }
}

static bool
take_apart(const char *text, reading_t *r)
{
    static char build[PARTS_MAX][PART_MAX];
    char        copy[PART_MAX];
    char       *plus, *dash;
    unsigned    ignored;

    if (strlen(text) > 128) {
        return false;
    }

    strcpy(copy, text[0] == 'v' ? text + 1 : text);

    plus = strchr(copy, '+');
    if (plus != NULL) {
        *plus = '\0';
        if (!split(plus + 1, identifier, build, &ignored)) {
            return false;
        }
    }

    dash = strchr(copy, '-');
    r->has_pre = dash != NULL;
    r->pre_count = 0;

    if (dash != NULL) {
        *dash = '\0';
        if (!split(dash + 1, identifier, r->pre, &r->pre_count)) {
            return false;
        }
    }

    return split(copy, "0123456789", r->segments, &r->segment_count);
}

/* Digits of any length, as numbers. */
static int
number_cmp(const char *a, const char *b)
{
    a += strspn(a, "0");
    b += strspn(b, "0");

    if (strlen(a) != strlen(b)) {
        return strlen(a) < strlen(b) ? -1 : 1;
    }

    return strcmp(a, b);
}

static bool
is_number(const char *text)
{
    return strspn(text, "0123456789") == strlen(text);
}

/* Semver 2.0.0, 11.4.1 to 11.4.3. */
static int
identifier_cmp(const char *a, const char *b)
{
    if (is_number(a) && is_number(b)) {
        return number_cmp(a, b);
    }

    if (is_number(a) != is_number(b)) {
        return is_number(a) ? -1 : 1;
    }

    return strcmp(a, b);
}

bool
reference_version_valid(const char *text)
{
    reading_t r;

    return take_apart(text, &r);
}

int
reference_version_cmp(const char *text_a, const char *text_b)
{
    static reading_t a, b;
    int              order = 0;

    (void) take_apart(text_a, &a);
    (void) take_apart(text_b, &b);

    for (unsigned i = 0; order == 0 && i < PARTS_MAX; i++) {
        order = number_cmp(i < a.segment_count ? a.segments[i] : "0",
                           i < b.segment_count ? b.segments[i] : "0");
    }

    /* 11.3: a pre-release is below its release. */
    if (order == 0 && a.has_pre != b.has_pre) {
        return a.has_pre ? -1 : 1;
    }

    for (unsigned i = 0; order == 0 && i < a.pre_count && i < b.pre_count; i++)
    {
        order = identifier_cmp(a.pre[i], b.pre[i]);
    }

    /* 11.4.4: more identifiers are above fewer. */
    return order != 0 ? order : (int) a.pre_count - (int) b.pre_count;
}
