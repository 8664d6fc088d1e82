/* json_output: indents each value by the depth at which it stands. */

#include "json_output.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void
print_line(unsigned depth)
{
    printf("\n%*s", (int) (2 * depth), "");
}

/* Prints what stands before a value. */
static void
print_start(mdsctl_json_output_t *out, const char *key)
{
    if (out->depth > 0) {
        bool *has_items = &out->has_items[out->depth - 1];

        printf("%s", *has_items ? "," : "");
        print_line(out->depth);
        *has_items = true;
    }

    if (key != NULL) {
        printf("\"%s\": ", key);
    }
}

void
mdsctl_json_begin(mdsctl_json_output_t *out, const char *key, char bracket)
{
    assert(out->depth < MDSCTL_JSON_DEPTH_MAX);

    if (out->status == MDS_OK) {
        print_start(out, key);
        putchar(bracket);
    }

    out->ends[out->depth] = bracket == '{' ? '}' : ']';
    out->has_items[out->depth] = false;
    out->depth++;
}

/* Prints a text of several lines, indented. A line break is never part of a
 * string: there it is escaped. */
static void
print_indented(const char *text, unsigned depth)
{
    const char *end;

    while ((end = strchr(text, '\n')) != NULL) {
        printf("%.*s", (int) (end - text), text);
        print_line(depth);
        text = end + 1;
    }

    printf("%s", text);
}

void
mdsctl_json_value(mdsctl_json_output_t *out, const char *key, mds_json_t *value)
{
    char  *text;
    size_t len;

    if (out->status == MDS_OK) {
        out->status = mds_json_dump(value, MDS_JSON_PRETTY, NULL, &text, &len);

        if (out->status == MDS_OK) {
            print_start(out, key);
            print_indented(text, out->depth);
            free(text);
        }
    }

    mds_json_release(value);
}

void
mdsctl_json_member(mdsctl_json_output_t *out, mds_str_t key, mds_json_t *value)
{
    mds_json_t  *name = mds_json_string_new(key);
    char        *text = NULL;
    size_t       len;
    mds_status_t status
        = mds_json_dump(name, MDS_JSON_COMPACT, NULL, &text, &len);

    mds_json_release(name);

    if (status != MDS_OK) {
        out->status = out->status == MDS_OK ? status : out->status;
        mds_json_release(value);
        return;
    }

    text[len - 1] = '\0';
    mdsctl_json_value(out, text + 1, value); /* without its quotes */
    free(text);
}

void
mdsctl_json_end(mdsctl_json_output_t *out)
{
    out->depth--;

    if (out->status != MDS_OK) {
        return;
    }

    if (out->has_items[out->depth]) {
        print_line(out->depth);
    }

    putchar(out->ends[out->depth]);

    if (out->depth == 0) {
        putchar('\n');
    }
}
