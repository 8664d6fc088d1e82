/*
 * terms: the options for what a release has besides its audience: rules, times,
 * priority, data for the client.
 */

#ifndef MDSCTL_TERMS_H
#define MDSCTL_TERMS_H

#include "mdsctl.h"

typedef struct {
    mdsctl_values_t rules;
    const char     *start;
    const char     *end;
    const char     *priority;
    const char     *halt;
    const char     *force_below;
    const char     *meta;
} mdsctl_terms_t;

/* The rows of an option table; the struct has the terms as this member. */
#define MDSCTL_TERMS_OPTIONS(struct_type, member)                              \
    { "rule", "JSON", "a rule that must hold as well; may be repeated",        \
      MDSCTL_STORE(struct_type, member.rules) },                               \
        { "start", "TIME", "offer it from then on, such as 2h from now",       \
          MDSCTL_STORE(struct_type, member.start) },                           \
        { "end", "TIME", "offer it until then, such as 7d from now",           \
          MDSCTL_STORE(struct_type, member.end) },                             \
        { "priority", "N", "the highest is tried first; default 0",            \
          MDSCTL_STORE(struct_type, member.priority) },                        \
        { "halt", "JSON",                                                      \
          "stop at: {\"failure_percent\":5,\"min_reports\":200}",              \
          MDSCTL_STORE(struct_type, member.halt) },                            \
        { "force-below", "VERSION",                                            \
          "devices below it get \"prompt\": \"force\"",                        \
          MDSCTL_STORE(struct_type, member.force_below) },                     \
    {                                                                          \
        "meta", "JSON", "data for the client, up to 64 KiB",                   \
            MDSCTL_STORE(struct_type, member.meta)                             \
    }

/*
 * Sets the members that were given, in the form of a document. edits: "none"
 * for an option sets null, which removes the member (mds_release_edit_t).
 * Returns an exit code.
 */
int mdsctl_set_terms(mds_json_t *release, const mdsctl_terms_t *terms,
                     bool edits) MDS_MUST_CHECK;

#endif
