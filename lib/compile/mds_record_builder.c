/*
 * Builds a record: tables in buffers of their own, with equal texts, ranges,
 * rules and lists stored once.
 */

#include "compile/mds_record_builder.h"

#include <stdio.h>
#include <stdlib.h>

struct mds_record_builder_s {
    mds_record_t  header;
    mds_buffer_t  bytes;
    mds_buffer_t  tables[MDS_TABLE_COUNT];
    mds_intern_t *texts;
    mds_buffer_t  text_spans; /* of the texts, by number */
    mds_intern_t *attributes; /* numbers are indexes of the table */
    mds_intern_t *rules;
    mds_intern_t *lists;
    mds_intern_t *ranges;
    mds_buffer_t  range_items; /* mds_range_t, by number */
    mds_buffer_t  scratch;
    mds_buffer_t  record;
    bool          failed;
};

mds_record_builder_t *
mds_record_builder_new(void)
{
    mds_record_builder_t *builder = calloc(1, sizeof(*builder));

    if (builder == NULL) {
        return NULL;
    }

    builder->texts = mds_intern_new();
    builder->attributes = mds_intern_new();
    builder->rules = mds_intern_new();
    builder->lists = mds_intern_new();
    builder->ranges = mds_intern_new();

    if (builder->texts == NULL || builder->attributes == NULL
        || builder->rules == NULL || builder->lists == NULL
        || builder->ranges == NULL)
    {
        mds_record_builder_free(builder);
        return NULL;
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

    mds_intern_free(builder->texts);
    mds_intern_free(builder->attributes);
    mds_intern_free(builder->rules);
    mds_intern_free(builder->lists);
    mds_intern_free(builder->ranges);
    mds_buffer_free(&builder->bytes);
    mds_buffer_free(&builder->text_spans);
    mds_buffer_free(&builder->range_items);
    mds_buffer_free(&builder->scratch);
    mds_buffer_free(&builder->record);
    free(builder);
}

mds_record_t *
mds_record_builder_header(mds_record_builder_t *builder)
{
    return &builder->header;
}

mds_span_t
mds_record_builder_bytes(mds_record_builder_t *builder, mds_str_t bytes)
{
    uint64_t   offset = sizeof(mds_record_t) + builder->bytes.len;
    mds_span_t span = { (uint32_t) offset, (uint32_t) bytes.len };

    if (offset + bytes.len > UINT32_MAX) {
        builder->failed = true;
        return (mds_span_t){ 0 };
    }

    mds_buffer_add(&builder->bytes, bytes.data, bytes.len);
    return span;
}

mds_span_t
mds_record_builder_text(mds_record_builder_t *builder, mds_str_t text)
{
    mds_span_t span = { 0 };
    bool       fresh;
    uint32_t   number;

    if (text.len == 0) {
        return span;
    }

    number = mds_intern(builder->texts, text, &fresh);

    if (number == UINT32_MAX) {
        builder->failed = true;

    } else if (fresh) {
        span = mds_record_builder_bytes(builder, text);
        mds_buffer_add(&builder->text_spans, &span, sizeof(span));

    } else if (!mds_buffer_failed(&builder->text_spans)) {
        memcpy(&span, builder->text_spans.data + number * sizeof(span),
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
    mds_buffer_t *items = &builder->tables[table];
    size_t        offset = (size_t) first * mds_table_item_bytes[table];
    mds_range_t   range
        = { first, mds_record_builder_count(builder, table) - first };
    uint32_t number;
    bool     fresh;

    if (range.count == 0) {
        return (mds_range_t){ 0 };
    }

    builder->scratch.len = 0;
    mds_buffer_add(&builder->scratch, &table, sizeof(table));
    mds_buffer_add(&builder->scratch, items->data + offset,
                   items->len - offset);
    number = mds_intern(builder->ranges,
                        (mds_str_t){ builder->scratch.len,
                                     (const char *) builder->scratch.data },
                        &fresh);

    if (number == UINT32_MAX) {
        builder->failed = true;

    } else if (fresh) {
        mds_buffer_add(&builder->range_items, &range, sizeof(range));

    } else if (!mds_buffer_failed(&builder->range_items)) {
        memcpy(&range, builder->range_items.data + number * sizeof(range),
               sizeof(range));
        items->len = offset;
    }

    return range;
}

static void
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

/* Rules */

static int
mds_str_cmp_items(const void *a, const void *b)
{
    return mds_str_cmp(*(const mds_str_t *) a, *(const mds_str_t *) b);
}

/* Adds prefixes, and whole values in order, for a binary search. */
static void
mds_record_builder_values(mds_record_builder_t *builder,
                          const mds_strs_t *values, mds_rule_record_t *rule)
{
    mds_str_t *sorted = calloc(values->count, sizeof(*sorted));
    size_t     count = 0;
    uint32_t   first = mds_record_builder_count(builder, MDS_TABLE_TEXTS);

    if (sorted == NULL) {
        builder->failed = true;
        return;
    }

    for (size_t i = 0; i < values->count; i++) {
        mds_str_t value = values->items[i];

        if (value.data[value.len - 1] == '*') {
            value.len--;
            mds_record_builder_add_text(builder, MDS_TABLE_TEXTS, value);
        } else {
            sorted[count++] = value;
        }
    }

    rule->prefixes = mds_record_builder_range(builder, MDS_TABLE_TEXTS, first);

    qsort(sorted, count, sizeof(*sorted), mds_str_cmp_items);
    rule->values
        = mds_record_builder_texts(builder, &(mds_strs_t){ sorted, count });
    free(sorted);
}

static mds_span_t
mds_record_builder_bound(mds_record_builder_t *builder, mds_str_t text)
{
    mds_version_t version;

    return mds_version_parse(text, &version)
               ? mds_record_builder_version(builder, &version)
               : (mds_span_t){ 0 };
}

/* Adds a range in words: "from 9 to 14", "below 3". */
static mds_span_t
mds_record_builder_words(mds_record_builder_t *builder, const mds_rule_t *rule)
{
    char words[3 * MDS_VERSION_MAX + 32];
    int  len
        = snprintf(words, sizeof(words), "%s%.*s%s%.*s%s%.*s",
                   rule->min.len > 0 ? " from " : "", MDS_STR(rule->min),
                   rule->max.len > 0 ? " to " : "", MDS_STR(rule->max),
                   rule->below.len > 0 ? " below " : "", MDS_STR(rule->below));

    return mds_record_builder_text(builder, (mds_str_t){ (size_t) len, words });
}

static void
mds_scratch_str(mds_buffer_t *scratch, mds_str_t s)
{
    mds_buffer_add(scratch, &s.len, sizeof(s.len));
    mds_buffer_add(scratch, s.data, s.len);
}

/* Returns bytes that are equal for equal rules. */
static mds_str_t
mds_record_builder_rule_key(mds_record_builder_t *builder,
                            const mds_rule_t     *rule)
{
    mds_buffer_t *scratch = &builder->scratch;

    scratch->len = 0;
    mds_buffer_add(scratch, &rule->op, sizeof(rule->op));
    mds_scratch_str(scratch, rule->attribute);
    mds_scratch_str(scratch, rule->min);
    mds_scratch_str(scratch, rule->max);
    mds_scratch_str(scratch, rule->below);

    for (size_t i = 0; i < rule->values.count; i++) {
        mds_scratch_str(scratch, rule->values.items[i]);
    }

    return (mds_str_t){ scratch->len, (const char *) scratch->data };
}

static uint32_t
mds_record_builder_attribute(mds_record_builder_t *builder, mds_str_t name)
{
    bool     fresh;
    uint32_t number = mds_intern(builder->attributes, name, &fresh);

    builder->failed = builder->failed || number == UINT32_MAX;

    if (fresh) {
        mds_record_builder_add_text(builder, MDS_TABLE_ATTRIBUTES, name);
    }

    return number;
}

static uint32_t
mds_record_builder_rule(mds_record_builder_t *builder, const mds_rule_t *rule)
{
    bool     fresh;
    uint32_t number
        = mds_intern(builder->rules, mds_record_builder_rule_key(builder, rule),
                     &fresh);
    mds_rule_record_t record = { .op = (uint8_t) rule->op };

    if (fresh) {
        record.attribute
            = mds_record_builder_attribute(builder, rule->attribute);
        record.words = mds_record_builder_words(builder, rule);
        record.min = mds_record_builder_bound(builder, rule->min);
        record.max = mds_record_builder_bound(builder, rule->max);
        record.below = mds_record_builder_bound(builder, rule->below);

        if (rule->values.count > 0) {
            mds_record_builder_values(builder, &rule->values, &record);
        }

        mds_record_builder_add(builder, MDS_TABLE_RULES, &record);
    }

    return number;
}

static void
mds_record_builder_ref(mds_record_builder_t *builder, uint32_t number)
{
    builder->failed = builder->failed || number == UINT32_MAX;
    mds_record_builder_add(builder, MDS_TABLE_REFS, &number);
}

mds_range_t
mds_record_builder_rules(mds_record_builder_t *builder,
                         const mds_rules_t    *rules)
{
    uint32_t first = mds_record_builder_count(builder, MDS_TABLE_REFS);

    for (size_t i = 0; i < rules->count; i++) {
        mds_record_builder_ref(builder,
                               mds_record_builder_rule(builder,
                                                       &rules->items[i]));
    }

    return mds_record_builder_range(builder, MDS_TABLE_REFS, first);
}

/* Lists */

static uint32_t
mds_record_builder_list(mds_record_builder_t *builder, const mds_model_t *model,
                        mds_str_t name)
{
    const mds_list_t *list = mds_model_list(model, name);
    mds_list_ref_t    ref = { 0 };
    bool              fresh;
    uint32_t          number = mds_intern(builder->lists, name, &fresh);

    if (fresh && list != NULL) {
        builder->scratch.len = 0;
        mds_buffer_add(&builder->scratch, model->app.data, model->app.len + 1);
        mds_buffer_add(&builder->scratch, name.data, name.len);

        ref.name = mds_record_builder_text(builder, name);
        ref.key = mds_record_builder_text(
            builder, (mds_str_t){ builder->scratch.len,
                                  (const char *) builder->scratch.data });
        ref.by = (uint8_t) list->by;
        mds_record_builder_add(builder, MDS_TABLE_LISTS, &ref);
    }

    return number;
}

mds_range_t
mds_record_builder_lists(mds_record_builder_t *builder,
                         const mds_model_t *model, const mds_strs_t *names)
{
    uint32_t first = mds_record_builder_count(builder, MDS_TABLE_REFS);

    for (size_t i = 0; i < names->count; i++) {
        mds_record_builder_ref(builder,
                               mds_record_builder_list(builder, model,
                                                       names->items[i]));
    }

    return mds_record_builder_range(builder, MDS_TABLE_REFS, first);
}

/* The record */

static bool
mds_record_builder_failed(const mds_record_builder_t *builder)
{
    bool failed = builder->failed || mds_buffer_failed(&builder->bytes)
                  || mds_buffer_failed(&builder->text_spans)
                  || mds_buffer_failed(&builder->range_items)
                  || mds_buffer_failed(&builder->scratch)
                  || mds_buffer_failed(&builder->record);

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
    uint64_t      bytes = sizeof(*header) + builder->bytes.len;

    for (int table = 0; table < MDS_TABLE_COUNT; table++) {
        header->tables[table].offset = (uint32_t) bytes;
        header->tables[table].count = mds_record_builder_count(builder, table);
        bytes += builder->tables[table].len;
    }

    if (bytes > UINT32_MAX) {
        return mds_fail(err, MDS_INVALID, "a record of over 4 GiB");
    }

    if (header->tables[MDS_TABLE_ATTRIBUTES].count > MDS_RULE_ATTRIBUTES_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "its rules ask about %u attributes, at most %d are"
                        " allowed",
                        header->tables[MDS_TABLE_ATTRIBUTES].count,
                        MDS_RULE_ATTRIBUTES_MAX);
    }

    header->tag = MDS_RECORD_TAG;
    header->bytes = (uint32_t) bytes;

    builder->record.len = 0;
    mds_buffer_add(&builder->record, header, sizeof(*header));
    mds_buffer_add(&builder->record, builder->bytes.data, builder->bytes.len);

    for (int table = 0; table < MDS_TABLE_COUNT; table++) {
        mds_buffer_add(&builder->record, builder->tables[table].data,
                       builder->tables[table].len);
    }

    if (mds_record_builder_failed(builder)) {
        return mds_fail_memory(err);
    }

    *record = (mds_str_t){ builder->record.len,
                           (const char *) builder->record.data };
    return MDS_OK;
}
