/*
 * json_output: prints JSON value by value, as mdsctl_print() would print all of
 * it, so that its reader need not wait for the end and no memory is needed for
 * it.
 *
 *   mdsctl_json_output_t out = { 0 };
 *
 *   mdsctl_json_begin(&out, NULL, '{');
 *   mdsctl_json_value(&out, "serial", mds_json_integer_new(5));
 *   mdsctl_json_begin(&out, "apps", '[');
 *   mdsctl_json_value(&out, NULL, app);            for each
 *   mdsctl_json_end(&out);
 *   mdsctl_json_end(&out);                         ends the line as well
 *
 * The first failure, for which memory was short, sticks in out.status; nothing
 * is printed after it.
 */

#ifndef MDSCTL_JSON_OUTPUT_H
#define MDSCTL_JSON_OUTPUT_H

#include "json/mds_json.h"

#define MDSCTL_JSON_DEPTH_MAX 8

typedef struct {
    unsigned     depth; /* of the arrays and objects that were begun */
    char         ends[MDSCTL_JSON_DEPTH_MAX];
    bool         has_items[MDSCTL_JSON_DEPTH_MAX];
    mds_status_t status;
} mdsctl_json_output_t;

/* Begins an array ('[') or object ('{'). The key, which needs no escape, is
 * NULL in an array. */
void
mdsctl_json_begin(mdsctl_json_output_t *out, const char *key, char bracket);

/* Prints a value, and takes its reference. NULL: memory was short. */
void mdsctl_json_value(mdsctl_json_output_t *out, const char *key,
                       mds_json_t *value);

/* Prints a member whose key may need escapes. */
void
mdsctl_json_member(mdsctl_json_output_t *out, mds_str_t key, mds_json_t *value);

/* Ends the innermost array or object. */
void mdsctl_json_end(mdsctl_json_output_t *out);

#endif
