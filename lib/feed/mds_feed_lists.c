/*
 * Reads and writes the index of lists.
 */

#include "feed/mds_feed_lists.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "catalog/mds_list_record.h"

/* Two digests in hexadecimal, a number of 20 digits, two spaces, a line feed
 * and a zero byte. */
#define MDS_FEED_LIST_BYTES (2 * MDS_SHA256_HEX + 20 + 4)

static int
mds_feed_name_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(mds_sha256_t));
}

/* Adds the names of one layer. */
static mds_status_t
mds_feed_list_layer(mds_catalog_t *catalog, unsigned i, mds_error_t *err,
                    mds_buffer_t *names)
{
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;
    mds_status_t         status = MDS_OK;

    mds_catalog_walk_layer(catalog, MDS_CATALOG_LISTS, i, mds_null_str,
                           &cursor);

    while (status == MDS_OK && mds_catalog_next(&cursor, &key, &value)) {
        const mds_list_record_t *record = (const void *) value.data;

        if (value.len == 0) {
            continue;
        }

        status = mds_list_record_check(value, err);

        if (status == MDS_OK && record->has_base) {
            mds_buffer_add(names, record->base, sizeof(record->base));
        }
    }

    mds_catalog_walk_end(&cursor);

    return status == MDS_OK ? mds_catalog_status(catalog, err) : status;
}

mds_status_t
mds_feed_list_names(mds_catalog_t *catalog, mds_error_t *err,
                    mds_buffer_t *names)
{
    unsigned      layers = mds_catalog_files(catalog)->count;
    mds_sha256_t *items;
    size_t        count, kept = 0;
    mds_status_t  status = MDS_OK;

    for (unsigned i = 0; status == MDS_OK && i < layers; i++) {
        status = mds_feed_list_layer(catalog, i, err, names);
    }

    if (status != MDS_OK) {
        return status;
    }

    if (mds_buffer_failed(names)) {
        return mds_fail_memory(err);
    }

    if (names->len == 0) {
        return MDS_OK;
    }

    items = (mds_sha256_t *) names->data;
    count = names->len / sizeof(*items);
    qsort(items, count, sizeof(*items), mds_feed_name_cmp);

    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !mds_sha256_eq(&items[i], &items[kept - 1])) {
            items[kept++] = items[i];
        }
    }

    names->len = kept * sizeof(*items);
    return MDS_OK;
}

void
mds_feed_list_write(mds_buffer_t *text, const mds_feed_list_t *list)
{
    char name[MDS_SHA256_HEX + 1], file[MDS_SHA256_HEX + 1];
    char line[MDS_FEED_LIST_BYTES];
    int  len
        = snprintf(line, sizeof(line), "%s %s %" PRIu64 "\n",
                   mds_sha256_hex(&list->name, name),
                   mds_sha256_hex(&list->file.sha256, file), list->file.bytes);

    mds_buffer_add(text, line, (size_t) len);
}

/* Parses up to 18 decimal digits without leading zeros. */
static bool
mds_feed_list_size(mds_str_t text, uint64_t *bytes)
{
    uint64_t number = 0;

    if (text.len == 0 || text.len > 18 || text.data[0] == '0') {
        return false;
    }

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }

        number = 10 * number + (uint64_t) (text.data[i] - '0');
    }

    *bytes = number;
    return true;
}

mds_status_t
mds_feed_list_next(mds_str_t *text, mds_error_t *err, mds_feed_list_t *list)
{
    mds_str_t       line, name, file;
    mds_feed_list_t read;

    if (text->len == 0) {
        return MDS_NOT_FOUND;
    }

    line = mds_str_cut(text, '\n');
    name = mds_str_cut(&line, ' ');
    file = mds_str_cut(&line, ' ');

    if (!mds_sha256_parse(name, &read.name)
        || !mds_sha256_parse(file, &read.file.sha256)
        || !mds_feed_list_size(line, &read.file.bytes))
    {
        return mds_fail(err, MDS_INVALID,
                        "the index of lists has a line that is not \"SHA256"
                        " SHA256 SIZE\"");
    }

    *list = read;
    return MDS_OK;
}
