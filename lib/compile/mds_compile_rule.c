/*
 * Compiles rules, and the lists that audiences name: the same rule or list of
 * several releases is in the record once, and they refer to it.
 */

#include <stdio.h>
#include <stdlib.h>

#include "base/mds_decimal.h"
#include "compile/mds_compile_internal.h"

_Static_assert(MDS_DECIMAL_MAX >= MDS_VERSION_MAX,
               "words of a range have room for bounds of either sort");

static int
mds_str_cmp_items(const void *a, const void *b)
{
    return mds_str_cmp(*(const mds_str_t *) a, *(const mds_str_t *) b);
}

/* Adds prefixes, and whole values in order, for a binary search. */
static void
mds_compile_values(mds_compile_ctx_t *x, const mds_strs_t *values,
                   mds_rule_record_t *rule)
{
    mds_strs_t whole = { 0 };
    uint32_t   first = mds_record_builder_count(x->builder, MDS_TABLE_TEXTS);

    whole.items = mds_arena_calloc(x->model->arena, values->count,
                                   sizeof(*whole.items));
    if (whole.items == NULL) {
        return;
    }

    for (size_t i = 0; i < values->count; i++) {
        mds_str_t value = values->items[i];

        if (value.data[value.len - 1] == '*') {
            value.len--;
            mds_record_builder_add_text(x->builder, MDS_TABLE_TEXTS, value);
        } else {
            whole.items[whole.count++] = value;
        }
    }

    rule->prefixes
        = mds_record_builder_range(x->builder, MDS_TABLE_TEXTS, first);

    qsort(whole.items, whole.count, sizeof(*whole.items), mds_str_cmp_items);
    rule->values = mds_record_builder_texts(x->builder, &whole);
}

/* Adds a range in words: "from 9 to 14", "below 3". */
static mds_span_t
mds_compile_words(mds_compile_ctx_t *x, const mds_rule_t *rule)
{
    /* Each bound is a version or a number, which has been parsed. */
    char words[3 * MDS_DECIMAL_MAX + 32];
    int  len
        = snprintf(words, sizeof(words), "%s%.*s%s%.*s%s%.*s",
                   rule->min.len > 0 ? " from " : "", MDS_STR(rule->min),
                   rule->max.len > 0 ? " to " : "", MDS_STR(rule->max),
                   rule->below.len > 0 ? " below " : "", MDS_STR(rule->below));

    return mds_record_builder_text(x->builder,
                                   (mds_str_t){ (size_t) len, words });
}

static void
mds_rule_key_add(mds_buffer_t *key, mds_str_t s)
{
    mds_buffer_add(key, &s.len, sizeof(s.len));
    mds_buffer_add(key, s.data, s.len);
}

/* Returns the operator with the rule's words, as a record has it. */
static uint8_t
mds_rule_op(const mds_rule_t *rule)
{
    return (uint8_t) (rule->op | (rule->absent ? MDS_RULE_ABSENT : 0)
                      | (rule->fold ? MDS_RULE_FOLD : 0)
                      | (rule->number ? MDS_RULE_NUMBER : 0));
}

/* Returns bytes that are equal for equal rules. */
static mds_str_t
mds_rule_key(mds_buffer_t *key, const mds_rule_t *rule)
{
    uint8_t op = mds_rule_op(rule);

    key->len = 0;
    mds_buffer_add(key, &op, sizeof(op));
    mds_rule_key_add(key, rule->attribute);
    mds_rule_key_add(key, rule->min);
    mds_rule_key_add(key, rule->max);
    mds_rule_key_add(key, rule->below);

    for (size_t i = 0; i < rule->values.count; i++) {
        mds_rule_key_add(key, rule->values.items[i]);
    }

    return mds_buffer_str(key);
}

static uint32_t
mds_compile_attribute(mds_compile_ctx_t *x, mds_str_t name)
{
    bool     fresh;
    uint32_t index = mds_record_builder_find(x->builder, MDS_TABLE_ATTRIBUTES,
                                             name, &fresh);

    if (fresh) {
        mds_record_builder_add_text(x->builder, MDS_TABLE_ATTRIBUTES, name);
    }

    return index;
}

/* Adds the key of a bound; an empty text is open. */
static mds_span_t
mds_compile_bound(mds_record_builder_t *builder, const mds_rule_t *rule,
                  mds_str_t text)
{
    mds_decimal_t decimal;

    if (!rule->number) {
        return mds_record_builder_parsed_version(builder, text);
    }

    return mds_decimal_parse(text, &decimal)
               ? mds_record_builder_text(builder, mds_decimal_key(&decimal))
               : (mds_span_t){ 0 };
}

static uint32_t
mds_compile_rule(mds_compile_ctx_t *x, const mds_rule_t *rule)
{
    mds_record_builder_t *builder = x->builder;
    mds_rule_record_t     record = { .op = mds_rule_op(rule) };
    bool                  fresh;
    uint32_t              index
        = mds_record_builder_find(builder, MDS_TABLE_RULES,
                                  mds_rule_key(&x->key, rule), &fresh);

    if (fresh) {
        record.attribute = mds_compile_attribute(x, rule->attribute);
        record.words = mds_compile_words(x, rule);
        record.min = mds_compile_bound(builder, rule, rule->min);
        record.max = mds_compile_bound(builder, rule, rule->max);
        record.below = mds_compile_bound(builder, rule, rule->below);

        if (rule->values.count > 0) {
            mds_compile_values(x, &rule->values, &record);
        }

        mds_record_builder_add(builder, MDS_TABLE_RULES, &record);
    }

    return index;
}

mds_range_t
mds_compile_rules(mds_compile_ctx_t *x, const mds_rules_t *rules)
{
    uint32_t first = mds_record_builder_count(x->builder, MDS_TABLE_REFS);

    for (size_t i = 0; i < rules->count; i++) {
        uint32_t rule = mds_compile_rule(x, &rules->items[i]);

        mds_record_builder_add(x->builder, MDS_TABLE_REFS, &rule);
    }

    return mds_record_builder_range(x->builder, MDS_TABLE_REFS, first);
}

/* The check of the document has found every list that an audience names. */
static uint32_t
mds_compile_list_ref(mds_compile_ctx_t *x, mds_str_t name)
{
    const mds_list_t *list = mds_model_list(x->model, name);
    mds_list_ref_t    ref = { 0 };
    bool              fresh;
    uint32_t          index
        = mds_record_builder_find(x->builder, MDS_TABLE_LISTS, name, &fresh);

    if (fresh && list != NULL) {
        x->key.len = 0;
        mds_buffer_add(&x->key, x->model->app.data, x->model->app.len + 1);
        mds_buffer_add(&x->key, name.data, name.len);

        ref.name = mds_record_builder_text(x->builder, name);
        ref.key = mds_record_builder_text(x->builder, mds_buffer_str(&x->key));
        ref.by = (uint8_t) list->by;
        mds_record_builder_add(x->builder, MDS_TABLE_LISTS, &ref);
    }

    return index;
}

mds_range_t
mds_compile_list_refs(mds_compile_ctx_t *x, const mds_strs_t *names)
{
    uint32_t first = mds_record_builder_count(x->builder, MDS_TABLE_REFS);

    for (size_t i = 0; i < names->count; i++) {
        uint32_t list = mds_compile_list_ref(x, names->items[i]);

        mds_record_builder_add(x->builder, MDS_TABLE_REFS, &list);
    }

    return mds_record_builder_range(x->builder, MDS_TABLE_REFS, first);
}
