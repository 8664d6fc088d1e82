/*
 * Walks the members of an object; what a member contains is skipped.
 */

#include "json/mds_json_view.h"

/* Returns the end of the string that begins at `at`, behind its quote. */
static size_t
mds_json_view_string_end(mds_str_t text, size_t at)
{
    for (at++; at < text.len && text.data[at] != '"'; at++) {
        at += text.data[at] == '\\';
    }

    return at < text.len ? at + 1 : text.len;
}

/* Returns the end of the value that begins at `at`. */
static size_t
mds_json_view_value_end(mds_str_t text, size_t at)
{
    size_t depth = 0;

    while (at < text.len) {
        char c = text.data[at];

        if (c == '"') {
            at = mds_json_view_string_end(text, at);
            if (depth == 0) {
                break;
            }
            continue;
        }

        if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            break;
        }

        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at++;

        if (depth == 0 && (c == '}' || c == ']')) {
            break;
        }
    }

    return at;
}

/* Returns whether the key is the name in lower case. */
static bool
mds_json_view_has_key(mds_str_t name, mds_str_t key)
{
    if (name.len != key.len) {
        return false;
    }

    for (size_t i = 0; i < key.len; i++) {
        char c = name.data[i];

        if (c != key.data[i]
            && (c < 'A' || c > 'Z' || c - 'A' + 'a' != key.data[i])) {
            return false;
        }
    }

    return true;
}

mds_str_t
mds_json_view_member(mds_str_t object, mds_str_t key)
{
    size_t at = 1;

    if (object.len < 2 || object.data[0] != '{') {
        return mds_null_str;
    }

    while (at < object.len && object.data[at] == '"') {
        size_t    colon = mds_json_view_string_end(object, at);
        mds_str_t name
            = { colon - at >= 2 ? colon - at - 2 : 0, object.data + at + 1 };
        size_t end;

        if (colon >= object.len || object.data[colon] != ':') {
            break;
        }

        end = mds_json_view_value_end(object, colon + 1);

        if (mds_json_view_has_key(name, key)) {
            return (mds_str_t){ end - colon - 1, object.data + colon + 1 };
        }

        at = end + 1;
    }

    return mds_null_str;
}

bool
mds_json_view_next_item(mds_str_t *text, mds_str_t *item)
{
    size_t end = mds_json_view_value_end(*text, 0);

    if (end == 0) {
        return false;
    }

    *item = (mds_str_t){ end, text->data };
    end += end < text->len && text->data[end] == ',';
    *text = (mds_str_t){ text->len - end, text->data + end };
    return true;
}

bool
mds_json_view_is_string(mds_str_t value, mds_str_t *inside)
{
    if (value.len < 2 || value.data[0] != '"') {
        return false;
    }

    *inside = (mds_str_t){ value.len - 2, value.data + 1 };
    return true;
}
