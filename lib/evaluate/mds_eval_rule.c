/*
 * Rules: whether the value of an attribute, or its version, is one that the
 * rule names. An operator (base/mds_rule_op.h) has its test here. Values,
 * versions and results are cached in the evaluation.
 */

#include "base/mds_decimal.h"
#include "base/mds_fold.h"
#include "base/mds_kind.h"
#include "evaluate/mds_eval.h"

/* Returns the value that the request has. Where the resource is the app itself,
 * its version is the app's. */
static mds_str_t
mds_eval_fetch(const mds_eval_t *eval, mds_str_t name)
{
    mds_str_t value = mds_request_get(eval->request, name);

    if (eval->installed_dropped && mds_str_eq(name, mds_str("version"))) {
        return mds_null_str;
    }

    if (value.len == 0 && mds_str_eq(name, mds_str("app_version"))
        && mds_kind_has(mds_request_attr(eval->request, MDS_ATTR_KIND),
                        MDS_KIND_IS_APP))
    {
        value = mds_request_attr(eval->request, MDS_ATTR_VERSION);
    }

    return value;
}

static inline mds_str_t
mds_eval_value(mds_eval_t *eval, uint32_t attribute)
{
    if ((eval->attr_known >> attribute & 1) == 0) {
        const mds_span_t *name
            = mds_record_item(eval->record, MDS_TABLE_ATTRIBUTES, attribute);

        eval->values[attribute]
            = mds_eval_fetch(eval, mds_record_bytes(eval->record, *name));
        eval->attr_known |= UINT64_C(1) << attribute;
    }

    return eval->values[attribute];
}

/* Returns the value as a version, parsed once; len 0: it is not one. */
static const mds_version_t *
mds_eval_version(mds_eval_t *eval, uint32_t attribute)
{
    mds_version_t *version = &eval->versions[attribute];

    if ((eval->attr_parsed & UINT64_C(1) << attribute) == 0) {
        if (!mds_version_parse(mds_eval_value(eval, attribute), version)) {
            version->len = 0;
        }

        eval->attr_parsed |= UINT64_C(1) << attribute;
    }

    return version;
}

/* So few values are searched one by one. */
#define MDS_RULE_FEW 8

/* Returns whether the rule names the value: a binary search of the whole
 * values, which are sorted, then the prefixes. */
static bool
mds_rule_has_value(const mds_eval_t *eval, const mds_rule_record_t *rule,
                   mds_str_t value)
{
    uint32_t          low = rule->values.first;
    uint32_t          high = low + rule->values.count;
    const mds_span_t *text;

    while (high - low > MDS_RULE_FEW) {
        uint32_t middle = low + (high - low) / 2;

        if (mds_str_cmp(mds_record_text(eval->record, middle), value) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }

    for (text = mds_record_item(eval->record, MDS_TABLE_TEXTS, low); low < high;
         low++, text++)
    {
        if (text->len == value.len
            && mds_str_eq(mds_record_bytes(eval->record, *text), value))
        {
            return true;
        }
    }

    for (uint32_t i = 0; i < rule->prefixes.count; i++) {
        if (mds_str_starts(value, mds_record_text(eval->record,
                                                  rule->prefixes.first + i)))
        {
            return true;
        }
    }

    return false;
}

/* Returns whether the key of a version or number is within the bounds. */
static bool
mds_rule_has_key(const mds_eval_t *eval, const mds_rule_record_t *rule,
                 mds_str_t key)
{
    mds_str_t min = mds_record_bytes(eval->record, rule->min);
    mds_str_t max = mds_record_bytes(eval->record, rule->max);
    mds_str_t below = mds_record_bytes(eval->record, rule->below);

    return (min.len == 0 || mds_str_cmp(key, min) >= 0)
           && (max.len == 0 || mds_str_cmp(key, max) <= 0)
           && (below.len == 0 || mds_str_cmp(key, below) < 0);
}

/* A rule does not hold for a value that the request lacks, or that is not a
 * version, whether the operator is negated or not. */
static bool
mds_rule_in(mds_eval_t *eval, const mds_rule_record_t *rule, bool wanted)
{
    mds_str_t value = mds_eval_value(eval, rule->attribute);

    return value.len > 0 && mds_rule_has_value(eval, rule, value) == wanted;
}

static bool
mds_rule_range(mds_eval_t *eval, const mds_rule_record_t *rule, bool wanted)
{
    const mds_version_t *version = mds_eval_version(eval, rule->attribute);

    return version->len > 0
           && mds_rule_has_key(eval, rule, mds_version_key(version)) == wanted;
}

/* Tests the values with the request's folded as they are. */
static MDS_NOINLINE bool
mds_rule_in_folded(mds_eval_t *eval, const mds_rule_record_t *rule, bool wanted)
{
    char      folded[MDS_FOLD_BYTES(MDS_VALUE_MAX)];
    mds_str_t value = mds_eval_value(eval, rule->attribute);

    return value.len > 0 && value.len <= MDS_VALUE_MAX
           && mds_rule_has_value(eval, rule, mds_fold(value, folded)) == wanted;
}

/* Tests the range with the request's value as a number. */
static MDS_NOINLINE bool
mds_rule_range_of_numbers(mds_eval_t *eval, const mds_rule_record_t *rule,
                          bool wanted)
{
    mds_decimal_t decimal;

    return mds_decimal_parse(mds_eval_value(eval, rule->attribute), &decimal)
           && mds_rule_has_key(eval, rule, mds_decimal_key(&decimal)) == wanted;
}

/* Tests a rule with words beside its operator. */
static MDS_NOINLINE bool
mds_rule_with_words_holds(mds_eval_t *eval, const mds_rule_record_t *rule)
{
    unsigned op = rule->op & MDS_RULE_OP_MASK;
    bool     wanted = op == MDS_OP_IN || op == MDS_OP_RANGE;

    if ((rule->op & MDS_RULE_ABSENT) != 0
        && mds_eval_value(eval, rule->attribute).len == 0)
    {
        return true;
    }

    if (op == MDS_OP_IN || op == MDS_OP_NOT_IN) {
        return (rule->op & MDS_RULE_FOLD) != 0
                   ? mds_rule_in_folded(eval, rule, wanted)
                   : mds_rule_in(eval, rule, wanted);
    }

    return (rule->op & MDS_RULE_NUMBER) != 0
               ? mds_rule_range_of_numbers(eval, rule, wanted)
               : mds_rule_range(eval, rule, wanted);
}

static bool
mds_rule_holds(mds_eval_t *eval, const mds_rule_record_t *rule)
{
    switch (rule->op) {
    case MDS_OP_IN:
        return mds_rule_in(eval, rule, true);
    case MDS_OP_NOT_IN:
        return mds_rule_in(eval, rule, false);
    case MDS_OP_RANGE:
        return mds_rule_range(eval, rule, true);
    case MDS_OP_NOT_RANGE:
        return mds_rule_range(eval, rule, false);
    default:
        return mds_rule_with_words_holds(eval, rule);
    }
}

/* Returns whether the rule is about the version of the app. */
static bool
mds_rule_is_about_app_version(const mds_eval_t *eval, uint32_t i)
{
    const mds_rule_record_t *rule
        = mds_record_item(eval->record, MDS_TABLE_RULES, i);
    const mds_span_t *name
        = mds_record_item(eval->record, MDS_TABLE_ATTRIBUTES, rule->attribute);

    return mds_str_eq(mds_record_bytes(eval->record, *name),
                      mds_str("app_version"));
}

/* Lets the rules about the version of the app hold, as far as results are
 * cached; the others are looked at one by one. */
void
mds_eval_allow_app_versions(mds_eval_t *eval)
{
    uint32_t rules = eval->record->tables[MDS_TABLE_RULES].count;

    for (uint32_t i = 0; i < rules && i < MDS_RULE_MATCHES_MAX; i++) {
        if (mds_rule_is_about_app_version(eval, i)) {
            eval->rule_matches[i] = MDS_MATCH_YES;
        }
    }
}

static MDS_NOINLINE bool
mds_eval_rule_first(mds_eval_t *eval, uint32_t i)
{
    bool holds = mds_rule_holds(eval, mds_record_item(eval->record,
                                                      MDS_TABLE_RULES, i));

    if (i < MDS_RULE_MATCHES_MAX) {
        eval->rule_matches[i] = holds ? MDS_MATCH_YES : MDS_MATCH_NO;

    } else if (eval->request->any_app_version) {
        holds = holds || mds_rule_is_about_app_version(eval, i);
    }

    return holds;
}

static inline bool
mds_eval_rule(mds_eval_t *eval, uint32_t i)
{
    if (i < MDS_RULE_MATCHES_MAX && eval->rule_matches[i] != MDS_MATCH_UNKNOWN)
    {
        return eval->rule_matches[i] == MDS_MATCH_YES;
    }

    return mds_eval_rule_first(eval, i);
}

static const char *const mds_op_words[] = { MDS_RULE_OPS(MDS_RULE_OP_WORDS) };

static MDS_COLD void
mds_eval_trace_rule(mds_eval_t *eval, uint32_t i, bool holds)
{
    const mds_record_t      *record = eval->record;
    const mds_rule_record_t *rule = mds_record_item(record, MDS_TABLE_RULES, i);
    const mds_span_t        *name
        = mds_record_item(record, MDS_TABLE_ATTRIBUTES, rule->attribute);
    char whole[MDS_DETAIL_MAX / 3], prefixes[MDS_DETAIL_MAX / 3];

    (void) mds_eval_trace(
        eval, "rule", mds_record_bytes(record, *name),
        mds_eval_value(eval, rule->attribute), holds, "%s%.*s%s%s%s%s%s%s",
        mds_op_words[rule->op & MDS_RULE_OP_MASK],
        MDS_STR(mds_record_bytes(record, rule->words)),
        mds_eval_join_texts(eval, rule->values, "", whole, sizeof(whole)),
        rule->values.count > 0 && rule->prefixes.count > 0 ? ", " : "",
        mds_eval_join_texts(eval, rule->prefixes, "*", prefixes,
                            sizeof(prefixes)),
        (rule->op & MDS_RULE_FOLD) != 0 ? ", in upper or lower case" : "",
        (rule->op & MDS_RULE_NUMBER) != 0 ? ", as a number" : "",
        (rule->op & MDS_RULE_ABSENT) != 0 ? ", or absent" : "");
}

bool
mds_eval_rules(mds_eval_t *eval, mds_range_t rules, bool traced)
{
    bool all = true;

    for (uint32_t i = 0; i < rules.count; i++) {
        uint32_t rule = mds_record_ref(eval->record, rules.first + i);
        bool     holds = mds_eval_rule(eval, rule);

        if (traced) {
            mds_eval_trace_rule(eval, rule, holds);

        } else if (!holds) {
            return false;
        }

        all = all && holds;
    }

    return all;
}

mds_str_t
mds_eval_failed_rule(mds_eval_t *eval, mds_range_t rules)
{
    const mds_record_t *record = eval->record;

    for (uint32_t i = 0; i < rules.count; i++) {
        uint32_t index = mds_record_ref(record, rules.first + i);
        const mds_rule_record_t *rule
            = mds_record_item(record, MDS_TABLE_RULES, index);

        if (!mds_eval_rule(eval, index)) {
            const mds_span_t *name
                = mds_record_item(record, MDS_TABLE_ATTRIBUTES,
                                  rule->attribute);

            return mds_record_bytes(record, *name);
        }
    }

    return mds_null_str;
}

bool
mds_eval_rules_about(mds_eval_t *eval, mds_range_t rules, mds_str_t attribute)
{
    const mds_record_t *record = eval->record;

    for (uint32_t i = 0; i < rules.count; i++) {
        uint32_t index = mds_record_ref(record, rules.first + i);
        const mds_rule_record_t *rule
            = mds_record_item(record, MDS_TABLE_RULES, index);
        const mds_span_t *name
            = mds_record_item(record, MDS_TABLE_ATTRIBUTES, rule->attribute);

        if (mds_str_eq(mds_record_bytes(record, *name), attribute)
            && !mds_eval_rule(eval, index))
        {
            return false;
        }
    }

    return true;
}
