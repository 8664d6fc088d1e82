/*
 * Reads "rules" and "app_version".
 */

#include "document/mds_document_internal.h"

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

static const mds_field_t mds_rule_fields[] = {
    { "attribute", mds_read_attribute, offsetof(mds_rule_t, attribute),
      "the name of an attribute" },
    { "op", mds_read_op, offsetof(mds_rule_t, op), MDS_RULE_OP_WANTED },
    { "values", mds_read_strs, offsetof(mds_rule_t, values), NULL },
    { "min", mds_read_version, offsetof(mds_rule_t, min), NULL },
    { "max", mds_read_version, offsetof(mds_rule_t, max), NULL },
    { "below", mds_read_version, offsetof(mds_rule_t, below), NULL },
};

static void
mds_rule_check_bounds(mds_reader_t *r, const mds_json_t *json,
                      const mds_rule_t *rule)
{
    if (rule->min.len + rule->max.len + rule->below.len == 0) {
        mds_reader_fail_expected(r, json, "at least one of min, max and below");

    } else if (mds_bounds_cross(rule->min, rule->max, true)) {
        mds_reader_fail_expected_in(r, json, "max",
                                    "a version from \"min\" on");

    } else if (mds_bounds_cross(rule->min, rule->below, false)) {
        mds_reader_fail_expected_in(r, json, "below",
                                    "a version above \"min\"");
    }
}

static void
mds_read_rule(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    static const mds_operand_t operands[]
        = { MDS_RULE_OPS(MDS_RULE_OP_OPERAND) };
    mds_rule_t *rule = dest;
    bool        bounded;

    mds_read_object(r, json, mds_rule_fields, mds_nelems(mds_rule_fields),
                    rule);

    if (r->status != MDS_OK) {
        return;
    }

    bounded = rule->min.len + rule->max.len + rule->below.len > 0;

    if (operands[rule->op] == MDS_OPERAND_RANGE) {
        if (rule->values.count > 0) {
            mds_reader_fail_expected_in(r, json, "values",
                                        "none beside a range");
        }
        mds_rule_check_bounds(r, json, rule);

    } else if (rule->values.count == 0) {
        mds_reader_fail(r, "\"values\" is missing; want a list of strings");

    } else if (bounded) {
        mds_reader_fail_expected(r, json,
                                 "neither min, max nor below beside values");
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
