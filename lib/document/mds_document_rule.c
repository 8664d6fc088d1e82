/*
 * Reads "rules" and "app_version".
 */

#include "document/mds_document_internal.h"

#include <stdlib.h>

#include "base/mds_decimal.h"
#include "base/mds_fold.h"
#include "base/mds_name.h"

static void
mds_read_attribute(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    if (!mds_attribute_name_valid(mds_json_string(json))) {
        mds_reader_fail_expected(
            r, json,
            "the name of an attribute: a lower-case letter,"
            " then up to %d letters, digits and _",
            MDS_ATTRIBUTE_NAME_MAX - 1);
        return;
    }

    mds_read_str(r, json, dest);
}

static void
mds_read_op(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    static const char *const names[] = { MDS_RULE_OPS(MDS_RULE_OP_NAME) };

    *(mds_op_t *) dest = mds_read_name(r, json, names, mds_nelems(names));
}

static const mds_field_t mds_bounds_fields[] = {
    { "min", mds_read_version, offsetof(mds_rule_t, min), NULL },
    { "max", mds_read_version, offsetof(mds_rule_t, max), NULL },
    { "below", mds_read_version, offsetof(mds_rule_t, below), NULL },
};

/* Reads the only other type of bounds. */
static void
mds_read_as(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    static const char *const names[] = { "number" };

    (void) mds_read_name(r, json, names, mds_nelems(names));
    *(bool *) dest = true;
}

/* Reads a bound that is a number: a string keeps every digit of it. */
static void
mds_read_decimal(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_str_t     text = mds_json_string(json);
    mds_str_t     kept;
    mds_decimal_t decimal;
    char         *dump = NULL;
    size_t        len;

    if (mds_json_is_number(json)) {
        if (mds_json_dump(json, MDS_JSON_COMPACT, NULL, &dump, &len) != MDS_OK)
        {
            mds_reader_no_memory(r);
            return;
        }

        text = (mds_str_t){ len, dump };
    }

    if (mds_decimal_parse(text, &decimal)) {
        kept = mds_arena_str(r->arena, text);
        memcpy(dest, &kept, sizeof(kept));
    } else {
        mds_reader_fail_expected(r, json,
                                 "a decimal number such as 7 or \"-0.5\","
                                 " without an exponent");
    }

    free(dump);
}

#define MDS_RULE_FIELDS(read_bound)                                            \
    { "attribute", mds_read_attribute, offsetof(mds_rule_t, attribute),        \
      "the name of an attribute" },                                            \
        { "op", mds_read_op, offsetof(mds_rule_t, op), MDS_RULE_OP_WANTED },   \
        { "values", mds_read_strs, offsetof(mds_rule_t, values), NULL },       \
        { "fold", mds_read_bool, offsetof(mds_rule_t, fold), NULL },           \
        { "min", read_bound, offsetof(mds_rule_t, min), NULL },                \
        { "max", read_bound, offsetof(mds_rule_t, max), NULL },                \
        { "below", read_bound, offsetof(mds_rule_t, below), NULL },            \
        { "as", mds_read_as, offsetof(mds_rule_t, number), NULL },             \
    {                                                                          \
        "absent", mds_read_bool, offsetof(mds_rule_t, absent), NULL            \
    }

static const mds_field_t mds_rule_fields[]
    = { MDS_RULE_FIELDS(mds_read_version) };
static const mds_field_t mds_number_rule_fields[]
    = { MDS_RULE_FIELDS(mds_read_decimal) };

/* Returns whether no value lies between the bounds of a rule. */
static bool
mds_rule_bounds_cross(const mds_rule_t *rule, mds_str_t high, bool inclusive)
{
    mds_decimal_t a, b;
    int           order;

    if (!rule->number) {
        return mds_bounds_cross(rule->min, high, inclusive);
    }

    if (!mds_decimal_parse(rule->min, &a) || !mds_decimal_parse(high, &b)) {
        return false;
    }

    order = mds_str_cmp(mds_decimal_key(&a), mds_decimal_key(&b));
    return inclusive ? order > 0 : order >= 0;
}

static void
mds_rule_check_bounds(mds_reader_t *r, const mds_json_t *json,
                      const mds_rule_t *rule)
{
    if (rule->min.len + rule->max.len + rule->below.len == 0) {
        mds_reader_fail_expected(r, json, "at least one of min, max and below");

    } else if (mds_rule_bounds_cross(rule, rule->max, true)) {
        mds_reader_fail_expected_in(r, json, "max",
                                    rule->number ? "a number from \"min\" on"
                                                 : "a version from \"min\" on");

    } else if (mds_rule_bounds_cross(rule, rule->below, false)) {
        mds_reader_fail_expected_in(r, json, "below",
                                    rule->number ? "a number above \"min\""
                                                 : "a version above \"min\"");
    }
}

static void
mds_rule_check_range(mds_reader_t *r, const mds_json_t *json,
                     const mds_rule_t *rule)
{
    if (rule->values.count > 0) {
        mds_reader_fail_expected_in(r, json, "values", "none beside a range");

    } else if (rule->fold) {
        mds_reader_fail_expected_in(r, json, "fold",
                                    "it left out: a range has no letters");
    }

    mds_rule_check_bounds(r, json, rule);
}

static void
mds_rule_check_values(mds_reader_t *r, const mds_json_t *json,
                      const mds_rule_t *rule)
{
    if (rule->values.count == 0) {
        mds_reader_fail(r, "\"values\" is missing; want a list of strings");

    } else if (rule->min.len + rule->max.len + rule->below.len > 0) {
        mds_reader_fail_expected(r, json,
                                 "neither min, max nor below beside values");

    } else if (rule->number) {
        mds_reader_fail_expected_in(r, json, "as",
                                    "it left out: values are compared as"
                                    " texts");
    }
}

/* Folds the values once, so that a request folds its own alone. */
static void
mds_rule_fold_values(mds_reader_t *r, mds_rule_t *rule)
{
    for (size_t i = 0; i < rule->values.count; i++) {
        mds_str_t value = rule->values.items[i];
        char *buffer = mds_arena_calloc(r->arena, MDS_FOLD_BYTES(value.len), 1);

        if (buffer == NULL) {
            mds_reader_no_memory(r);
            return;
        }

        rule->values.items[i] = mds_fold(value, buffer);
    }
}

static void
mds_read_rule(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    static const mds_operand_t operands[]
        = { MDS_RULE_OPS(MDS_RULE_OP_OPERAND) };
    mds_rule_t *rule = dest;

    mds_read_object(r, json,
                    mds_json_get(json, "as") != NULL ? mds_number_rule_fields
                                                     : mds_rule_fields,
                    mds_nelems(mds_rule_fields), rule);

    if (r->status != MDS_OK) {
        return;
    }

    if (operands[rule->op] == MDS_OPERAND_RANGE) {
        mds_rule_check_range(r, json, rule);
    } else {
        mds_rule_check_values(r, json, rule);
    }

    if (rule->fold) {
        mds_rule_fold_values(r, rule);
    }
}

void
mds_read_rules(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_rules_t *rules = dest;

    mds_read_array(r, json, "a list of rules", mds_read_rule,
                   sizeof(mds_rule_t), &rules->items, &rules->count);
}

void
mds_read_app_version(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_rule_t *rule = dest;

    mds_read_object(r, json, mds_bounds_fields, mds_nelems(mds_bounds_fields),
                    rule);

    if (r->status == MDS_OK) {
        rule->attribute = mds_str("app_version");
        rule->op = MDS_OP_RANGE;
        mds_rule_check_bounds(r, json, rule);
    }
}
