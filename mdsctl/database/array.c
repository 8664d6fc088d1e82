/* Writes arrays as PostgreSQL reads them: {"a","b\"c"}. */

#include <inttypes.h>
#include <stdio.h>

#include "database/database.h"
#include "fleet/mds_fields.h"

/* Adds the brace or the comma before a member. */
static void
separate(mds_buffer_t *array)
{
    mds_buffer_add(array, array->len == 0 ? "{" : ",", 1);
}

void
mdsctl_array_add_text(mds_buffer_t *array, mds_str_t text)
{
    separate(array);
    mds_buffer_add(array, "\"", 1);

    for (size_t done = 0; done < text.len;) {
        size_t len = 0;

        while (done + len < text.len && text.data[done + len] != '"'
               && text.data[done + len] != '\\')
        {
            len++;
        }

        mds_buffer_add(array, text.data + done, len);
        done += len;

        if (done < text.len) {
            mds_buffer_add(array, "\\", 1);
            mds_buffer_add(array, text.data + done, 1);
            done++;
        }
    }

    mds_buffer_add(array, "\"", 1);
}

void
mdsctl_array_add_integer(mds_buffer_t *array, int64_t value)
{
    char text[32];
    int  len = snprintf(text, sizeof(text), "%" PRId64, value);

    separate(array);
    mds_buffer_add(array, text, (size_t) len);
}

void
mdsctl_array_add_bool(mds_buffer_t *array, bool value)
{
    separate(array);
    mds_buffer_add(array, value ? "t" : "f", 1);
}

void
mdsctl_array_add_runs(mds_buffer_t *array, mds_str_t runs)
{
    mds_fields_reader_t reader = mds_fields_read(runs);
    mds_buffer_t        text = { 0 };
    char                run[64];

    while (reader.p < reader.end) {
        uint64_t first = mds_fields_get_number(&reader, 8);
        uint64_t last = mds_fields_get_number(&reader, 8);
        int      len = snprintf(run, sizeof(run), "%s[%" PRIu64 ",%" PRIu64 "]",
                           text.len == 0 ? "{" : ",", first, last);

        mds_buffer_add(&text, run, (size_t) len);
    }

    mds_buffer_add(&text, text.len == 0 ? "{}" : "}", text.len == 0 ? 2 : 1);
    array->failed |= mds_buffer_failed(&text);
    mdsctl_array_add_text(array, mds_buffer_failed(&text)
                                     ? mds_null_str
                                     : mds_buffer_str(&text));
    mds_buffer_free(&text);
}

const char *
mdsctl_array_end(mds_buffer_t *array)
{
    if (array->len == 0) {
        mds_buffer_add(array, "{", 1);
    }

    mds_buffer_add(array, "}", 2);
    return mds_buffer_failed(array) ? NULL : (const char *) array->data;
}
