/*
 * Reads the values of fields: each function checks one type, and says what is
 * wanted if the value has another.
 */

#include <inttypes.h>
#include <stdio.h>

#include "base/mds_digest.h"
#include "base/mds_time.h"
#include "base/mds_version.h"
#include "json/mds_json_reader.h"

void
mds_read_str(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    if (mds_json_string(json).len == 0) {
        mds_reader_fail_expected(r, json, "a string that is not empty");
        return;
    }

    *(mds_str_t *) dest = mds_arena_str(r->arena, mds_json_string(json));
}

void
mds_read_strs(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_strs_t *strs = dest;
    void       *items = NULL;

    if (!mds_json_is_array(json) || mds_json_size(json) == 0) {
        mds_reader_fail_expected(r, json,
                                 "a list of strings that is not empty");
        return;
    }

    mds_read_items(r, json, mds_read_str, sizeof(mds_str_t), &items,
                   &strs->count);
    strs->items = items;
}

void
mds_read_one_or_strs(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_strs_t *strs = dest;

    if (mds_json_is_array(json) && mds_json_size(json) > 0) {
        mds_read_strs(r, json, dest);
        return;
    }

    if (mds_json_string(json).len == 0) {
        mds_reader_fail_expected(r, json,
                                 "a string, or a list of strings, that is"
                                 " not empty");
        return;
    }

    strs->items = mds_arena_calloc(r->arena, 1, sizeof(mds_str_t));
    if (strs->items == NULL) {
        mds_reader_no_memory(r);
        return;
    }

    strs->count = 1;
    mds_read_str(r, json, strs->items);
}

void
mds_read_bool(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    if (!mds_json_is_bool(json)) {
        mds_reader_fail_expected(r, json, "true or false");
        return;
    }

    *(bool *) dest = mds_json_bool(json);
}

void
mds_read_true(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    if (!mds_json_bool(json)) {
        mds_reader_fail_expected(r, json, "true, or the key left out");
        return;
    }

    *(bool *) dest = true;
}

void
mds_read_percent(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    double percent = mds_json_number(json);

    if (!mds_json_is_number(json) || !(percent >= 0 && percent <= 100)) {
        mds_reader_fail_expected(r, json, "a number from 0 to 100");
        return;
    }

    *(double *) dest = percent;
}

void
mds_read_time(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    if (!mds_time_parse(mds_json_string(json), dest)) {
        mds_reader_fail_expected(r, json,
                                 "a time such as \"2026-12-01T00:00:00Z\"");
    }
}

void
mds_read_version(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_version_t version;

    if (!mds_version_parse(mds_json_string(json), &version)) {
        mds_reader_fail_expected(
            r, json, "a version such as \"3.2.0\" or \"3.2.0-rc.1\"");
        return;
    }

    mds_read_str(r, json, dest);
}

void
mds_read_sha256(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    if (!mds_sha256_parse(mds_json_string(json), dest)) {
        mds_reader_fail_expected(r, json,
                                 "a SHA-256 of 64 lower-case hex digits");
    }
}

int64_t
mds_read_integer(mds_reader_t *r, const mds_json_t *json, int64_t min,
                 int64_t max)
{
    int64_t value = mds_json_integer(json);

    if (!mds_json_is_integer(json) || value < min || value > max) {
        mds_reader_fail_expected(r, json,
                                 "a whole number from %" PRId64 " to %" PRId64,
                                 min, max);
        return 0;
    }

    return value;
}

unsigned
mds_read_name(mds_reader_t *r, const mds_json_t *json, const char *const *names,
              unsigned count)
{
    char   known[MDS_ERROR_BYTES / 4];
    size_t len = 0;

    for (unsigned i = 0; i < count; i++) {
        if (mds_str_eq(mds_json_string(json), mds_str_of(names[i]))) {
            return i;
        }
    }

    for (unsigned i = 0; i < count && len < sizeof(known); i++) {
        len += (size_t) snprintf(known + len, sizeof(known) - len, "%s\"%s\"",
                                 i == 0          ? ""
                                 : i < count - 1 ? ", "
                                                 : " or ",
                                 names[i]);
    }

    mds_reader_fail_expected(r, json, "%s", known);
    return 0;
}
