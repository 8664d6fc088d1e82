/*
 * Builds a record: each table grows in a buffer of its own; equal texts and
 * ranges are stored once.
 */

#include "compile/mds_record_builder.h"

#include <stdlib.h>

/* Sets in which an equal byte string is found by its number. */
typedef enum {
    MDS_SET_TEXTS,
    MDS_SET_RANGES, /* table, then items */
    MDS_SET_ATTRIBUTES,
    MDS_SET_RULES,
    MDS_SET_LISTS,
    MDS_SET_COUNT
} mds_set_id_t;

/* Buffers besides the tables. */
typedef enum {
    MDS_BYTES_SPANS,   /* mds_span_t of the texts, by number */
    MDS_BYTES_RANGES,  /* mds_range_t of the ranges, by number */
    MDS_BYTES_DATA,    /* the record's bytes */
    MDS_BYTES_SCRATCH, /* a range, for its set */
    MDS_BYTES_RECORD,  /* the finished record */
    MDS_BYTES_COUNT
} mds_bytes_id_t;

struct mds_record_builder_s {
    mds_record_t  header;
    mds_buffer_t  tables[MDS_TABLE_COUNT];
    mds_buffer_t  bytes[MDS_BYTES_COUNT];
    mds_intern_t *sets[MDS_SET_COUNT];
    bool          failed;
};

mds_record_builder_t *
mds_record_builder_new(void)
{
    mds_record_builder_t *builder = calloc(1, sizeof(*builder));

    for (int set = 0; builder != NULL && set < MDS_SET_COUNT; set++) {
        builder->sets[set] = mds_intern_new();

        if (builder->sets[set] == NULL) {
            mds_record_builder_free(builder);
            return NULL;
        }
    }

    return builder;
}

void
mds_record_builder_free(mds_record_builder_t *builder)
{
    if (builder == NULL) {
        return;
    }

    for (int table = 0; table < MDS_TABLE_COUNT; table++) {
        mds_buffer_free(&builder->tables[table]);
    }

    for (int bytes = 0; bytes < MDS_BYTES_COUNT; bytes++) {
        mds_buffer_free(&builder->bytes[bytes]);
    }

    for (int set = 0; set < MDS_SET_COUNT; set++) {
        mds_intern_free(builder->sets[set]);
    }

    free(builder);
}

mds_record_t *
mds_record_builder_header(mds_record_builder_t *builder)
{
    return &builder->header;
}

static uint32_t
mds_record_builder_intern(mds_record_builder_t *builder, mds_set_id_t set,
                          mds_str_t bytes, bool *fresh)
{
    uint32_t number = mds_intern(builder->sets[set], bytes, fresh);

    builder->failed = builder->failed || number == UINT32_MAX;

    return number;
}

/* Copies the number-th item of a buffer that has it, unless memory was short.
 */
static void
mds_record_builder_item(const mds_record_builder_t *builder,
                        mds_bytes_id_t items, uint32_t number, void *item,
                        size_t item_bytes)
{
    const mds_buffer_t *buffer = &builder->bytes[items];

    if (!mds_buffer_failed(buffer)) {
        memcpy(item, buffer->data + number * item_bytes, item_bytes);
    }
}

mds_span_t
mds_record_builder_bytes(mds_record_builder_t *builder, mds_str_t bytes)
{
    mds_buffer_t *data = &builder->bytes[MDS_BYTES_DATA];
    uint64_t      offset = sizeof(mds_record_t) + data->len;
    mds_span_t    span = { (uint32_t) offset, (uint32_t) bytes.len };

    if (offset + bytes.len > UINT32_MAX) {
        builder->failed = true;
        return (mds_span_t){ 0 };
    }

    mds_buffer_add(data, bytes.data, bytes.len);
    return span;
}

mds_span_t
mds_record_builder_text(mds_record_builder_t *builder, mds_str_t text)
{
    mds_span_t span = { 0 };
    uint32_t   number;
    bool       fresh;

    if (text.len == 0) {
        return span;
    }

    number = mds_record_builder_intern(builder, MDS_SET_TEXTS, text, &fresh);

    if (fresh) {
        span = mds_record_builder_bytes(builder, text);
        mds_buffer_add(&builder->bytes[MDS_BYTES_SPANS], &span, sizeof(span));
    } else {
        mds_record_builder_item(builder, MDS_BYTES_SPANS, number, &span,
                                sizeof(span));
    }

    return span;
}

mds_span_t
mds_record_builder_version(mds_record_builder_t *builder,
                           const mds_version_t  *version)
{
    return mds_record_builder_text(builder, mds_version_key(version));
}

mds_span_t
mds_record_builder_parsed_version(mds_record_builder_t *builder, mds_str_t text)
{
    mds_version_t version;

    return mds_version_parse(text, &version)
               ? mds_record_builder_version(builder, &version)
               : (mds_span_t){ 0 };
}

uint32_t
mds_record_builder_count(const mds_record_builder_t *builder,
                         mds_table_id_t              table)
{
    return (uint32_t) (builder->tables[table].len
                       / mds_table_item_bytes[table]);
}

void
mds_record_builder_add(mds_record_builder_t *builder, mds_table_id_t table,
                       const void *item)
{
    mds_buffer_add(&builder->tables[table], item, mds_table_item_bytes[table]);
}

/* Removes the items just added if the table has an equal range already. */
mds_range_t
mds_record_builder_range(mds_record_builder_t *builder, mds_table_id_t table,
                         uint32_t first)
{
    mds_buffer_t *scratch = &builder->bytes[MDS_BYTES_SCRATCH];
    mds_buffer_t *items = &builder->tables[table];
    size_t        offset = (size_t) first * mds_table_item_bytes[table];
    mds_range_t   range
        = { first, mds_record_builder_count(builder, table) - first };
    uint32_t number;
    bool     fresh;

    if (range.count == 0) {
        return (mds_range_t){ 0 };
    }

    scratch->len = 0;
    mds_buffer_add(scratch, &table, sizeof(table));
    mds_buffer_add(scratch, items->data + offset, items->len - offset);
    number = mds_record_builder_intern(builder, MDS_SET_RANGES,
                                       mds_buffer_str(scratch), &fresh);

    if (fresh) {
        mds_buffer_add(&builder->bytes[MDS_BYTES_RANGES], &range,
                       sizeof(range));
    } else {
        mds_record_builder_item(builder, MDS_BYTES_RANGES, number, &range,
                                sizeof(range));
        items->len = offset;
    }

    return range;
}

uint32_t
mds_record_builder_find(mds_record_builder_t *builder, mds_table_id_t table,
                        mds_str_t key, bool *fresh)
{
    mds_set_id_t set = table == MDS_TABLE_ATTRIBUTES ? MDS_SET_ATTRIBUTES
                       : table == MDS_TABLE_RULES    ? MDS_SET_RULES
                                                     : MDS_SET_LISTS;

    return mds_record_builder_intern(builder, set, key, fresh);
}

void
mds_record_builder_add_text(mds_record_builder_t *builder, mds_table_id_t table,
                            mds_str_t text)
{
    mds_span_t span = mds_record_builder_text(builder, text);

    mds_record_builder_add(builder, table, &span);
}

mds_range_t
mds_record_builder_texts(mds_record_builder_t *builder, const mds_strs_t *strs)
{
    uint32_t first = mds_record_builder_count(builder, MDS_TABLE_TEXTS);

    for (size_t i = 0; i < strs->count; i++) {
        mds_record_builder_add_text(builder, MDS_TABLE_TEXTS, strs->items[i]);
    }

    return mds_record_builder_range(builder, MDS_TABLE_TEXTS, first);
}

static bool
mds_record_builder_failed(const mds_record_builder_t *builder)
{
    bool failed = builder->failed;

    for (int bytes = 0; bytes < MDS_BYTES_COUNT; bytes++) {
        failed = failed || mds_buffer_failed(&builder->bytes[bytes]);
    }

    for (int table = 0; table < MDS_TABLE_COUNT; table++) {
        failed = failed || mds_buffer_failed(&builder->tables[table]);
    }

    return failed;
}

mds_status_t
mds_record_builder_finish(mds_record_builder_t *builder, mds_error_t *err,
                          mds_str_t *record)
{
    mds_record_t *header = &builder->header;
    mds_buffer_t *data = &builder->bytes[MDS_BYTES_DATA];
    mds_buffer_t *finished = &builder->bytes[MDS_BYTES_RECORD];
    uint64_t      bytes = sizeof(*header) + data->len;

    for (int table = 0; table < MDS_TABLE_COUNT; table++) {
        header->tables[table].offset = (uint32_t) bytes;
        header->tables[table].count = mds_record_builder_count(builder, table);
        bytes += builder->tables[table].len;
    }

    if (bytes > UINT32_MAX) {
        return mds_fail(err, MDS_INVALID, "the record has over 4 GiB");
    }

    if (header->tables[MDS_TABLE_ATTRIBUTES].count > MDS_RULE_ATTRIBUTES_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "the rules name %u attributes; at most %d are allowed",
                        header->tables[MDS_TABLE_ATTRIBUTES].count,
                        MDS_RULE_ATTRIBUTES_MAX);
    }

    header->tag = MDS_RECORD_TAG;
    header->bytes = (uint32_t) bytes;

    finished->len = 0;
    mds_buffer_add(finished, header, sizeof(*header));
    mds_buffer_add(finished, data->data, data->len);

    for (int table = 0; table < MDS_TABLE_COUNT; table++) {
        mds_buffer_add(finished, builder->tables[table].data,
                       builder->tables[table].len);
    }

    if (mds_record_builder_failed(builder)) {
        return mds_fail_memory(err);
    }

    *record = mds_buffer_str(finished);
    return MDS_OK;
}
