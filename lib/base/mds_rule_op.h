/*
 * mds_rule_op: the table of the operators of rules. A new one is a row here,
 * and its test in evaluate/mds_eval_rule.c. Records store the index of a row:
 * add rows only at the end.
 */

#ifndef MDS_RULE_OP_H
#define MDS_RULE_OP_H

typedef enum {
    MDS_OPERAND_VALUES, /* "values"; a '*' at the end of one makes a prefix */
    MDS_OPERAND_RANGE   /* "min", "max" and "below": versions, or numbers */
} mds_operand_t;

/* Enumerator, name in documents, words of a trace, operand. */
/* clang-format off */
#define MDS_RULE_OPS(ROW)                                                      \
    ROW(MDS_OP_IN,        "in",        "in ",              MDS_OPERAND_VALUES) \
    ROW(MDS_OP_NOT_IN,    "not_in",    "not in ",          MDS_OPERAND_VALUES) \
    ROW(MDS_OP_RANGE,     "range",     "in the range",     MDS_OPERAND_RANGE)  \
    ROW(MDS_OP_NOT_RANGE, "not_range", "not in the range", MDS_OPERAND_RANGE)

#define MDS_RULE_OP_WANTED "\"in\", \"not_in\", \"range\" or \"not_range\""
/* clang-format on */

/* The words of a rule, which a record adds to the index of the row. */
enum {
    MDS_RULE_ABSENT = 0x80, /* it holds if the request lacks the attribute */
    MDS_RULE_FOLD = 0x40,   /* values are folded (mds_fold.h) */
    MDS_RULE_NUMBER = 0x20, /* bounds are keys of numbers (mds_decimal.h) */
    MDS_RULE_OP_MASK = 0x1f
};

#define MDS_RULE_OP_ID(op, name, words, operand) op,
#define MDS_RULE_OP_NAME(op, name, words, operand) name,
#define MDS_RULE_OP_WORDS(op, name, words, operand) words,
#define MDS_RULE_OP_OPERAND(op, name, words, operand) operand,

typedef enum { MDS_RULE_OPS(MDS_RULE_OP_ID) MDS_RULE_OP_COUNT } mds_op_t;

#endif
